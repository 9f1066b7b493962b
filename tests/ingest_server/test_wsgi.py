"""The application for other WSGI servers, set by the environment."""

from pathlib import Path

import click
import pytest

from ingest_server.wire import BODY, DEVICE, KEY, answer_tag, signed
from unoingest import wsgi
from unoingest.key_file import KeyFile, Kind, key_path
from unoingest.store import read_readings


def test_a_signed_post(database: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    KeyFile(key_path(database)).add(DEVICE, Kind.DEVICE, 1, KEY)
    monkeypatch.setenv("UNOINGEST_DATABASE", str(database))
    monkeypatch.setenv("UNOINGEST_REQUESTS_PER_S", "1")
    http = wsgi.application().test_client()
    answers = [http.post("/v1/readings", data=BODY, headers=signed(BODY)) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [204, 204, 429]
    assert answers[0].headers["Unolink-Tag"] == answer_tag(204, BODY)
    assert [reading.seq for reading in read_readings(database)] == [17]


@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [
        ("DATABASE", None, "UNOINGEST_DATABASE is not set"),
        ("REQUESTS_PER_S", "many", "'many' is not a valid float"),
    ],
)
def test_settings_that_are_wrong(
    database: Path, monkeypatch: pytest.MonkeyPatch, variable: str, value: str | None, message: str
) -> None:
    monkeypatch.setenv("UNOINGEST_DATABASE", str(database))
    if value is None:
        monkeypatch.delenv(f"UNOINGEST_{variable}")
    else:
        monkeypatch.setenv(f"UNOINGEST_{variable}", value)
    with pytest.raises(click.BadParameter, match=message):
        wsgi.application()
    assert not database.exists()
