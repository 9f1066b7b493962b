"""The plugin as another project's pytest sees it."""

from pathlib import Path

import msgspec
import pytest

from unosim.attrace import load, replay


def test_a_project_that_does_not_use_it_is_left_alone(project: pytest.Pytester) -> None:
    project.makepyfile(
        """
        import sys

        def test_nothing():
            ours = {name for name in sys.modules if name.startswith("unosim")}
            assert ours == {"unosim", "unosim.pytest_plugin"}
        """
    )
    project.runpytest_subprocess().assert_outcomes(passed=1)


def test_its_names_begin_with_unosim(project: pytest.Pytester) -> None:
    result = project.runpytest_inprocess("--fixtures", "-q")
    ours = [line.split()[0] for line in result.outlines if "pytest_plugin/__init__.py" in line]
    assert len(ours) == 8
    assert all(name.startswith("unosim_") for name in ours)
    markers = project.runpytest_inprocess("--markers").outlines
    assert len([line for line in markers if line.startswith("@pytest.mark.unosim_")]) == 2


PLAN = "drop-byte:uno>esp@14; flip-bit:esp>uno,chance=0.0001"
FAILING = """
    import pytest

    @pytest.mark.unosim_faults("drop-byte:uno>esp@14", "flip-bit:esp>uno,chance=0.0001", seed=7)
    def test_it(unosim_modem):
        unosim_modem.expect_exact(b"ready\\r\\n")
        unosim_modem.write(b'AT\\r\\nAT+CWJAP="a","secret-key"\\r\\n')
        unosim_modem.expect_exact(b"never", timeout_s=2.5)
"""


def test_a_failure_shows_the_dialogue_the_plan_and_how_to_repeat_it(
    project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CI", "true")  # pytest then shortens no line of its summary
    project.makepyfile(test_it=FAILING)
    result = project.runpytest_inprocess()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "*NotSaidError: nobody said b'never' in 2.5 simulated seconds, up to *",
            "*- unosim: ESP-01, nonos-1.7.4 -*",
            "*0.300868 s    test  AT\\r\\n",
            '* s    test  AT+CWJAP="a","[*]*"\\r\\n',
            "seed    7",
            f"faults  {PLAN}",
            "        struck at 0.302* s: drop-byte:uno>esp@14",
            "trace   sha256 " + "[0-9a-f]" * 64,
            "file    .unosim/test_it.py-test_it.attrace (unosim replay, unosim vcd)",
            f"again   python -m pytest test_it.py::test_it --unosim-seed=7 '--unosim-faults={PLAN}'",
        ]
    )
    dialogue = "\n".join(result.outlines).partition("- unosim: ESP-01")[2]
    assert "secret-key" not in dialogue


def test_the_recording_of_a_failure_is_replayed_with_its_faults(project: pytest.Pytester) -> None:
    project.makepyfile(test_it=FAILING)
    project.runpytest_inprocess()
    (folder,) = project.path.glob(".unosim")
    assert (folder / ".gitignore").read_text() == "*\n"
    recording = load(folder / "test_it.py-test_it.attrace")
    assert str(recording.header.plan) == PLAN
    assert recording.records[-1].t > 300_000_000
    assert replay(recording) is None
    without = msgspec.structs.replace(recording.header, faults="")
    assert replay(recording._replace(header=without)) is not None
    assert "secret-key" not in (folder / "test_it.py-test_it.attrace").read_text()


def test_a_recording_lies_beside_the_report_that_was_asked_for(project: pytest.Pytester) -> None:
    project.makepyfile(test_it=FAILING)
    result = project.runpytest_inprocess("--junitxml=reports/junit.xml")
    result.stdout.fnmatch_lines(["file    reports/test_it.py-test_it.attrace *"])
    assert load(project.path / "reports/test_it.py-test_it.attrace").records
    assert not (project.path / ".unosim").exists()


def test_a_recording_that_cannot_be_written_is_said_and_hides_nothing(project: pytest.Pytester) -> None:
    project.makepyfile(test_it=FAILING)
    (project.path / ".unosim").touch()
    result = project.runpytest_inprocess()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["file    none: *File exists*", "again   python -m pytest *"])


def test_names_of_tests_make_names_of_files(project: pytest.Pytester) -> None:
    project.makepyfile(
        test_it="""
        import pytest

        @pytest.mark.parametrize("word", ["../a b/é", "x" * 300], ids=str)
        def test_it(word, unosim_modem):
            assert unosim_modem.run_for(0.5)
        """
    )
    project.runpytest_inprocess().assert_outcomes(failed=2)
    names = sorted(path.name for path in (project.path / ".unosim").glob("*.attrace"))
    assert len(names) == 2
    assert names[0].startswith("test_it.py-test_it-..-a-b-")
    assert names[1] == "x" * 149 + ".attrace"


