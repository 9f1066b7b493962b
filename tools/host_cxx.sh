#!/bin/sh
# Make sure that there is a C++ compiler for the firmware's tests on the host: a machine with gcc may have no g++.
#
# usage: host_cxx.sh FOLDER
#
# Where g++ is missing, the one that matches gcc is unpacked into FOLDER and linked as FOLDER/cxx/g++.
set -eu

[ $# -eq 1 ] || { echo "usage: $0 FOLDER" >&2; exit 2; }
mkdir -p "$1/cxx"
command -v g++ >/dev/null 2>&1 && exit 0

version=$(gcc -dumpversion | cut -d. -f1)
machine=$(gcc -dumpmachine)
package=$(echo "$machine" | tr _ -)  # from Debian 13 and Ubuntu 24.04 on, the compilers are in packages of this name
"$(dirname "$0")/debian_packages.sh" "$1" "libgcc-$version-dev" "libstdc++-$version-dev" \
    "gcc-$version-$package|gcc-$version" "g++-$version-$package|g++-$version"
ln -sf "../usr/bin/$machine-g++-$version" "$1/cxx/g++"
