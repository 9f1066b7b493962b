"""The fake Cloud Logging over its two wires, used by Google's unmodified client."""

import json
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import grpc  # type: ignore[import-untyped]
import pytest
from google.api_core.exceptions import GoogleAPICallError, InvalidArgument, NotFound, ResourceExhausted
from google.cloud.logging_v2.services.logging_service_v2 import LoggingServiceV2Client
from google.cloud.logging_v2.services.logging_service_v2.transports import LoggingServiceV2GrpcTransport
from google.cloud.logging_v2.types import LogEntry, WriteLogEntriesPartialErrors
from google.rpc import code_pb2  # type: ignore[import-untyped]

from unoingest.fake_cloud.faults import FAULTS, FaultPlan
from unoingest.fake_cloud.grpc_front import GrpcFront
from unoingest.fake_cloud.log import ENTRY_BYTES_MAX, FakeLog
from unoingest.fake_cloud.rest_front import HTTP_STATUS, make_app

LOG = "projects/demo/logs/readings"
TOO_LARGE = "x" * ENTRY_BYTES_MAX

# What a program does that knows nothing of a fake: only its endpoint is set from outside.
STORY = """
import datetime as dt, json, sys
from google.auth.credentials import AnonymousCredentials
from google.cloud import logging

wire, endpoint = sys.argv[1:]
client = logging.Client(
    project="demo", credentials=AnonymousCredentials(), _use_grpc=wire == "grpc",
    client_options={"api_endpoint": endpoint},
)
resource = logging.Resource(type="generic_node", labels={"node_id": "a"})
logger = client.logger("readings", resource=resource)
now = dt.datetime.now(dt.timezone.utc)
batch = logger.batch()
for seq in (2, 1, 2):
    fields = {"timestamp": now, "severity": "WARNING", "labels": {"device": "uno-1"}}
    batch.log_struct({"seq": seq}, insert_id=f"id-{seq}", **fields)
batch.commit()
logger.log_text("later", insert_id="id-9", timestamp=now + dt.timedelta(seconds=1))
found = [
    (e.insert_id, e.severity, e.payload, dict(e.labels or {}), e.log_name)
    for e in logger.list_entries(page_size=1) if e.insert_id and e.insert_id.startswith("id-")
]
only = [e.insert_id for e in client.list_entries(filter_="jsonPayload.seq=1")]
newest = [e.insert_id for e in logger.list_entries(order_by=logging.DESCENDING, max_results=1)]
logger.delete()
left = [e.insert_id for e in logger.list_entries()]
print(json.dumps([found, only, newest, left]))
"""


@contextmanager
def fake_process(*arguments: object) -> Iterator[dict[str, int]]:
    """Run `unoingest fake-cloud` and give its ports."""
    command = [sys.executable, "-m", "unoingest", "fake-cloud", *map(str, arguments)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            yield json.loads(process.stdout.readline())
        finally:
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=20) == 0


