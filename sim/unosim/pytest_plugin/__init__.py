"""A pytest plugin: a simulated Uno and ESP-01 as fixtures, faults as a marker, the dialogue in the report.

Rules: every fixture, marker and option begins with `unosim`, because `uno`, `modem` and `network` are names
that firmware projects have already. All time is simulated; a test that waits a minute for a time-out takes
milliseconds. Importing this module imports pytest and nothing of the simulator: a fixture imports what it
needs when a test asks for it, so a project whose tests do not use it pays nothing.

A test that fails shows what was said and when, the plan of faults, the seed, the digest of the trace, the
recording of the session (`.attrace`) and the command that runs it again.
"""

import os
import re
import shlex
from collections.abc import Generator
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, TypeVar

import pytest

if TYPE_CHECKING:
    from unosim.board import Image
    from unosim.faults import Plan
    from unosim.modem import AccessPoint, Profile
    from unosim.pytest_plugin.benches import Bench, ModemBench, UnoBench, WiredUnoBench
    from unosim.pytest_plugin.lab_network import LabNetwork

FOLDER = ".unosim"
"""Where the recordings of failed tests are put; git is told to ignore it."""
NAME_CHARACTERS_MAX = 150
"""Of the name of a test in the name of its recording; file systems allow 255 bytes."""

_Bench = TypeVar("_Bench", bound="Bench")
_BENCHES: pytest.StashKey[list["Bench"]] = pytest.StashKey()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options and the ini value."""
    group = parser.getgroup("unosim", "simulated Uno and ESP-01")
    group.addoption("--unosim-firmware", metavar="FILE", help="the image for unosim_uno: ELF or Intel HEX")
    group.addoption("--unosim-faults", metavar="PLAN", help="faults, instead of those of a test's marker")
    group.addoption("--unosim-seed", type=int, metavar="N", help="seed, instead of that of a test's marker")
    parser.addini("unosim_firmware", "the image for unosim_uno, relative to the root directory")


def pytest_configure(config: pytest.Config) -> None:
    """Announce the markers."""
    config.addinivalue_line(
        "markers", "unosim_faults(*faults, seed=0): what goes wrong in this test, by name"
    )
    config.addinivalue_line("markers", "unosim_firmware(file): the image for unosim_uno in this test")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add to the report of a failure what one needs to see and to repeat it."""
    report = yield
    if report.failed:
        benches = item.stash.get(_BENCHES, [])
        for number, bench in enumerate(benches):
            text = bench.report(_replay_command(item, bench), _recording(item, bench, number))
            report.sections.append((f"unosim: {bench.title}", text))
    return report


@pytest.fixture
def unosim_plan(request: pytest.FixtureRequest) -> "Plan":
    """What is to go wrong: from the command line, else from the marker `unosim_faults`, else nothing."""
    from unosim.faults import FaultError, Plan  # noqa: PLC0415  # see the module's rules

    marker = request.node.get_closest_marker("unosim_faults")
    if marker and not (marker.kwargs.keys() <= {"seed"} and isinstance(marker.kwargs.get("seed", 0), int)):
        _misused(f"the marker unosim_faults takes faults and a whole number as seed, not {marker.kwargs!r}")
    text, seed = request.config.getoption("--unosim-faults"), request.config.getoption("--unosim-seed")
    if text is None:
        text = "; ".join(map(str, marker.args)) if marker else ""
    if seed is None:
        seed = marker.kwargs.get("seed", 0) if marker else 0
    try:
        return Plan.parse(text, seed=seed)
    except FaultError as error:
        _misused(str(error))


@pytest.fixture
def unosim_access_point() -> "AccessPoint":
    """The access point in reach: network "unolink", password "simulated". Override it to have another."""
    from unosim.modem import AccessPoint  # noqa: PLC0415  # see the module's rules

    return AccessPoint("unolink", "simulated")


@pytest.fixture
def unosim_profile() -> "Profile":
    """The module's AT firmware: NONOS 1.7.4. Override it to have another."""
    from unosim.modem import NONOS_1_7_4  # noqa: PLC0415  # see the module's rules

    return NONOS_1_7_4


@pytest.fixture
def unosim_network() -> "LabNetwork":
    """The network behind the access point, empty: give it WSGI applications and scripted peers."""
    from unosim.pytest_plugin.lab_network import LabNetwork  # noqa: PLC0415  # see the module's rules

    return LabNetwork()


