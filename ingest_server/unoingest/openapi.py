"""The OpenAPI document: what the views take and give, from the types that decode and the table of problems.

A test holds it against the application's routes, and a fuzzer (schemathesis) against its answers.
"""

import functools
from collections.abc import Mapping
from typing import Any

import msgspec

from unoingest.client_posts import KEY_PATTERN
from unoingest.device_body import DeviceRequest
from unoingest.line_protocol import PRECISIONS
from unoingest.plain_body import PlainPoints, PlainRequest
from unoingest.problems import PROBLEM_MEDIA_TYPE, PROBLEMS, ProblemKind
from unoingest.queries import PAGE_MAX
from unoingest.senml import RECORDS_MAX
from unoingest.senml import VERSION as VERSION_OF_SENML
from unoingest.sent import CHANNELS_MAX, DEVICE_PATTERN, UINT32_MAX

VERSION = "3.1.0"
_JSON = "application/json"
_READER, _BEARER, _DEVICE = "reader", "bearer", "device"

_TIME = {"type": "string", "format": "date-time"}
_NULLABLE_TIME = {"type": ["string", "null"], "format": "date-time"}
_UINT32 = {"type": "integer", "minimum": 0, "maximum": UINT32_MAX}
_NEXT = {"type": ["string", "null"], "description": "Cursor of the next page, null on the last."}
_VALUES = {"type": "object", "additionalProperties": {"type": "number"}}


def _object(**members: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": members,
        "required": list(members),
        "additionalProperties": False,
    }


def _list(items: Any) -> dict[str, Any]:
    return {"type": "array", "items": items}


_IDENTITY = {"boot": _UINT32, "seq": _UINT32, "received_at": _TIME, "timestamp": _NULLABLE_TIME}
_DEVICE_SUMMARY = _object(
    device={"type": "string"},
    boot=_UINT32,
    seq=_UINT32,
    last_received_at=_TIME,
    quiet_for_s={"type": "integer", "minimum": 0},
    status={"type": ["object", "null"], "additionalProperties": {"type": "integer"}},
)
_GAP = _object(boot=_UINT32, first_seq=_UINT32, last_seq=_UINT32, missing={"type": "integer", "minimum": 1})
_ACKNOWLEDGEMENT = {
    "type": "object",
    "properties": {"boot": _UINT32, "acked": _list(_UINT32), "known": {"type": "integer", "minimum": 0}},
    "required": ["boot", "acked"],
    "additionalProperties": False,
}
_SENML_RECORD = {
    "type": "object",
    "properties": {
        **{key: {"type": "string"} for key in ("bn", "n", "bu", "u")},
        **{key: {"type": "number"} for key in ("bt", "t", "bv", "v", "ut")},
        "bver": {"const": VERSION_OF_SENML},
        "vb": {"type": "boolean"},
    },
}
_STATE = {"type": "object", "properties": {"status": {"type": "string"}}, "required": ["status"]}


def _query(name: str, schema: Mapping[str, Any], description: str) -> dict[str, Any]:
    return {"name": name, "in": "query", "required": False, "schema": schema, "description": description}


def _path(name: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    return {"name": name, "in": "path", "required": True, "schema": schema}


_DEVICE_NAME = {"type": "string", "pattern": DEVICE_PATTERN.replace(r"\Z", "$")}
_OF_DEVICE = _path("device", {"type": "string", "minLength": 1})
_LIMIT = _query("limit", {"type": "integer", "minimum": 1, "maximum": PAGE_MAX}, "Size of the page.")
_CURSOR = _query("cursor", {"type": "string", "pattern": "^[0-9]{1,10}-[0-9]{1,10}$"}, "What `next` said.")
_PRECISION = _query("precision", {"enum": list(PRECISIONS)}, "Unit of the times.")
_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "schema": {"type": "string", "pattern": KEY_PATTERN.join(("^(", ")$"))},
    "description": "Makes a retry of the same bytes safe for a day.",
}

_OF_EVERY = ("internal_error", "invalid_host")
_OF_KEY = ("bad_key", "key_revoked", "not_allowed", "rate_limited", "store_unavailable")
_OF_BODY = (
    *("invalid_length", "body_timeout", "length_required", "body_too_large", "unsupported_media_type"),
    "invalid_idempotency_key",
    "idempotency_key_reused",
)
_OF_JSON = ("malformed_json", "invalid_reading", "identity_conflict")
_OF_LINES = ("invalid_line", "partial_write", "malformed_gzip", "invalid_query")


def _ref(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}


def _answer(description: str, media_type: str, schema: Any) -> dict[str, Any]:
    return {"description": description, "content": {media_type: {"schema": schema}}}


def _read(summary: str, parameters: list[Any], schema: Any, *problems: str) -> dict[str, Any]:
    return _operation(
        summary, parameters, {"200": _answer("It", _JSON, schema)}, _READER, *_OF_KEY, *problems
    )


def _operation(
    summary: str, parameters: list[Any], answers: dict[str, Any], key: str | None, *problems: str
) -> dict[str, Any]:
    kinds: dict[str, list[ProblemKind]] = {}
    for code in (*_OF_EVERY, *problems):
        kinds.setdefault(str(PROBLEMS[code].status), []).append(PROBLEMS[code])
    for status, of_status in sorted(kinds.items()):
        described = "; ".join(f"{kind.code}: {kind.title}" for kind in of_status)
        answers[status] = _answer(described, PROBLEM_MEDIA_TYPE, _ref("Problem"))
    return {
        "summary": summary,
        "parameters": parameters,
        "security": [] if key is None else [{key: []}],
        "responses": answers,
    }


