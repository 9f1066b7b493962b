"""A sample of `make fuzzapi`: what is generated from the OpenAPI document finds nothing."""

from pathlib import Path

import pytest

from ingest_server.fuzz import serve_and_fuzz


@pytest.mark.system
def test_generated_requests_find_nothing(tmp_path: Path) -> None:
    assert serve_and_fuzz(tmp_path, 5) > 300
