#!/bin/sh
# Run Debian's cppcheck, unpacked into a folder, over the firmware; every complaint is an error.
#
# usage: cppcheck.sh FOLDER
#
# The program looks for its own files under /usr, or beside itself: so they are linked there. `pio check` would ask its
# registry for another copy of the same program.
set -eu

[ $# -eq 1 ] || { echo "usage: $0 FOLDER" >&2; exit 2; }
libraries="$1/usr/lib/$(gcc -dumpmachine)"
for part in cfg platforms; do
    ln -sfn "../lib/$(gcc -dumpmachine)/cppcheck/$part" "$1/usr/bin/$part"
done
# Members are not initialised: that is flash. What holds them lies on memory that is zero.
core=firmware/lib/core/src
folder="$1"
check() {
    LD_LIBRARY_PATH="$libraries:$folder/lib/$(gcc -dumpmachine)" "$folder/usr/bin/cppcheck" --quiet --error-exitcode=1 \
        --enable=warning,style,performance,portability --inline-suppr --suppress=uninitMemberVar \
        --suppress=uninitMemberVarPrivate --suppress=noConstructor --std=c++14 --language=c++ --platform=avr8 \
        -I "$core" -I firmware/lib/hal/include "$@"
}
check "$core"
# The board's part, as the AVR's compiler sees it; what an interrupt routine is, avr-libc's headers would say.
check -D__AVR__ -DF_CPU=16000000L -DUSART_RX_BYTES=128 -DUSART_TX_BYTES=32 '-DISR(vector)=void vector()' \
    -I firmware/src firmware/src