def _write() -> dict[str, Any]:
    operation = _operation(
        "Store points in InfluxDB line protocol",
        [_PRECISION, _KEY],
        {"204": {"description": "Every point is on disk"}},
        _BEARER,
        *(*_OF_KEY, *_OF_BODY, *_OF_LINES),
    )
    # an empty body is no lines, all of which are on disk; the syntax of a line is beyond a schema
    operation["requestBody"] = {"required": False, "content": {"text/plain": {"schema": {"type": "string"}}}}
    return operation


def _post() -> dict[str, Any]:
    operation = _operation(
        "Store readings",
        [_KEY],
        {
            "200": _answer("Every reading is on disk", _JSON, _ACKNOWLEDGEMENT),
            "204": {"description": "The same, signed"},
        },
        _BEARER,
        *(*_OF_KEY, *_OF_BODY, *_OF_JSON, "bad_signature"),
    )
    operation["security"] = [{_BEARER: []}, {_DEVICE: []}, {}]
    plain = {"anyOf": [_ref("PlainRequest"), _ref("PlainPoints"), _ref("DeviceRequest")]}
    senml = {"type": "array", "items": _SENML_RECORD, "minItems": 1, "maxItems": RECORDS_MAX}
    operation["requestBody"] = {
        "required": True,
        "content": {_JSON: {"schema": plain}, "application/senml+json": {"schema": senml}},
    }
    return operation


def _paths() -> dict[str, Any]:
    history = [_OF_DEVICE, _LIMIT, _CURSOR]
    latest = _object(value={"type": "number"}, **_IDENTITY)
    page = _object(
        device={"type": "string"}, readings=_list(_object(**_IDENTITY, values=_VALUES)), next=_NEXT
    )
    quiet = _query("quiet_for_s", _UINT32, "Only devices of which nothing was received for so long.")
    csv_text = {"200": _answer("The readings", "text/csv", {"type": "string"})}
    of_device = _query("device", _DEVICE_NAME, "Only this device.")
    names = {"type": "string", "pattern": f"^[^,]+(,[^,]+){{0,{CHANNELS_MAX - 1}}}$"}
    channels = _query("channels", names, "Names, separated by commas: a row for each reading.")
    return {
        "/v1/readings": {"post": _post()},
        "/api/v2/write": {"post": _write()},
        "/write": {"post": _write()},
        "/v1/devices": {
            "get": _read(
                "Devices by name, and since when they are quiet",
                [_LIMIT, _query("cursor", _DEVICE_NAME, "What `next` said."), quiet],
                _object(devices=_list(_DEVICE_SUMMARY), next=_NEXT),
                "invalid_query",
            )
        },
        "/v1/devices/{device}/latest": {
            "get": _read(
                "The latest value of each channel",
                [_OF_DEVICE],
                _object(device={"type": "string"}, values={"type": "object", "additionalProperties": latest}),
                "unknown_device",
                "unknown_path",
            )
        },
        "/v1/devices/{device}/readings": {
            "get": _read(
                "Readings in pages", history, page, "unknown_device", "unknown_path", "invalid_query"
            )
        },
        "/v1/devices/{device}/gaps": {
            "get": _read(
                "Readings that never came",
                history,
                _object(device={"type": "string"}, gaps=_list(_GAP), next=_NEXT),
                *("unknown_device", "unknown_path", "invalid_query"),
            )
        },
        "/v1/readings.csv": {
            "get": _operation(
                "Every reading as CSV", [of_device, channels], csv_text, _READER, *_OF_KEY, "invalid_query"
            )
        },
        **_service_paths(),
    }


def _service_paths() -> dict[str, Any]:
    ok = {"200": _answer("It is so", _JSON, _STATE)}
    return {
        "/healthz": {"get": _operation("Is the process alive?", [], dict(ok), None)},
        "/metrics": {
            "get": _operation(
                "Counts and gauges for Prometheus",
                [],
                {"200": _answer("In its text format", "text/plain", {"type": "string"})},
                None,
            )
        },
        "/readyz": {
            "get": _operation("Could a reading be stored now?", [], dict(ok), None, "store_unavailable")
        },
    }


@functools.cache
def document() -> bytes:
    """Return the document as JSON."""
    types = (PlainRequest, PlainPoints, DeviceRequest)
    _, schemas = msgspec.json.schema_components(types, ref_template="#/components/schemas/{name}")
    texts = {name: {"type": "string"} for name in ("type", "title", "detail", "code", "fix")}
    schemas["Problem"] = {
        "type": "object",
        "properties": {**texts, "status": {"type": "integer"}, "pointer": {"type": "string"}},
        "required": [*texts, "status"],
        "additionalProperties": False,
    }
    content = {
        "openapi": VERSION,
        "info": {"title": "unoingest", "version": "1"},
        "paths": _paths(),
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                _BEARER: {"type": "http", "scheme": "bearer", "description": "devices add NAME --bearer"},
                _READER: {"type": "http", "scheme": "bearer", "description": "devices add NAME --reader"},
                _DEVICE: {
                    "type": "apiKey",
                    "in": "header",
                    "name": "Authorization",
                    "description": "Unolink <device>:<tag>, docs/wire-protocol.md",
                },
            },
        },
    }
    # Python ends a pattern with \Z, JSON Schema with $
    return msgspec.json.encode(content).replace(rb"\\Z", b"$")