@pytest.mark.parametrize("wire", ["grpc", "rest"])
def test_the_unmodified_client(tmp_path: Path, wire: str) -> None:
    certificate = tmp_path / "certificate.pem"
    with fake_process("--certificate", certificate) as ports:
        endpoint = (
            f"localhost:{ports['grpc_port']}" if wire == "grpc" else f"http://127.0.0.1:{ports['rest_port']}"
        )
        done = subprocess.run(
            [sys.executable, "-c", STORY, wire, endpoint],
            env={**os.environ, "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH": str(certificate)},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        exported = urllib.request.urlopen(f"http://127.0.0.1:{ports['rest_port']}/fake/exported").read()
    found, only, newest, left = json.loads(done.stdout)
    labels = {"device": "uno-1"}
    assert found == [
        ["id-1", "WARNING", {"seq": 1.0}, labels, LOG],
        ["id-2", "WARNING", {"seq": 2.0}, labels, LOG],
        ["id-9", None, "later", {}, LOG],
    ]
    assert (only, newest, left, exported) == (["id-1"], ["id-9"], [], b"")


@contextmanager
def connected(*script: str) -> Iterator[tuple[FakeLog, LoggingServiceV2Client]]:
    """Give a fake in this process, and the generated client on a channel to it."""
    log = FakeLog(FaultPlan(script=script), sleep_s=lambda _seconds: None)
    with (
        closing(GrpcFront(log)) as front,
        grpc.insecure_channel(f"127.0.0.1:{front.port}") as channel,
    ):
        yield log, LoggingServiceV2Client(transport=LoggingServiceV2GrpcTransport(channel=channel))


def entries(*texts: str) -> list[LogEntry]:
    return [LogEntry(log_name=LOG, insert_id=str(n), text_payload=text) for n, text in enumerate(texts)]


def details_of(error: GoogleAPICallError, message: Any) -> Any:
    (packed,) = [
        detail for detail in error.details if getattr(detail, "Is", lambda _: False)(message.DESCRIPTOR)
    ]
    packed.Unpack(message)
    return message


def test_entry_errors_reach_the_client() -> None:
    with connected() as (log, client):
        with pytest.raises(InvalidArgument, match="exceeds maximum size") as caught:
            client.write_log_entries(entries=entries("a", TOO_LARGE, "c"), retry=None)
        assert log.exported() == []
        request = {"entries": entries("a", TOO_LARGE, "c"), "partial_success": True}
        with pytest.raises(InvalidArgument) as caught:
            client.write_log_entries(request, retry=None)
        partial = details_of(caught.value, WriteLogEntriesPartialErrors.pb()())
        assert {index: error.code for index, error in partial.log_entry_errors.items()} == {1: 3}
        assert [entry.text_payload for entry in log.view()] == ["a", "c"]


def test_a_message_beyond_the_limit_is_refused_by_name() -> None:
    with connected() as (log, client):
        with pytest.raises(InvalidArgument, match="10485760 bytes"):
            client.write_log_entries(entries=entries(*["x" * 250_000] * 42))
        assert log.exported() == []


@pytest.mark.parametrize("name", [name for name, fault in FAULTS.items() if fault.code])
def test_faults_over_grpc(name: str) -> None:
    with connected(name) as (log, client):
        with pytest.raises(GoogleAPICallError) as caught:
            client.write_log_entries(entries=entries("a"), retry=None)
        status_code = caught.value.grpc_status_code
        assert status_code is not None
        assert status_code.value[0] == FAULTS[name].code
        assert len(log.exported()) == FAULTS[name].after_write


def test_retry_info_reaches_the_client() -> None:
    with connected("quota") as (_, client):
        with pytest.raises(ResourceExhausted) as caught:
            client.write_log_entries(entries=entries("a"))
        (info,) = caught.value.details
        assert info.retry_delay.ToMilliseconds() == FAULTS["quota"].retry_ms


def test_the_clients_own_retry_meets_a_lost_answer_and_the_query_hides_it() -> None:
    with connected("lost_answer") as (log, client):
        client.write_log_entries(entries=[LogEntry(entries("a")[0], timestamp={"seconds": 1_795_250_000})])
        assert len(log.exported()) == 2
    assert len({entry.insert_id for entry in log.exported()}) == 1


def test_logs_are_listed_and_deleted() -> None:
    with connected() as (log, client):
        client.write_log_entries(entries=entries("a"))
        assert list(client.list_logs(parent="projects/demo")) == [LOG]
        client.delete_log(log_name=LOG)
        assert (list(client.list_logs(parent="projects/demo")), log.exported()) == ([], [])
        with pytest.raises(NotFound):
            client.delete_log(log_name=LOG)


@pytest.mark.parametrize("name", [name for name, fault in FAULTS.items() if fault.code])
def test_faults_over_rest(name: str) -> None:
    log = FakeLog(FaultPlan(script=[name]))
    body = {"entries": [{"logName": LOG, "textPayload": "a"}]}
    client = make_app(log).test_client()
    answer = client.post("/v2/entries:write", json=body)
    error = answer.get_json()["error"]
    assert answer.status_code == error["code"] == HTTP_STATUS[FAULTS[name].code]
    assert error["status"] == code_pb2.Code.Name(FAULTS[name].code)
    assert len(error["details"]) == (FAULTS[name].retry_ms is not None)
    assert len(log.exported()) == FAULTS[name].after_write


def test_entry_errors_over_rest() -> None:
    log = FakeLog()
    body = {"partialSuccess": True, "entries": [{"logName": LOG}, {"logName": "nonsense"}]}
    answer = make_app(log).test_client().post("/v2/entries:write", json=body)
    (detail,) = answer.get_json()["error"]["details"]
    assert (answer.status_code, list(detail["logEntryErrors"])) == (400, ["1"])
    assert len(log.exported()) == 1


def test_the_export_over_rest() -> None:
    log = FakeLog()
    client = make_app(log).test_client()
    for _ in range(2):
        client.post("/v2/entries:write", json={"entries": [{"logName": LOG, "insertId": "a"}]})
    lines = client.get("/fake/exported").text.splitlines()
    assert [json.loads(line)["insertId"] for line in lines] == ["a", "a"]
    assert client.get("/v2/projects/demo/logs").get_json() == {"logNames": [LOG]}
    assert client.delete(f"/v2/{LOG}").status_code == 200
    assert client.delete(f"/v2/{LOG}").status_code == 404


def test_a_log_whose_id_has_a_slash_is_deleted_over_rest() -> None:
    log = FakeLog()
    client = make_app(log).test_client()
    client.post("/v2/entries:write", json={"entries": [{"logName": "projects/demo/logs/a%2Fb"}]})
    assert client.delete("/v2/projects/demo/logs/a%2Fb").status_code == 200
    assert log.exported() == []


@pytest.mark.parametrize("body", [b"{", b'{"entrys": []}', b'{"entries": 1}'])
def test_rest_bodies_that_are_no_request(body: bytes) -> None:
    answer = make_app(FakeLog()).test_client().post("/v2/entries:write", data=body)
    assert (answer.status_code, answer.get_json()["error"]["status"]) == (400, "INVALID_ARGUMENT")


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--fault", "quota"], 2, "NAME=RATE"),
        (["--fault", "nonsense=0.1"], 2, "no fault is called"),
        (["--fault", "quota=2"], 2, "shares"),
        (["--host", "192.0.2.1"], 1, "the fake cannot start"),
    ],
)
def test_a_fake_that_cannot_start_says_why(arguments: list[str], code: int, message: str) -> None:
    command = [sys.executable, "-m", "unoingest", "fake-cloud", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (code, "")
    assert message in done.stderr
