#!/bin/bash
# Start ZooKeeper with the file and the variable of the official image.
set -euo pipefail
# shellcheck disable=SC2086
exec java ${JVMFLAGS:-} -cp '/opt/druid/lib/*' org.apache.zookeeper.server.quorum.QuorumPeerMain /conf/zoo.cfg
