#!/bin/sh
# Say in one sentence what this machine lacks, before a long build says it in a hundred.
#
# usage: check_machine.sh PYTHON
set -eu

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
