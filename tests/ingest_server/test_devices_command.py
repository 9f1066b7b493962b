"""`unoingest devices`: what is shown, what is kept, and what a mistake looks like."""

import json
import sqlite3
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from ingest_server.wire import KEY
from unoingest import cli
from unoingest.key_file import KeyFile, Kind, key_path
from unoingest.signature import decode_key, encode_key

TEXT = encode_key(KEY)


def run(database: Path, *arguments: str, stdin: str | None = None) -> Result:
    return CliRunner().invoke(
        cli.main, ["devices", *arguments], env={"UNOINGEST_DATABASE": str(database)}, input=stdin
    )


def live(database: Path) -> list[tuple[str, Kind, str]]:
    keys = KeyFile(key_path(database)).read_all()
    return [(key.name, key.kind, key.key_id) for key in keys if key.revoked_at_ns is None]


def test_a_key_is_shown_once_and_kept_for_its_owner(database: Path) -> None:
    shown = run(database, "add", "uno-1")
    (stored,) = KeyFile(key_path(database)).read_all()
    assert decode_key(shown.stdout.strip()) == stored.secret
    assert shown.stderr == f"That is key {stored.key_id} of uno-1. It is not shown again.\n"
    assert shown.stdout.strip() not in run(database, "list").stdout + run(database, "list", "--json").stdout
    assert key_path(database).stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(("flag", "kind"), [("--bearer", Kind.BEARER), ("--reader", Kind.READER)])
def test_of_a_bearer_key_only_the_hash_is_kept(database: Path, flag: str, kind: Kind) -> None:
    text = run(database, "add", "laptop", flag).stdout.strip()
    (stored,) = KeyFile(key_path(database)).read_all()
    assert stored.kind is kind
    assert decode_key(text) not in key_path(database).read_bytes()


def test_a_key_that_was_drawn_elsewhere(database: Path) -> None:
    result = run(database, "add", "uno-1", "--key-from-stdin", stdin=TEXT + "\n")
    assert (result.stdout, result.stderr) == ("", "Took key 630dcd29 for uno-1.\n")
    assert [key.secret for key in KeyFile(key_path(database)).read_all()] == [KEY]
    shown = json.loads(run(database, "rotate", "uno-1", "--json").stdout)
    assert shown.keys() == {"name", "kind", "key_id", "created_at", "revoked_at", "key"}


def test_the_life_of_a_key(database: Path) -> None:
    run(database, "add", "uno-1")
    run(database, "rotate", "uno-1")
    (_, _, old), (_, _, new) = live(database)
    assert run(database, "revoke", "uno-1", "--key", old).stdout == f"revoked key {old} of uno-1\n"
    assert live(database) == [("uno-1", Kind.DEVICE, new)]
    assert run(database, "revoke", "uno-1").exit_code == 0
    assert live(database) == []
    assert run(database, "add", "uno-1").exit_code == 0
    states = [line.split()[-1] for line in run(database, "list").stdout.splitlines()]
    assert [state == "live" for state in states] == [False, False, True]


FAILURES = [
    (["add", "uno-1"], "uno-1 has a key already", "devices rotate uno-1"),
    (["rotate", "uno-2"], "uno-2 has no live key", "devices add uno-2"),
    (["revoke", "uno-2"], "uno-2 has no live key", "devices list"),
    (["revoke", "uno-1", "--key", "0"], "uno-1 has no live key 0", "devices list"),
    (["rotate", "two"], "two has two live keys already", "devices revoke two --key "),
    (["add", "gone", "--bearer"], "gone is a device", "another name"),
]


@pytest.mark.parametrize(("arguments", "error", "hint"), FAILURES)
def test_what_cannot_be_done(database: Path, arguments: list[str], error: str, hint: str) -> None:
    for setup in (["add", "uno-1"], ["add", "two"], ["rotate", "two"], ["add", "gone"], ["revoke", "gone"]):
        assert run(database, *setup).exit_code == 0
    before = live(database)
    result = run(database, *arguments)
    first, second = result.stderr.splitlines()
    assert (result.exit_code, result.stdout, first) == (1, "", f"Error: {error}")
    assert hint in second
    assert live(database) == before


@pytest.mark.parametrize("name", ["", "a/b", "x" * 33, "uno 1", "unö", "a\n"])
def test_what_is_no_name(database: Path, name: str) -> None:
    assert run(database, "add", name).exit_code == 2
    assert not key_path(database).exists()


@pytest.mark.parametrize("text", ["", "short", TEXT[:-1] + "9", TEXT + "=", TEXT + "A"])
def test_what_is_no_key(database: Path, text: str) -> None:
    result = run(database, "add", "uno-1", "--key-from-stdin", stdin=text)
    assert result.exit_code == 2
    assert not text or text not in result.output


def test_a_key_is_given_out_once(database: Path) -> None:
    run(database, "add", "uno-1", "--key-from-stdin", stdin=TEXT)
    result = run(database, "add", "uno-2", "--key-from-stdin", stdin=TEXT)
    assert result.stderr.splitlines()[0] == "Error: key 630dcd29 was given out before"


def test_nothing_is_listed_where_nothing_is(database: Path) -> None:
    assert (run(database, "list").stdout, run(database, "list", "--json").stdout) == ("", "")
    assert not key_path(database).exists()


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (b"no database" * 100, "cannot use the keys in"),
        (None, "holds no keys of this version"),
    ],
)
def test_a_file_that_is_no_key_file(database: Path, content: bytes | None, error: str) -> None:
    path = key_path(database)
    if content is None:
        connection = sqlite3.connect(path)
        connection.execute("CREATE TABLE other (a)")
        connection.commit()
        connection.close()
    else:
        path.write_bytes(content)
    path.chmod(0o600)
    before = path.read_bytes()
    result = run(database, "add", "uno-1")
    assert result.exit_code == 1
    assert error in result.stderr.splitlines()[0]
    assert path.read_bytes() == before


def test_keys_that_others_can_read_are_not_used(database: Path) -> None:
    run(database, "add", "uno-1")
    key_path(database).chmod(0o644)
    result = run(database, "list")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "chmod 600" in result.stderr


def test_a_directory_that_is_not_there(tmp_path: Path) -> None:
    result = run(tmp_path / "no" / "readings.db", "add", "uno-1")
    assert result.exit_code == 1
    assert "No such file or directory" in result.stderr
