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
            druid_*) echo "${name//_/.}=$value" ;;
        esac
    done
} > "$configuration/runtime.properties"
memory=("-Xms${DRUID_XMS:-256m}" "-Xmx${DRUID_XMX:-256m}" "-XX:MaxDirectMemorySize=${DRUID_MAXDIRECTMEMORYSIZE:-256m}")
# shellcheck disable=SC2086
exec java -XX:+UseSerialGC -XX:TieredStopAtLevel=1 @/opt/druid/java-options "${memory[@]}" ${JAVA_OPTS:-} \
    -Djava.io.tmpdir=/opt/druid/var -Duser.timezone=UTC -Dfile.encoding=UTF-8 \
    -cp "$configuration:/opt/druid/lib/*" org.apache.druid.cli.Main server "$1"
