#!/usr/bin/env bash
# Sets up the other implementations that tests/peers talks to, below build/peers:
# a virtual environment with upstream's pyfory 1.7.7, the Rust peer (crate fory
# 1.7.7), the Java peer (fory-core 1.5.0) and Java's row format; Java wants mvn
# and a JDK of 17 or later. Prints the environment variables that the tests want:
#
#   eval "$(tests/peers/setup.sh)"
#
# PYTHON names the interpreter for upstream (default: python3).
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
out=$(cd "$here/../.." && pwd)/build/peers
mkdir -p "$out"

upstream=$out/upstream
if ! "$upstream/bin/python" -c 'import pyfory, sys; sys.exit(pyfory.__version__ != "1.7.7")' 2>/dev/null; then
    "${PYTHON:-python3}" -m venv --clear "$upstream" >&2
    "$upstream/bin/python" -m pip install --quiet --disable-pip-version-check pyfory==1.7.7 >&2
fi

cargo build --quiet --locked --manifest-path "$here/rust/Cargo.toml" --target-dir "$out/rust" >&2

java=$out/java
jar=$java/lib/fory-core-1.5.0.jar
mkdir -p "$java/src"
if [[ ! -s "$jar" ]]; then
    mvn -B -q -Dmaven.repo.local="$out/maven" -f "$here/java/pom.xml" org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies \
        -DoutputDirectory="$java/lib" -DexcludeTransitive=true >&2
fi
"${PYTHON:-python3}" "$here/java/generate.py" "$java/src"
rm -rf "$java/classes"
javac -nowarn -encoding UTF-8 -cp "$jar" -d "$java/classes" "$here/java/Peer.java" "$java/src/Schemas.java" >&2
# Quick to start rather than fast; nothing but answers on standard output.
cat >"$java/peer" <<EOF
#!/bin/sh
exec java -XX:TieredStopAtLevel=1 -XX:+UseSerialGC -Xmx512m -XX:ErrorFile=/dev/null -XX:-CreateCoredumpOnCrash \\
    -cp '$java/classes:$jar' peer.Peer 2>/dev/null
EOF
chmod +x "$java/peer"

echo "export PYFORY_UPSTREAM_PYTHON='$upstream/bin/python'"
echo "export PYFORY_RUST_PEER='$out/rust/debug/pyfory-rust-peer'"
echo "export PYFORY_JAVA_PEER='$java/peer'"
bash "$here/setup_java_rows.sh"
