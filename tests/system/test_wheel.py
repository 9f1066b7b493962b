"""The wheel in somebody else's project: no toolchain, no checkout, the plugin found by its entry point."""

import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.system
ROOT = Path(__file__).parents[2]
IMAGE = ROOT / ".pio/build/uno/firmware.elf"
SOURCES = ("sim", "bridge", "ingest_server", "pyproject.toml", "setup.py", "README.md", "LICENSE")

PROJECT = """
import dataclasses
import re
import shutil

import pytest

from unosim.board import load_image
from unosim.lab import set_up_eeprom
from unosim.network import Reply


@pytest.fixture
def unosim_firmware():
    image = load_image("firmware.elf")
    return dataclasses.replace(image, eeprom=set_up_eeprom(image.flash))


def hello(environ, start_response):
    start_response("200 OK", [("content-length", "2")])
    return [b"hi"]


def test_there_is_no_toolchain_here():
    assert shutil.which("avr-gcc") is None


def test_a_module_asks_a_web_server(unosim_modem, unosim_network):
    unosim_network.wsgi("web.lan", 80, hello)
    unosim_modem.expect_exact(b"ready\\r\\n")
    unosim_modem.write(b'AT+CWJAP_CUR="unolink","simulated"\\r\\n')
    unosim_modem.expect_exact(b"GOT IP\\r\\n\\r\\nOK\\r\\n")
    unosim_modem.write(b'AT+CIPSTART="TCP","web.lan",80\\r\\n')
    unosim_modem.expect_exact(b"CONNECT\\r\\n\\r\\nOK\\r\\n")
    request = b"GET / HTTP/1.1\\r\\nhost: web.lan\\r\\n\\r\\n"
    unosim_modem.write(b"AT+CIPSEND=%d\\r\\n" % len(request))
    unosim_modem.expect_exact(b"> ")
    unosim_modem.write(request)
    unosim_modem.expect(rb"\\+IPD,\\d+:HTTP/1.1 200 OK\\r\\n(?s:.*)hi")


def test_an_uno_with_a_module_posts_to_a_script(unosim_wired_uno, unosim_network):
    answer = Reply(b"HTTP/1.1 503 Busy\\r\\ncontent-length: 0\\r\\n\\r\\n", close=True)
    unosim_network.script("ingest.lan", 8080, [(re.compile(rb"(?s)POST .*"), answer)])
    unosim_wired_uno.expect(rb"AT\\+CIPSTART")
    unosim_wired_uno.modem.expect_exact(b"503 Busy")


def test_that_fails(unosim_modem):
    unosim_modem.expect_exact(b"never", timeout_s=1)
"""


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of a new environment with our wheel in it; what we depend on comes from this one."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    source.mkdir()
    for name in SOURCES:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, source / name)
    for built in source.rglob("*.so"):
        built.unlink()
    run(sys.executable, "setup.py", "-q", "bdist_wheel", "-d", str(folder), cwd=source)
    (wheel,) = folder.glob("*.whl")
    run(sys.executable, "-m", "venv", "--without-pip", str(folder / "venv"))
    ours = Path(sysconfig.get_path("purelib", vars={"base": str(folder / "venv")}))
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(ours)
    # a folder named in a .pth file is searched last, and its own .pth files are not read
    (ours / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return folder / "venv/bin/python"


def run(*command: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done


def test_a_foreign_project_tests_its_firmware(python: Path, tmp_path: Path) -> None:
    assert IMAGE.exists(), f"no image at {IMAGE}: run make firmware"
    (tmp_path / "test_project.py").write_text(PROJECT)
    shutil.copy(IMAGE, tmp_path)
    done = subprocess.run(
        [python, "-m", "pytest", "-q", "-W", "error", "-p", "no:cacheprovider"],
        cwd=tmp_path,
        env={"PATH": os.defpath, "CI": "true"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "3 passed" in done.stdout, done.stdout + done.stderr
    assert "FAILED test_project.py::test_that_fails" in done.stdout
    assert "file    .unosim/test_project.py-test_that_fails.attrace" in done.stdout
    recording = str(tmp_path / ".unosim/test_project.py-test_that_fails.attrace")
    assert "the same" in run(str(python), "-m", "unosim", "replay", recording, cwd=tmp_path).stdout
    where = run(str(python), "-c", "import unosim; print(unosim.__file__)", cwd=tmp_path).stdout
    assert where.startswith(str(python.parents[1]))