@pytest.fixture
def unosim_modem(
    request: pytest.FixtureRequest,
    *,
    unosim_plan: "Plan",
    unosim_access_point: "AccessPoint",
    unosim_profile: "Profile",
    unosim_network: "LabNetwork",
) -> "ModemBench":
    """An ESP-01 whose UART the test holds, just powered on."""
    from unosim.pytest_plugin.benches import ModemBench  # noqa: PLC0415  # see the module's rules

    return _kept(request, ModemBench(unosim_plan, unosim_access_point, unosim_profile, unosim_network))


@pytest.fixture
def unosim_firmware(request: pytest.FixtureRequest) -> "Image":
    """The image for the Uno: from the marker `unosim_firmware`, else the command line, else the ini file."""
    from unosim.board import ImageError, load_image  # noqa: PLC0415  # see the module's rules

    marker = request.node.get_closest_marker("unosim_firmware")
    file = (
        (marker.args[0] if marker else None)
        or request.config.getoption("--unosim-firmware")
        or request.config.getini("unosim_firmware")
    )
    if not file:
        _misused(
            "a simulated Uno needs an image, and none is named.\n"
            "Name the ELF or Intel HEX file that you flash: --unosim-firmware=FILE on the command line, "
            "unosim_firmware in the ini file, or the marker unosim_firmware(FILE)."
        )
    try:
        return load_image(request.config.rootpath / Path(file))
    except ImageError as error:
        _misused(str(error))


@pytest.fixture
def unosim_uno(request: pytest.FixtureRequest, unosim_plan: "Plan", unosim_firmware: "Image") -> "UnoBench":
    """An Uno with your image, whose UART (pins 0 and 1) the test holds, just powered on."""
    from unosim.pytest_plugin.benches import UnoBench  # noqa: PLC0415  # see the module's rules

    return _kept(request, UnoBench(unosim_plan, unosim_firmware))


@pytest.fixture
def unosim_wired_uno(
    request: pytest.FixtureRequest,
    *,
    unosim_plan: "Plan",
    unosim_firmware: "Image",
    unosim_access_point: "AccessPoint",
    unosim_profile: "Profile",
    unosim_network: "LabNetwork",
) -> "WiredUnoBench":
    """An Uno with your image and an ESP-01 on its UART, just powered on."""
    from unosim.pytest_plugin.benches import WiredUnoBench  # noqa: PLC0415  # see the module's rules

    bench = WiredUnoBench(unosim_plan, unosim_firmware, unosim_access_point, unosim_profile, unosim_network)
    return _kept(request, bench)


def _kept(request: pytest.FixtureRequest, bench: _Bench) -> _Bench:
    """Remember a bench for the report of its test."""
    request.node.stash.setdefault(_BENCHES, []).append(bench)
    return bench


def _misused(message: str) -> NoReturn:
    """End the test with a message and no traceback: it cannot be run as it stands."""
    pytest.fail(f"unosim: {message}", pytrace=False)


def _recording(item: pytest.Item, bench: "Bench", number: int) -> str:
    """Write the session of a failed test to a file; return its name, or why there is none, or nothing."""
    from unosim.attrace import TraceError  # noqa: PLC0415  # see the module's rules

    name = re.sub(r"[^\w.-]+", "-", item.nodeid)[-NAME_CHARACTERS_MAX:].strip("-")
    path = _folder(item.config) / (f"{name}-{number}.attrace" if number else f"{name}.attrace")
    try:
        path.parent.mkdir(exist_ok=True, parents=True)
        if path.parent.name == FOLDER:
            (path.parent / ".gitignore").write_text("*\n")
        if not bench.save(path):
            return ""
    except (OSError, TraceError) as error:
        return f"none: {error}"
    return os.path.relpath(path, item.config.invocation_params.dir)


def _folder(config: pytest.Config) -> Path:
    """Return where recordings go: beside the report that was asked for, else in a folder of their own."""
    junit_xml = config.getoption("xmlpath", None)
    return Path(junit_xml).absolute().parent if junit_xml else config.rootpath / FOLDER


def _replay_command(item: pytest.Item, bench: "Bench") -> str:
    """Return the command that runs a test again with the same faults, seed and image."""
    words = ["python", "-m", "pytest", item.nodeid, f"--unosim-seed={bench.plan.seed}"]
    words += [f"--unosim-faults={bench.plan}"] if bench.plan.faults else []
    firmware = item.config.getoption("--unosim-firmware")
    words += [f"--unosim-firmware={firmware}"] if firmware else []
    return shlex.join(words)
