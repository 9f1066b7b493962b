"""The API document against the program: its example and its table of problems."""

import re
from pathlib import Path
from typing import Any

import pytest

from unoingest.problems import PROBLEMS, ProblemKind

DOCUMENT = Path(__file__).parents[2] / "docs" / "ingest-api.md"
# | `code` | status | when | send again? |
ROW = re.compile(r"^\| `(\w+)` \| (\d{3}) \| (.+) \| (.+) \|$", re.MULTILINE)


def rows() -> dict[str, tuple[str, ...]]:
    return {code: rest for code, *rest in ROW.findall(DOCUMENT.read_text())}


def test_each_code_is_documented_once_and_no_other() -> None:
    assert sorted(code for code, *_ in ROW.findall(DOCUMENT.read_text())) == sorted(PROBLEMS)


@pytest.mark.parametrize("kind", PROBLEMS.values(), ids=lambda kind: kind.code)
def test_the_document_says_what_the_table_says(kind: ProblemKind) -> None:
    status, _, again = rows()[kind.code]
    assert int(status) == kind.status
    assert again.startswith(kind.retry)
    assert (f"`Retry-After: {kind.retry_after_s}`" in again) == (kind.retry_after_s is not None)


def test_the_example_in_the_document(ingest: Any) -> None:
    request, answer = re.findall(r"```http\n(.*?)\n```", DOCUMENT.read_text(), re.DOTALL)
    head, _, content = request.partition("\n\n")
    assert f"Content-Length: {len(content)}" in head
    answered = ingest.post(content.encode())
    assert answer.partition("\n\n")[2] == answered.text
    assert f"content-length: {len(answered.text)}" in answer
