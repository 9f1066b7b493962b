#!/bin/sh
# Install unolink into a virtual environment from this checkout, compiling the C core.
#
# usage: install_package.sh PYTHON FOLDER
#
# Where the interpreter's C headers are not installed (Debian keeps them in a package of their own), they are unpacked
# into FOLDER.
set -eu

[ $# -eq 2 ] || { echo "usage: $0 PYTHON FOLDER" >&2; exit 2; }
python=$1
here=$(dirname "$0")

headers=$("$python" -c 'import sysconfig; print(sysconfig.get_path("include"))')
if [ ! -e "$headers/Python.h" ]; then
    name=$(basename "$headers")
    "$here/debian_packages.sh" "$2" "lib$name-dev"
    include=$(cd "$2" && pwd)/usr/include
    export C_INCLUDE_PATH="$include/$name:$include"
fi

"$python" -m pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps --editable .
