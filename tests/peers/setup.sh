#!/usr/bin/env bash
# Sets up the other implementations that tests/peers talks to, below build/peers:
# a virtual environment with upstream's pyfory 1.7.7, and the Rust peer
# (crate fory 1.7.7). Prints the environment variables that the tests want:
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

echo "export PYFORY_UPSTREAM_PYTHON='$upstream/bin/python'"
echo "export PYFORY_RUST_PEER='$out/rust/debug/pyfory-rust-peer'"
