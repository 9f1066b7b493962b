"""The gateway's reading of docs/wire-protocol.md: tags and bodies."""

import pytest
from pytest_mock import MockerFixture

from bridge.device import KEY, KEY_TEXT
from unobridge import signing
from unobridge.body import BodyError, parse

BODY = b'{"boot":3,"channels":["a0","a1"],"readings":[[17,0,512,1023]]}'
OTHER = b'{"boot":2,"channels":["a0","temp"],"readings":[[40,null,512,21.5],[41,null,513,null]]}'


@pytest.mark.parametrize(
    ("body", "tag", "of_204", "of_422", "held"),
    [
        (
            BODY,
            "MhH7_h0uPUAaLcX4_EyDsQ",
            "I-MD9kgJr9aTaznOwrKo5A",
            "N1__z3_zI6XGTpObYJnnzg",
            "cRDvtfoXfYxacX_JzQHXZw",
        ),
        (
            OTHER,
            "B1lyfJSOKTFBPJqSfrqfLA",
            "goaTJVQQ-2FjTSLUfR-T5A",
            "wc-UgDuVWN7X-JIARAH7XQ",
            "kAyGr7TVB5cD2BvB18WmGA",
        ),
    ],
)
def test_the_vectors_of_the_page(body: bytes, tag: str, of_204: str, of_422: str, held: str) -> None:
    assert signing.request_tag(KEY, "uno-7f3a", body) == tag
    assert signing.answer_tag(KEY, 204, tag) == of_204
    assert signing.answer_tag(KEY, 422, tag) == of_422
    assert signing.held_tag(KEY, 86_400_000, tag) == held
    assert parse(body)["readings"]


def test_nothing_but_compare_digest_judges_a_tag(mocker: MockerFixture) -> None:
    # it takes as long wherever two tags differ (Python, hmac); == would not
    mocker.patch("hmac.compare_digest", return_value=True)
    assert signing.same("A" * 22, "B" * 22)


def test_keys_are_written_and_read() -> None:
    assert signing.parse_key(KEY_TEXT) == KEY
    assert signing.key_text(KEY) == KEY_TEXT
    assert signing.key_check(KEY) == "IWRiW1if"
    assert len({signing.new_key() for _ in range(100)}) == 100
    for wrong in ("", KEY_TEXT[:-1], KEY_TEXT + "=", KEY_TEXT[:-1] + "9", KEY_TEXT[:-1] + "é"):
        assert signing.parse_key(wrong) is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Bearer x",
        "Unolink uno:short",
        "Unolink :MhH7_h0uPUAaLcX4_EyDsQ",
        "Unolink uno 7:MhH7_h0uPUAaLcX4_EyDsQ",
        "Unolinkuno-7f3a:MhH7_h0uPUAaLcX4_EyDsQ",
        "Unolink uno-7f3a:MhH7_h0uPUAaLcX4_EyDsQ=",
        "Unolink uno-7f3a:MhH7_h0uPUAaLcX4_EyDs\xc4",
    ],
)
def test_other_credentials_are_none(text: str) -> None:
    assert signing.parse_authorization(text) is None


@pytest.mark.parametrize("scheme", ["Unolink", "unolink", "UNOLINK  "])
def test_the_scheme_is_read_as_http_has_it(scheme: str) -> None:
    assert signing.parse_authorization(f"{scheme} uno-7f3a:{'a' * 22}") == ("uno-7f3a", "a" * 22)


ROW = '{"boot":1,"channels":["a0"],"readings":[%s]}'


@pytest.mark.parametrize(
    "text",
    [
        "[0,0,1]",
        "[4294967295,4294967295,-9223372036854775808]",
        "[0,null,9223372036854775807]",
        "[0,0,1e308]",
        "[1,0,1],[0,0,1]",
    ],
)
def test_rows_that_the_page_allows(text: str) -> None:
    assert parse((ROW % text).encode())


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "malformed_json"),
        ("{", "malformed_json"),
        ("\xff", "malformed_json"),
        ("[" * 100_000, "malformed_json"),
        (ROW % "[0,0,NaN]", "malformed_json"),
        ("[]", "invalid_reading"),
        ("{}", "invalid_reading"),
        (ROW % "", "invalid_reading"),
        (ROW % ",".join(f"[{seq},0,1]" for seq in range(101)), "invalid_reading"),
        (ROW % "[0,0,1],[0,0,1]", "invalid_reading"),
        (ROW % "[0,0]", "invalid_reading"),
        (ROW % "[0,0,1,2]", "invalid_reading"),
        (ROW % "[0,0,null]", "invalid_reading"),
        (ROW % "[0,0,true]", "invalid_reading"),
        (ROW % '[0,0,"1"]', "invalid_reading"),
        (ROW % "[0,0,1e999]", "invalid_reading"),
        (ROW % "[0,0,9223372036854775808]", "invalid_reading"),
        (ROW % "[true,0,1]", "invalid_reading"),
        (ROW % "[-1,0,1]", "invalid_reading"),
        (ROW % "[4294967296,0,1]", "invalid_reading"),
        (ROW % "[0,-1,1]", "invalid_reading"),
        (ROW % "[0,1.5,1]", "invalid_reading"),
        (ROW % "7", "invalid_reading"),
        ('{"boot":1,"boot":1,"channels":["a"],"readings":[[0,0,1]]}', "invalid_reading"),
        ('{"boot":1,"channels":["a"],"readings":[[0,0,1]],"x":1}', "invalid_reading"),
        ('{"boot":1.0,"channels":["a"],"readings":[[0,0,1]]}', "invalid_reading"),
        ('{"boot":1,"channels":[],"readings":[[0,0]]}', "invalid_reading"),
        ('{"boot":1,"channels":["A"],"readings":[[0,0,1]]}', "invalid_reading"),
        ('{"boot":1,"channels":["a","a"],"readings":[[0,0,1,1]]}', "invalid_reading"),
        ('{"boot":1,"channels":["a0123456789012345"],"readings":[[0,0,1]]}', "invalid_reading"),
        ('{"boot":1,"channels":["a"],"readings":[[0,0,1]],"status":[]}', "invalid_reading"),
        ('{"boot":1,"channels":["a"],"readings":[[0,0,1]],"status":{"x":1.5}}', "invalid_reading"),
        ('{"boot":1,"channels":["a"],"readings":[[0,0,1]],"status":{"X":1}}', "invalid_reading"),
    ],
)
def test_bodies_that_break_the_page(text: str, code: str) -> None:
    with pytest.raises(BodyError) as caught:
        parse(text.encode("latin-1"))
    assert caught.value.code == code
