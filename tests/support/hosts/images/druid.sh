#!/bin/bash
# Start a service of Druid as the official image does: each variable druid_a_b is the property a.b of the service.
set -euo pipefail
configuration=/tmp/conf
mkdir -p "$configuration"
cp "$DRUID_CONFIG_COMMON" "$configuration/common.runtime.properties"
service=DRUID_CONFIG_$1
{
    cat "${!service}"
    echo
    env | while IFS='=' read -r name value; do
        case $name in
            druid_metadata_* | druid_extensions_loadList) ;;
            druid_*) echo "${name//_/.}=$value" ;;
        esac
    done
    echo 'druid.extensions.loadList=["druid-kafka-indexing-service","druid-datasketches"]'
    echo 'druid.metadata.storage.type=derby'
    echo 'druid.metadata.storage.connector.connectURI=jdbc:derby://localhost:1527/metadata;create=true'
} > "$configuration/runtime.properties"
memory=("-Xms${DRUID_XMS:-256m}" "-Xmx${DRUID_XMX:-256m}" "-XX:MaxDirectMemorySize=${DRUID_MAXDIRECTMEMORYSIZE:-256m}")
# shellcheck disable=SC2086
exec java -XX:+UseSerialGC -XX:TieredStopAtLevel=1 @/opt/druid/java-options "${memory[@]}" ${JAVA_OPTS:-} \
    -Djava.io.tmpdir=/opt/druid/var -Dderby.system.home=/opt/druid/var -Dderby.stream.error.file=/tmp/derby.log -Duser.timezone=UTC -Dfile.encoding=UTF-8 \
    -cp "$configuration:/opt/druid/lib/*" org.apache.druid.cli.Main server "$1"
