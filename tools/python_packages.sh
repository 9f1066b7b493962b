#!/bin/sh
# Make .venv with what requirements.lock names, from the hashes that it names.
#
# usage: python_packages.sh PYTHON
#
# Says in one sentence what the machine lacks, before pip would say it in a hundred.
set -eu

[ $# -eq 1 ] || { echo "usage: $0 PYTHON" >&2; exit 2; }
cd "$(dirname "$0")/.."
[ .venv/.locked -nt requirements.lock ] && exit 0  # another build has done it while this one waited

fail() {
    echo "setting up: $1" >&2
    echo "hint: $2" >&2
    exit 1
}

"$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null ||
    fail "$1 is not Python 3.11 or newer" "install one and name it: make PYTHON=python3.12 ..."
"$1" -c 'import ensurepip, venv' 2>/dev/null ||
    fail "$1 cannot make virtual environments" "on Debian and Ubuntu: apt install python3-venv"
command -v gcc >/dev/null 2>&1 ||
    fail "there is no gcc" "on Debian and Ubuntu: apt install gcc libc6-dev"

echo "setting up: Python packages into .venv"
"$1" -m venv --clear .venv
.venv/bin/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
touch .venv/.locked
