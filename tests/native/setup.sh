#!/usr/bin/env bash
# Sets up what the parity tests compare with, below build/parity: an environment
# with upstream's pyfory 1.7.7 and the packages of requirements.txt. The same
# packages go into the environment that has this package, whose pip is named by
# the first argument, if one is given. Prints the variables that the tests want;
# with them nothing in tests/native is skipped for lack of a package:
#
#   eval "$(tests/native/setup.sh .venv/bin/pip)"
#
# PYTHON names the interpreter for upstream (default: python3; 3.11 is the one
# that docs/pickle-parity.md was made with).
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
out=$(cd "$here/../.." && pwd)/build/parity
mkdir -p "$out"

upstream=$out/upstream
if ! "$upstream/bin/python" -c 'import pydantic, pyfory, sys; sys.exit(pyfory.__version__ != "1.7.7")' 2>/dev/null; then
    "${PYTHON:-python3}" -m venv --clear "$upstream" >&2
    "$upstream/bin/python" -m pip install --quiet --disable-pip-version-check pyfory==1.7.7 -r "$here/requirements.txt" >&2
fi
if [[ $# -gt 0 ]]; then
    "$1" install --quiet --disable-pip-version-check -r "$here/requirements.txt" >&2
fi

echo "export PYFORY_PARITY_UPSTREAM='$upstream/bin/python'"
echo "export PYFORY_CLIENTS=1"
