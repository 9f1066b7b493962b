"""The page about the modem's commands is the one that the tool would write now."""

import modem_coverage

from transcripts.reader import parse


def test_the_page_is_current() -> None:
    assert modem_coverage.PAGE.read_text(encoding="utf-8") == modem_coverage.page(), (
        "run .venv/bin/python tools/modem_coverage.py"
    )


def test_every_form_has_a_transcript_or_a_reason() -> None:
    assert modem_coverage.uncovered() == []


def test_data_behind_a_prompt_is_no_command() -> None:
    text = (
        "## A case\n```\n> AT+CIPSEND=8\\r\\n\n< \\r\\nOK\\r\\n>\\x20\n> AT+RST\\r\\n\n"
        "< \\r\\nRecv\n> AT+GMR\\r\\n\n> AT\n```\n"
    )
    (case,) = parse(modem_coverage.PAGE, text)
    assert modem_coverage.commands_of(case) == {("+CIPSEND", "S"), ("+GMR", "E")}
