"""Replays every transcript, and checks that the replay notices what it is there to notice."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from transcripts.reader import CASES, unescape
from unosim.modem import PROFILES, Modem, Profile, Radio
from unosim.modem.catalog import UNMODELLED, UNMODELLED_FORMS
from unosim.modem.commands import COMMANDS, run
from unosim.modem.commands.command import FORMS, Call, Handler
from unosim.modem.core import Core
from unosim.modem.profile import Dialect


def test_transcript(case: Any, delivery: str, play: Callable[[Any, str], None]) -> None:
    play(case, delivery)


BOOT = "! power on\n* baud 74880\n"


@pytest.mark.parametrize(
    ("block", "complaint"),
    [
        ("> AT\\r\\n\n< hello\n", r"here.md:5: expected b'hello', got silence"),
        ("! power on\n< x\n", r"here.md:5: expected b'x', got SetBaud\(baud=74880\)"),
        ("! power on\n* baud 9600\n", r"here.md:5: expected baud 9600, got baud 74880"),
        (f"{BOOT}< \\r\\n ETS\n", r"here.md:6: expected b'ETS', got b'ets Jan.*\n?at offset 3 of the line"),
        (f"{BOOT}< \\r\\n ets\n", r"here.md:6: expected nothing more, got b' Jan"),
        (f"{BOOT}> AT\\r\\n\n", r"here.md:6: expected nothing before this line, got b'\\r\\n ets"),
        (
            "! power on\n@+5ms * baud 74880\n",
            r"here.md:5: expected 'baud 74880' after 5.0 ms, got it after 0.0 ms",
        ),
        ("! rain\n", r"here.md:4: no such event: 'rain'"),
    ],
)
def test_a_mismatch_is_reported_with_its_place(
    block: str,
    complaint: str,
    parse_transcript: Callable[[str], list[Any]],
    play: Callable[[Any, str], None],
) -> None:
    (case,) = parse_transcript(f"## A case\n\n```\n{block}```\n")
    with pytest.raises(AssertionError, match=complaint):
        play(case, "whole")


def test_a_line_of_no_kind_is_refused(parse_transcript: Callable[[str], list[Any]]) -> None:
    with pytest.raises(AssertionError, match=r"here.md:3: not a line of a transcript: 'AT'"):
        parse_transcript("## A case\n```\nAT\n```\n")


def test_an_open_fence_is_refused(parse_transcript: Callable[[str], list[Any]]) -> None:
    with pytest.raises(AssertionError, match="fence is not closed"):
        parse_transcript("## A case\n```\n> AT\n")


def forms_implemented(dialect: Dialect) -> set[tuple[str, str]]:
    return {
        (name, letter)
        for name, command in COMMANDS[dialect].items()
        for letter, form in FORMS.items()
        if getattr(command, form)
    }


def forms_known(profile: Profile) -> set[tuple[str, str]]:
    return {(name, letter) for name, letters in profile.forms.items() for letter in letters}


def forms_unmodelled(profile: Profile) -> set[tuple[str, str]]:
    return {pair for pair in forms_known(profile) if pair[0] in UNMODELLED or pair in UNMODELLED_FORMS}


@pytest.mark.parametrize("profile", PROFILES.values(), ids=PROFILES)
def test_every_form_of_a_profile_has_a_transcript(profile: Profile, monkeypatch: pytest.MonkeyPatch) -> None:
    used: set[tuple[str, str]] = set()

    def spy(name: str, letter: str) -> Handler:
        def note(_core: Core, _call: Call) -> bytes:
            used.add((name, letter))
            return b""

        return note

    commands = COMMANDS[profile.dialect]
    for name, letter in forms_implemented(profile.dialect):
        monkeypatch.setitem(commands, name, replace(commands[name], **{FORMS[letter]: spy(name, letter)}))
    core = Modem(profile, radio=Radio())._core
    for case in CASES[profile.name].values():
        for line in case.lines:
            if line.kind == ">":
                run(core, unescape(line.text, profile)[2:])
    assert forms_known(profile) - forms_unmodelled(profile) - used == set()


def test_every_form_is_implemented_or_given_a_reason() -> None:
    known = {pair for profile in PROFILES.values() for pair in forms_known(profile)}
    unmodelled = {pair for profile in PROFILES.values() for pair in forms_unmodelled(profile)}
    for dialect in Dialect:
        of_dialect = [profile for profile in PROFILES.values() if profile.dialect is dialect]
        wanted = {pair for profile in of_dialect for pair in forms_known(profile) - forms_unmodelled(profile)}
        assert wanted <= forms_implemented(dialect)
    assert set.union(*(forms_implemented(dialect) for dialect in Dialect)) == known - unmodelled
    assert {name for name, _ in unmodelled} == set(UNMODELLED) | {name for name, _ in UNMODELLED_FORMS}
