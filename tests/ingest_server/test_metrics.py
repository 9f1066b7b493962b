"""/metrics: what is counted, and the state of the store."""

from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from ingest_server.wire import BODY, DEVICE, KEY, rows, signed
from unoingest.app import create_app_of
from unoingest.key_file import KeyFile, Kind, key_path
from unoingest.key_ring import KeyRing
from unoingest.service import Service


def samples(text: str) -> dict[tuple[str, ...], float]:
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if not sample.name.endswith("_created")
    }


@pytest.fixture
def service(ingest: Any, database: Path) -> Service:
    KeyFile(key_path(database)).add(DEVICE, Kind.DEVICE, 1, KEY)
    return Service(ingest.store, KeyRing(key_path(database)), emit=ingest.lines.append, log=ingest.log)


def test_what_is_counted(service: Service) -> None:
    http = create_app_of(service).test_client()
    two = rows([17, 0, 512, 1023], [18, 0, 1, 2])
    for body in (BODY, two, two, b"{}"):
        http.post("/v1/readings", data=body, headers=signed(body))
    http.get("/nothing")
    answer = http.get("/metrics")
    assert answer.content_type == "text/plain; version=0.0.4; charset=utf-8"
    found = samples(answer.text)
    assert found["unoingest_answers_total", "flask", "204"] == 3
    assert found["unoingest_answers_total", "flask", "400"] == 1
    assert found["unoingest_answers_total", "flask", "404"] == 1
    assert found["unoingest_readings_stored_total",] == 2
    assert found["unoingest_store_readable",] == 1
    assert found["unoingest_outbox_requests",] == 0
    assert found["unoingest_disk_free_bytes",] > 0
    assert found["unoingest_store_bytes",] > 0
    assert DEVICE not in answer.text


def test_a_store_that_cannot_be_read_is_a_gauge(service: Service, database: Path) -> None:
    database.rename(database.with_name("away"))
    found = samples(create_app_of(service).test_client().get("/metrics").text)
    assert found["unoingest_store_readable",] == 0
    assert ("unoingest_store_bytes",) not in found


def test_a_full_disk_is_not_ready(ingest: Any, database: Path, mocker: Any) -> None:
    service = Service(ingest.store, KeyRing(key_path(database)), log=ingest.log, disk_reserve_mb=64)
    http = create_app_of(service).test_client()
    assert http.get("/readyz").status_code == 200
    mocker.patch("unoingest.service.shutil.disk_usage").return_value.free = 63_999_999
    assert http.get("/readyz").status_code == 503
    assert ingest.events[0]["problem"]["detail"] == "the disk has 63999999 bytes left, less than its reserve"
