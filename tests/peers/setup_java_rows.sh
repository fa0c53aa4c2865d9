#!/usr/bin/env bash
# Sets up the Java row format that test_peer_rows.py talks to, below build/peers/row-java.
# Prints the environment variable that the tests want:
#
#   eval "$(tests/peers/setup_java_rows.sh)"
#
# Needs a JDK and Maven.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
out=$(cd "$here/../.." && pwd)/build/peers/row-java
mkdir -p "$out/classes"

if [[ ! -e "$out/fetched" ]]; then
    mvn -q -B -f "$here/java-rows/pom.xml" org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies \
        -DoutputDirectory="$out/lib" >&2
    touch "$out/fetched"
fi
javac -nowarn -cp "$out/lib/*" -d "$out/classes" "$here/java-rows/rowpeer/RowPeer.java" >&2

echo "export PYFORY_JAVA_ROW_PEER='$out'"
