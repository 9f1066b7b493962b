"""Firmware files: what is read from good ones, and what is said about bad ones."""

from collections.abc import Callable
from pathlib import Path

import pytest

from unosim.board import Board, Image, ImageError, _core, load_image


def test_elf_gives_flash_eeprom_and_symbols(avr_compile: Callable[[str], Image]) -> None:
    image = avr_compile(
        """
        #include <avr/eeprom.h>
        uint8_t EEMEM settings[4] = {1, 2, 3, 4};
        volatile uint16_t counter = 0x1234;
        volatile uint8_t buffer[32];
        int main(void) { for (;;) { counter += eeprom_read_byte(settings) + buffer[0]; } }"""
    )
    assert image.eeprom == b"\x01\x02\x03\x04"
    assert (image.symbols["counter"].address, image.symbols["counter"].size) == (0x100, 2)
    assert image.symbols["buffer"].size == 32
    assert image.symbols["settings"].address == 0
    main = image.symbols["main"]
    assert 0x68 < main.address < len(image.flash)
    board = Board(image.flash, eeprom=image.eeprom)
    board.run(5000)
    assert board.read_data(image.symbols["counter"].address, 2) != b"\xa5\xa5"


GOOD_HEX = """\
:100000000C9434000C943E000C943E000C943E0082
:02001000AABB89
:00000001FF
"""


def test_hex_gives_flash(tmp_path: Path) -> None:
    path = tmp_path / "blink.hex"
    path.write_text(GOOD_HEX)
    assert load_image(path).flash == bytes.fromhex("0C943400 0C943E00 0C943E00 0C943E00 AABB")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        pytest.param(b"", "neither an ELF nor an Intel HEX file", id="empty"),
        pytest.param(b"MZ\x90", "neither an ELF nor an Intel HEX file", id="something else"),
        pytest.param(
            GOOD_HEX.replace("AABB89", "AABC89").encode(), "line 2: checksum is wrong", id="checksum"
        ),
        pytest.param(b":0200\n", "line 1: record is cut off or too long", id="short record"),
        pytest.param(b":zz\n", "line 1: not an Intel HEX record", id="not hexadecimal"),
        pytest.param(b":00000001FF"[:3], "line 1: record is cut off or too long", id="cut in a record"),
        pytest.param(GOOD_HEX.rsplit(":", 1)[0].encode(), "no end record", id="cut between records"),
        pytest.param(b":00000009F7\n", "line 1: unknown Intel HEX record type 9", id="type"),
        pytest.param(
            b":028000000102FB"[:9] + b"01027B\n", "puts 2 bytes at 0x8000: beyond the flash's", id="too large"
        ),
        pytest.param(b"\x7fELF\x02\x01\x01" + bytes(20), "is a damaged ELF file", id="damaged ELF"),
    ],
)
def test_bad_files_are_named_and_explained(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "firmware.bin"
    path.write_bytes(content)
    with pytest.raises(ImageError, match=message) as caught:
        load_image(path)
    assert "firmware.bin" in str(caught.value)


def test_a_missing_file_says_so(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match=r"cannot read firmware .*gone\.elf.*: No such file or directory"):
        load_image(tmp_path / "gone.elf")


def test_an_elf_for_another_machine_is_refused() -> None:
    with pytest.raises(ImageError, match=r"is an ELF file for EM_.*, not for AVR"):
        load_image(_core.__file__)
