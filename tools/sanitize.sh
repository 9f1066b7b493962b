#!/bin/sh
# Build the simulator's C core with the address and undefined-behaviour sanitizers, beside the ordinary one, and run the
# board's tests over it. The first error ends the run with a report.
#
# usage: sanitize.sh PYTHON [PYTEST_ARGUMENT...]
set -eu

[ $# -ge 1 ] || { echo "usage: $0 PYTHON [PYTEST_ARGUMENT...]" >&2; exit 2; }
python=$1
shift
build=build/sanitize
asan=$(gcc -print-file-name=libasan.so)
[ -e "$asan" ] || { echo "$0: gcc has no address sanitizer here; on Debian and Ubuntu: apt install libasan8" >&2; exit 1; }

mkdir -p "$build"
rm -rf "$build/unosim"
cp -r sim/unosim "$build/unosim"
rm -f "$build"/unosim/board/*.so
CFLAGS="-g -fsanitize=address,undefined -fno-sanitize-recover=all" LDFLAGS="-fsanitize=address,undefined" \
    "$python" setup.py --quiet build_ext --build-lib "$build" --build-temp "$build/objects"

# Python never frees what it keeps for ever, so leaks say nothing. Its own allocator would hide what is next to a buffer.
# Node does not run under the sanitizer.
ASAN_OPTIONS=detect_leaks=0 PYTHONMALLOC=malloc LD_PRELOAD="$asan" PYTHONPATH="$(pwd)/$build" \
    "$python" -m pytest tests/sim/board --ignore tests/sim/board/test_avr8js.py -p no:cacheprovider "$@"