def test_the_replay_command_repeats_the_run_to_the_byte(project: pytest.Pytester) -> None:
    def digest(*arguments: str) -> list[str]:
        result = project.runpytest_inprocess(*arguments)
        return [line for line in result.outlines if line.startswith("trace ")]

    project.makepyfile(test_it=FAILING)
    first = digest()
    assert len(first) == 1
    assert digest("test_it.py::test_it", "--unosim-seed=7", f"--unosim-faults={PLAN}") == first
    assert digest("--unosim-faults=drop-byte:uno>esp@2") != first


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (
            [],
            [
                "unosim: a simulated Uno needs an image, and none is named.",
                "*--unosim-firmware=FILE*",
            ],
        ),
        (["--unosim-firmware=no.elf"], ["unosim: cannot read firmware *no.elf*No such file*build it first"]),
        (["--unosim-firmware=test_it.py"], ["unosim: *test_it.py' is neither an ELF nor an Intel HEX file*"]),
        (
            ["--unosim-faults=drop-bite:x@1"],
            ["unosim: no fault is called 'drop-bite'; did you mean drop-byte?"],
        ),
    ],
)
def test_misuse_gets_a_sentence_and_no_traceback(
    project: pytest.Pytester, options: list[str], complaint: list[str]
) -> None:
    project.makepyfile(test_it="def test_it(unosim_uno): pass")
    result = project.runpytest_inprocess(*options)
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(complaint)
    result.stdout.no_fnmatch_line("*Traceback*")
    result.stdout.no_fnmatch_line("*pytest_plugin/__init__.py:*")


def test_the_image_of_the_marker_goes_before_that_of_the_command_line(
    project: pytest.Pytester, greeter: Path
) -> None:
    project.makepyfile(
        f"""
        import pytest

        @pytest.mark.unosim_firmware({str(greeter)!r})
        def test_it(unosim_uno):
            unosim_uno.baud = 9600
            unosim_uno.expect_exact(b"ready")
        """
    )
    project.runpytest_inprocess("--unosim-firmware=no.elf").assert_outcomes(passed=1)


@pytest.mark.parametrize("seed", ["sed=7", "seed='7'"])
def test_a_marker_with_a_slip_is_refused(project: pytest.Pytester, seed: str) -> None:
    project.makepyfile(
        f"""
        import pytest

        @pytest.mark.unosim_faults("boot-garbage", {seed})
        def test_it(unosim_modem): pass
        """
    )
    result = project.runpytest_inprocess()
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["unosim: the marker unosim_faults takes faults and a whole number as seed*"])


def test_faults_may_be_given_as_records_and_the_option_goes_before_the_marker(
    project: pytest.Pytester,
) -> None:
    project.makepyfile(
        """
        import pytest
        from unosim.faults import BootGarbage

        @pytest.mark.unosim_faults(BootGarbage(count=3), seed=4)
        def test_it(unosim_plan):
            assert (str(unosim_plan), unosim_plan.seed) == ("boot-garbage,count=3", 4)
        """
    )
    project.runpytest_inprocess().assert_outcomes(passed=1)
    project.runpytest_inprocess("--unosim-faults=").assert_outcomes(failed=1)
    project.runpytest_inprocess("--unosim-seed=5").assert_outcomes(failed=1)


def test_an_image_of_the_command_line_is_in_the_replay_command(
    project: pytest.Pytester, greeter: Path
) -> None:
    project.makepyfile(test_it="def test_it(unosim_uno): assert unosim_uno.run_for(0)")
    result = project.runpytest_inprocess(f"--unosim-firmware={greeter}")
    result.stdout.fnmatch_lines(
        [
            "(nothing was said)",
            f"again   python -m pytest test_it.py::test_it --unosim-seed=0 *--unosim-firmware={greeter}*",
        ]
    )


def test_a_test_that_passes_says_nothing(project: pytest.Pytester) -> None:
    project.makepyfile("def test_it(unosim_modem): unosim_modem.run_for(1)")
    result = project.runpytest_inprocess("-rA")
    result.assert_outcomes(passed=1)
    result.stdout.no_fnmatch_line("*unosim: *")
    assert not (project.path / ".unosim").exists()
