# What a newcomer types: make demo, make test. `make help` lists the rest.
#
# Everything is set up inside this folder: Python packages in .venv, the AVR toolchain and the test oracles in .tools,
# both removed by `make clean`. Nothing is installed on the system and no step needs root.

PYTHON ?= python3
ARGS ?=

BIN := .venv/bin
DEBIAN := .tools/debian
IMAGE := .pio/build/uno/firmware.elf

# PlatformIO: its packages in this folder, no telemetry, no look for updates.
export PLATFORMIO_CORE_DIR := $(CURDIR)/.tools/platformio
export PLATFORMIO_SETTING_ENABLE_TELEMETRY := no
export PLATFORMIO_DISABLE_UPGRADE_CHECK := true

PACKAGES := gcc-avr binutils-avr avr-libc arduino-core-avr libsimavr2 libsimavr-dev gdb-avr 'libelf1t64|libelf1' doctest-dev \
    cppcheck 'libtinyxml2-11|libtinyxml2-10|libtinyxml2-9' libpcre3
# a broker for the tests, and what it needs beyond a minimal system
PACKAGES += mosquitto libmosquitto1 libcjson1 libdlt2 'libwebsockets19t64|libwebsockets19|libwebsockets17|libwebsockets16' libwrap0 \
    'libuv1t64|libuv1' 'libev4t64|libev4'
# what `unobridge flash` calls
PACKAGES += avrdude libftdi1 'libhidapi-libusb0' 'libusb-0.1-4' 'libusb-1.0-0' 'libreadline8t64|libreadline8'

# Two builds in one folder wait for each other.
ONE_AT_A_TIME := flock .lock

.PHONY: help demo test check bench sanitize fuzz fuzzbytes fuzzapi campaign mutants soak torture doctor format firmware install toolchain oracles clean
.DEFAULT_GOAL := help

help:  ## list the targets
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## */  make \1|/' | column -t -s '|'

demo: install firmware  ## send readings along the whole path, on this terminal (ARGS="--readings 20 --json")
	@$(BIN)/unosim demo $(ARGS)

test: install firmware oracles  ## run every test
	PATH="$$PATH:$(CURDIR)/$(DEBIAN)/cxx" $(BIN)/pio test -e native
	$(BIN)/python -m pytest -n auto --dist loadfile $(ARGS)

check: install toolchain  ## format, lint, types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	git ls-files '*.c' '*.h' '*.cpp' | xargs $(BIN)/clang-format --dry-run --Werror
	tools/cppcheck.sh $(DEBIAN)

bench: install firmware oracles  ## measure the simulated Uno beside libsimavr and avr8js, the ESP-01, the ingest server and the way to the log
	$(BIN)/python bench/board.py
	$(BIN)/python bench/firmware.py
	$(BIN)/python bench/modem.py
	$(BIN)/python bench/bridging.py
	$(BIN)/python bench/ingest.py

sanitize: install toolchain  ## run the board's tests over a C core built with the sanitizers (ARGS="-k usart")
	tools/sanitize.sh $(BIN)/python $(ARGS)

fuzz: install firmware  ## run the simulated Uno on random flash and input (ARGS="--seconds 600 --first 1000000")
	$(BIN)/python tests/sim/board/fuzzing.py $(ARGS)

soak: install firmware  ## run the image for days of simulated time, twice, to the same trace (ARGS="--days 7")
	PYTHONPATH=tests $(BIN)/python tests/system/soak.py $(ARGS)

torture: install  ## deliver 200,000 readings while both sides are killed and the cloud fails (ARGS="200000 7")
	PYTHONPATH=tests $(BIN)/python tests/system/torture.py $(or $(ARGS),200000 1)

doctor: install  ## try the doctor on 1,300 modules with a trouble each (a minute)
	UNOBRIDGE_DOCTOR_CASES=1300 $(BIN)/python -m pytest -q tests/bridge/test_doctor.py -k random

fuzzbytes: install toolchain  ## random bytes into the firmware's readers, with sanitizers, for some seconds (ARGS="ROUNDS SEED")
	@mkdir -p build
	PATH="$$PATH:$(CURDIR)/$(DEBIAN)/cxx" g++ -std=gnu++14 -Wall -Wextra -Werror -O1 -g -fsanitize=address,undefined \
	    -fno-sanitize-recover=all -Ifirmware/lib/core/src -Ifirmware/lib/hal/include -Ifirmware/test/test_core \
	    firmware/fuzz/*.cpp firmware/test/test_core/fake_board.cpp firmware/lib/core/src/core/*.cpp -o build/fuzzbytes
	build/fuzzbytes $(or $(ARGS),20000 1)

campaign: install firmware  ## try every claim of docs/reliability.md in full, about two hours (ARGS="--each-push", ARGS="forgeries")
	PYTHONPATH=tests $(BIN)/python -m campaign $(ARGS)

mutants: install firmware  ## break the code on purpose, in every way of a table, and see a test fail each time (minutes)
	PYTHONPATH=tests $(BIN)/python -m campaign mutations --each-push

fuzzapi: install  ## 20,000 generated requests against the ingest server and its OpenAPI document (minutes)
	PYTHONPATH=tests $(BIN)/python -m ingest_server.fuzz 2500

format: install  ## rewrite the sources in the house's format
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .
	git ls-files '*.c' '*.h' '*.cpp' | xargs $(BIN)/clang-format -i

firmware: install toolchain  ## build both images for the Uno and print flash, RAM and stack
	@$(ONE_AT_A_TIME) $(BIN)/pio run -e uno -e uno_softserial

install: .venv/.installed  ## Python packages and our own, with the C core compiled

.venv/.locked: requirements.lock
	@$(ONE_AT_A_TIME) tools/python_packages.sh $(PYTHON)

.venv/.installed: .venv/.locked pyproject.toml setup.py $(wildcard sim/unosim/board/*.[ch])
	@echo "setting up: the simulator's C core"
	@$(ONE_AT_A_TIME) tools/install_package.sh $(BIN)/python $(DEBIAN)
	@touch $@

toolchain: .tools/.ready  ## AVR compiler, Arduino core and simavr (a test oracle), unpacked into .tools

.tools/.ready: Makefile tools/debian_packages.sh tools/host_cxx.sh $(wildcard tools/pio_offline/*.py tools/pio_offline/*/*) .venv/.locked
	@$(ONE_AT_A_TIME) tools/debian_packages.sh $(DEBIAN) $(PACKAGES)
	@$(ONE_AT_A_TIME) tools/host_cxx.sh $(DEBIAN)
	@$(ONE_AT_A_TIME) $(BIN)/python tools/pio_offline/seed.py "$(PLATFORMIO_CORE_DIR)" $(DEBIAN)/usr
	@touch $@

oracles: .tools/node/.ready  ## avr8js and a Node to run it, for the board's tests

.tools/node/.ready: $(wildcard tools/avr8js/*) .venv/.locked
	@$(ONE_AT_A_TIME) tools/avr8js/install.sh $(BIN)/python $(CURDIR)/.tools/node
	@touch $@

clean:  ## remove everything that was built or fetched
	rm -rf .lock .venv .tools .pio build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find sim bridge ingest_server -name '*.so' -delete
