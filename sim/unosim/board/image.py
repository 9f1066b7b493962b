"""Firmware files: what an ELF or Intel HEX file puts into flash and EEPROM, and the names it carries.

Formats: ELF for AVR (EM_AVR) with avr-gcc's physical addresses, flash from 0, data from 0x800000, EEPROM from
0x810000; Intel HEX with record types 00 to 05 (Intel Hexadecimal Object File Format Specification, 1988).
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from elftools.common.exceptions import ELFError
from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection

from unosim.board.board import EEPROM_BYTES, FLASH_BYTES
from unosim.board.errors import ImageError

ELF_MAGIC = b"\x7fELF"
DATA_OFFSET = 0x80_0000
EEPROM_OFFSET = 0x81_0000
FUSE_OFFSET = 0x82_0000  # fuses, lock bits and signature follow; they are no memory of the running chip


class Symbol(NamedTuple):
    """A name in the program.

    Attributes:
        address: byte address in flash for code, data address for variables.
        size: bytes, 0 if the program does not say.
    """

    address: int
    size: int


@dataclass(frozen=True)
class Image:
    """What a firmware file holds.

    Attributes:
        flash: bytes from address 0 to the last one used.
        eeprom: bytes from address 0 to the last one used; empty if the file has none.
        symbols: by name; empty for Intel HEX.
    """

    flash: bytes
    eeprom: bytes = b""
    symbols: dict[str, Symbol] = field(default_factory=dict)


def load_image(path: str | Path) -> Image:
    """Read an ELF or Intel HEX file; the content decides which it is.

    Raises:
        ImageError: missing, not an AVR image, too large, or damaged.
    """
    path = Path(path)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ImageError(f"cannot read firmware {str(path)!r}: {error.strerror}; build it first") from error
    if content.startswith(ELF_MAGIC):
        return _load_elf(path)
    if content.lstrip().startswith(b":"):
        return Image(flash=_load_hex(content, path))
    raise ImageError(
        f"{str(path)!r} is neither an ELF nor an Intel HEX file (it begins with {content[:4]!r})"
    )


def _load_elf(path: Path) -> Image:
    flash = _Memory("flash", FLASH_BYTES, path)
    eeprom = _Memory("EEPROM", EEPROM_BYTES, path)
    with path.open("rb") as file:
        try:
            elf = ELFFile(file)
            if elf["e_machine"] != "EM_AVR":
                raise ImageError(f"{str(path)!r} is an ELF file for {elf['e_machine']}, not for AVR")
            for segment in elf.iter_segments("PT_LOAD"):
                address = segment["p_paddr"]
                if address < DATA_OFFSET:
                    flash.put(address, segment.data())
                elif EEPROM_OFFSET <= address < FUSE_OFFSET:
                    eeprom.put(address - EEPROM_OFFSET, segment.data())
            return Image(flash.content(), eeprom.content(), _symbols_of(elf))
        except ELFError as error:
            raise ImageError(f"{str(path)!r} is a damaged ELF file: {error}") from error


def _symbols_of(elf: ELFFile) -> dict[str, Symbol]:
    symbols = {}
    for section in elf.iter_sections():
        if isinstance(section, SymbolTableSection):
            for symbol in section.iter_symbols():
                if symbol.name and symbol["st_info"]["type"] in {"STT_FUNC", "STT_OBJECT", "STT_NOTYPE"}:
                    address = symbol["st_value"]
                    offset = EEPROM_OFFSET if address >= EEPROM_OFFSET else DATA_OFFSET
                    address = address - offset if address >= offset else address
                    symbols[symbol.name] = Symbol(address, symbol["st_size"])
    return symbols


def _load_hex(content: bytes, path: Path) -> bytes:
    flash = _Memory("flash", FLASH_BYTES, path)
    base = 0
    for number, line in enumerate(content.split(), start=1):
        where = f"{str(path)!r} line {number}"
        record = _hex_record(line, where)
        offset, kind, data = int.from_bytes(record[1:3], "big"), record[3], record[4:-1]
        if kind == 0:
            flash.put(base + offset, data)
        elif kind == 1:
            return flash.content()
        elif kind in {2, 4}:  # extended segment (paragraphs) and extended linear address (upper 16 bits)
            base = int.from_bytes(data, "big") << (4 if kind == 2 else 16)
        elif kind not in {3, 5}:  # start addresses mean nothing here
            raise ImageError(f"{where}: unknown Intel HEX record type {kind}")
    raise ImageError(f"{str(path)!r} has no end record: the file is cut off")


def _hex_record(line: bytes, where: str) -> bytes:
    try:
        record = bytes.fromhex(line.removeprefix(b":").decode("ascii"))
    except ValueError as error:
        raise ImageError(f"{where}: not an Intel HEX record: {line[:16]!r}") from error
    if len(record) < 5 or len(record) != record[0] + 5:
        raise ImageError(f"{where}: record is cut off or too long")
    if sum(record) % 256:
        raise ImageError(f"{where}: checksum is wrong")
    return record


class _Memory:
    """Bytes put at addresses, with a limit."""

    def __init__(self, name: str, size_bytes: int, path: Path) -> None:
        self._name = name
        self._size_bytes = size_bytes
        self._path = path
        self._bytes = bytearray()

    def put(self, address: int, data: bytes) -> None:
        end = address + len(data)
        if end > self._size_bytes:
            raise ImageError(
                f"{str(self._path)!r} puts {len(data)} bytes at 0x{address:x}: beyond the {self._name}'s "
                f"{self._size_bytes} bytes"
            )
        if end > len(self._bytes):
            self._bytes.extend(b"\xff" * (end - len(self._bytes)))
        self._bytes[address:end] = data

    def content(self) -> bytes:
        return bytes(self._bytes)
