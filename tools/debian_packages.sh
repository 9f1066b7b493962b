#!/bin/sh
# Unpack Debian/Ubuntu packages into a folder of the project: no root, nothing installed on the system.
#
# usage: debian_packages.sh FOLDER PACKAGE...
#
# A PACKAGE may be written NAME|OTHER where releases differ: the first that this release has is taken.
# apt keeps its lists in FOLDER/.apt, so a machine whose own lists are empty or read-only works too. A package that is
# already unpacked (FOLDER/.apt/PACKAGE.unpacked) is left alone.
set -eu

[ $# -ge 2 ] || { echo "usage: $0 FOLDER PACKAGE..." >&2; exit 2; }
mkdir -p "$1"
root=$(cd "$1" && pwd)
shift
apt_home="$root/.apt"

missing=""
for package in "$@"; do
    [ -e "$apt_home/$package.unpacked" ] || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

for program in apt-get dpkg-deb; do
    command -v "$program" >/dev/null 2>&1 || {
        echo "$0: $program is missing: this step needs Debian or Ubuntu." >&2
        echo "Elsewhere, build the firmware with PlatformIO's own packages: pio run -e uno" >&2
        exit 1
    }
done

mkdir -p "$apt_home/lists/partial" "$apt_home/archives/partial"
apt() {
    apt-get -qq -o Dir::State::lists="$apt_home/lists" -o Dir::Cache="$apt_home" \
        -o Dir::Cache::archives="$apt_home/archives" -o APT::Sandbox::User="$(id -un)" "$@"
}

# The first of NAME|OTHER|... that this release has.
available() {
    for name in $(echo "$1" | tr '|' ' '); do
        if apt download --print-uris "$name" >/dev/null 2>&1; then
            echo "$name"
            return
        fi
    done
    echo "$0: this release has no package $1" >&2
    exit 1
}

echo "setting up: Debian packages into $root:$missing"
cd "$apt_home/archives"
rm -f ./*.deb
apt update
for package in $missing; do
    name=$(available "$package")
    apt download "$name"
    dpkg-deb -x "$name"_*.deb "$root"
    rm "$name"_*.deb
    touch "$apt_home/$package.unpacked"
done
rm -rf "$apt_home/lists"
