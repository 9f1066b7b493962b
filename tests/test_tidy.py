"""House rules that a machine can check: sizes, imports between packages, and what may not stand in a file."""

import ast
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
MODULE_LINES_MAX = 400
FUNCTION_LINES_MAX = 60
C_FILE_LINES_MAX = 500
TRACKED_FILE_BYTES_MAX = 300_000

PACKAGES = {
    "unosim": ROOT / "sim" / "unosim",
    "unobridge": ROOT / "bridge" / "unobridge",
    "unoingest": ROOT / "ingest_server" / "unoingest",
}


def tracked(*patterns: str) -> list[Path]:
    listing = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", *patterns],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return sorted(ROOT / name for name in listing.stdout.splitlines() if (ROOT / name).is_file())


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


PYTHON = tracked("*.py")
PRODUCT_PYTHON = [path for path in PYTHON if any(path.is_relative_to(folder) for folder in PACKAGES.values())]
C_FAMILY = tracked("*.c", "*.h", "*.cpp")


def imported_modules(path: Path) -> set[str]:
    modules = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            modules |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name_of(path)}:{node.lineno}: write the import out"
            modules.add(node.module or "")
    return modules


def test_the_files_are_found() -> None:
    assert len(PRODUCT_PYTHON) > 20
    assert len(C_FAMILY) > 10


@pytest.mark.parametrize("path", PRODUCT_PYTHON, ids=name_of)
def test_a_module_is_read_in_one_sitting(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= MODULE_LINES_MAX


@pytest.mark.parametrize("path", C_FAMILY, ids=name_of)
def test_a_c_file_is_read_in_one_sitting(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= C_FILE_LINES_MAX


@pytest.mark.parametrize("path", PYTHON, ids=name_of)
def test_a_function_is_seen_whole(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            assert lines <= FUNCTION_LINES_MAX, f"{node.name} has {lines} lines"


FORBIDDEN_IMPORTS = {
    "unosim": {"unobridge", "unoingest"},
    "unoingest": {"unosim", "unobridge"},
    "unobridge": {"unoingest"},
}


BRIDGE_USES = {
    f"unosim.{name}"
    for name in (
        "attrace",
        "clock",
        "console",
        "errors",
        "esp01",
        "masking",
        "modem",
        "network",
        "trace",
        "uart",
    )
}


@pytest.mark.parametrize("path", PRODUCT_PYTHON, ids=name_of)
def test_packages_import_downwards_only(path: Path) -> None:
    package = next(name for name, folder in PACKAGES.items() if path.is_relative_to(folder))
    for module in imported_modules(path):
        assert module.split(".")[0] not in FORBIDDEN_IMPORTS[package]
        if package == "unobridge" and module.startswith("unosim"):
            assert ".".join(module.split(".")[:2]) in BRIDGE_USES, "the bridge pretends nothing but the modem"


MODEM = [path for path in PRODUCT_PYTHON if path.is_relative_to(PACKAGES["unosim"] / "modem")]
IO_MODULES = {
    "asyncio",
    "http",
    "os",
    "random",
    "select",
    "selectors",
    "serial",
    "socket",
    "ssl",
    "threading",
    "time",
}


@pytest.mark.parametrize("path", MODEM, ids=name_of)
def test_the_modem_engine_does_no_io(path: Path) -> None:
    for module in imported_modules(path):
        assert module.split(".")[0] not in IO_MODULES
        assert not module.startswith("unosim") or module.startswith("unosim.modem")


TEXTS = [path for path in tracked() if path.suffix not in {".lock", ".png"}]
MACHINE_PATH = re.compile(r"/(?:home|root|Users|work)/\w")


@pytest.mark.parametrize("path", TEXTS, ids=name_of)
def test_no_file_names_a_machine(path: Path) -> None:
    assert MACHINE_PATH.findall(path.read_text()) == []


def test_no_file_is_a_build_product() -> None:
    large = [name_of(path) for path in tracked() if path.stat().st_size > TRACKED_FILE_BYTES_MAX]
    assert large == []


def test_the_lock_is_hashed_and_names_no_host() -> None:
    lock = (ROOT / "requirements.lock").read_text()
    pinned = re.findall(r"^(\S+)==(\S+)", lock, re.MULTILINE)
    assert len(pinned) > 20
    assert "://" not in lock
    blocks = re.split(r"\n(?=\S)", lock)
    assert all("--hash=sha256:" in block for block in blocks if "==" in block)


def test_relative_links_in_documents_lead_somewhere() -> None:
    broken = [
        f"{name_of(path)}: {target}"
        for path in tracked("*.md")
        for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", path.read_text())
        if "://" not in target and not (path.parent / target).exists()
    ]
    assert broken == []
