"""The container file: what a linter says of it, and that it is built from what the project pins."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CONTAINER_FILE = ROOT / "deploy" / "Containerfile"
LOCK = ROOT / "deploy" / "requirements.lock"


@pytest.mark.parametrize("file", [CONTAINER_FILE, CONTAINER_FILE.parent / "bridge" / "Containerfile"])
def test_a_linter_finds_nothing(file: Path) -> None:
    hadolint = Path(sys.executable).with_name("hadolint")
    done = subprocess.run([hadolint, file], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def test_it_runs_as_a_user_without_a_name_and_has_a_health_check() -> None:
    last_stage = CONTAINER_FILE.read_text().split("FROM ")[-1]
    assert re.findall(r"^USER (.*)$", last_stage, re.MULTILINE) == ["65532:65532"]
    assert "HEALTHCHECK" in last_stage


def test_it_copies_only_what_is_sent_to_the_builder() -> None:
    sent = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    copied: set[str] = set()
    for names in re.findall(r"^COPY (?!--from)(.*) \S+$", CONTAINER_FILE.read_text(), re.MULTILINE):
        copied |= set(names.split())
    assert copied == sent
    assert all((ROOT / name).exists() for name in copied)


def test_what_it_installs_is_what_is_tested() -> None:
    def pins(path: Path) -> dict[str, list[str]]:
        blocks = re.split(r"\n(?=\S)", path.read_text())
        return {block.split("==")[0]: sorted(block.split()) for block in blocks if "==" in block}

    shipped, tested = pins(LOCK), pins(ROOT / "requirements.lock")
    assert {"flask", "uvloop", "google-cloud-logging"} <= shipped.keys()
    assert not {"pytest", "platformio", "mypy"} & shipped.keys()
    assert {name: tested.get(name) for name in shipped} == shipped
