"""The pages about the modem's commands and states are those that the tools would write now."""

from typing import Any

import modem_coverage
import modem_states
import pytest

from transcripts.reader import parse


@pytest.mark.parametrize("tool", [modem_coverage, modem_states], ids=lambda tool: str(tool.__name__))
def test_the_page_is_current(tool: Any) -> None:
    assert tool.PAGE.read_text(encoding="utf-8") == tool.page(), f"run tools/{tool.__name__}.py"


def test_every_form_has_a_transcript_or_a_reason() -> None:
    assert modem_coverage.uncovered() == []


def test_data_behind_a_prompt_is_no_command() -> None:
    text = (
        "## A case\n```\n> AT+CIPSEND=8\\r\\n\n< \\r\\nOK\\r\\n>\\x20\n> AT+RST\\r\\n\n"
        "< \\r\\nRecv\n> AT+GMR\\r\\n\n> AT\n```\n"
    )
    (case,) = parse(modem_coverage.PAGE, text)
    assert modem_coverage.commands_of(case) == {("+CIPSEND", "S"), ("+GMR", "E")}
