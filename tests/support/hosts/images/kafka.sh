# Start Kafka as the official image does: each variable KAFKA_A_B is the property a.b.
set -euo pipefail
properties=/opt/kafka/config/server.properties
env | while IFS='=' read -r name value; do
    case $name in
        KAFKA_HEAP_OPTS | KAFKA_OPTS) ;;
        KAFKA_*) name=${name#KAFKA_} name=${name//_/.} && echo "${name,,}=$value" ;;
    esac
done > "$properties"
java=(java -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Dlog4j2.configurationFile=/opt/log4j2.xml -cp '/opt/kafka/libs/*')
"${java[@]}" kafka.tools.StorageTool format --ignore-formatted --cluster-id="${CLUSTER_ID:-5L6g3nShT-eMCtK--X86sw}" --config="$properties"
# shellcheck disable=SC2086
exec "${java[@]}" ${KAFKA_HEAP_OPTS:-} kafka.Kafka "$properties"
