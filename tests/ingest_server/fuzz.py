"""Generated requests against `unoingest serve` and its own OpenAPI document (schemathesis).

Run as a script, with the number of cases that are wanted at least (`make fuzzapi`), or by test_fuzz.py with
few. Three runs: with a reader's key, with a writer's, and signed as a device.
"""

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from unoingest.key_file import KeyFile, Kind, key_path
from unoingest.signature import encode_key

KEY = bytes(range(32))
HOOKS = Path(__file__).with_name("fuzz_hooks.py")
# by default it does not know that a body beyond the limit is refused by 413
CONFIG = """
[checks]
negative_data_rejection.expected-statuses = ["4xx"]
"""
CASES = re.compile(r"(\d+) generated, (\d+) passed")


def serve_and_fuzz(folder: Path, examples: int) -> int:
    """Serve in `folder`, run, and return how many cases there were; arguments and errors as for `fuzz`."""
    database, log = folder / "readings.db", folder / "log"
    serve = [*(sys.executable, "-m", "unoingest", "serve", "--port", "0"), "--database", str(database)]
    # each refusal is a line, and a pipe that nobody reads would stop the server
    with log.open("wb") as sink:
        server = subprocess.Popen(serve, stdout=subprocess.DEVNULL, stderr=sink)
    try:
        while not log.read_bytes().endswith(b"\n"):
            assert server.poll() is None, log.read_text()
            time.sleep(0.05)
        cases = fuzz(
            f"http://127.0.0.1:{json.loads(log.read_bytes().splitlines()[0])['port']}", database, examples
        )
    except AssertionError:
        print(*mistakes(log)[:3], sep="\n", file=sys.stderr)  # noqa: T201 - for whoever looks for the cause
        raise
    finally:
        server.send_signal(signal.SIGTERM)
        code = server.wait(timeout=30)
    assert code == 0
    assert mistakes(log) == []
    return cases


def mistakes(log: Path) -> list[str]:
    """Return what the server's log says of its own mistakes."""
    return [line for line in log.read_text().splitlines() if '"internal_error"' in line]


def fuzz(base_url: str, database: Path, examples: int) -> int:
    """Run and return how many cases there were.

    Raises:
        AssertionError: a case failed; the message is the report.
    """
    keys = KeyFile(key_path(database))
    keys.add("reader", Kind.READER, 1, bytes(31) + b"r")
    keys.add("writer", Kind.BEARER, 1, bytes(31) + b"w")
    keys.add("device", Kind.DEVICE, 1, KEY)
    reader, writer = (encode_key(bytes(31) + letter) for letter in (b"r", b"w"))
    return (
        run(base_url, examples, "--include-method", "GET", "-H", f"Authorization: Bearer {reader}")
        # which readings are right depends on more than a schema can say
        + run(
            base_url,
            examples,
            *("--include-method", "POST", "-H", f"Authorization: Bearer {writer}"),
            *("--exclude-checks", "positive_data_acceptance"),
        )
        + run(
            base_url,
            examples,
            *("--include-path", "/v1/readings", "--exclude-checks", "positive_data_acceptance,ignored_auth"),
            hooks=True,
        )
    )


def run(base_url: str, examples: int, *options: str, hooks: bool = False) -> int:
    command = [
        *(str(Path(sys.executable).with_name("schemathesis")), "run", f"{base_url}/openapi.json"),
        *("--max-examples", str(examples), "--phases", "examples,coverage,fuzzing", "--checks", "all"),
        *("--generation-deterministic", "--no-color", "--max-response-time", "30"),
        *options,
    ]
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "schemathesis.toml").write_text(CONFIG)
        environment = {**os.environ, "PYTHONPATH": str(HOOKS.parent)}
        if hooks:
            environment["SCHEMATHESIS_HOOKS"] = HOOKS.stem
        said = ""
        with subprocess.Popen(
            command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        ) as process:
            assert process.stdout
            # it takes minutes, and says how far it is
            for line in process.stdout:
                sys.stderr.write(line)
                said += line
    found = CASES.search(said)
    # the first failure from its beginning: a generated body may be as long as it likes
    report = said[said.find("= FAILURES =") :]
    assert process.returncode == 0, report[:8000]
    assert found, said
    return int(found[1])


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as temporary:
        print(f"{serve_and_fuzz(Path(temporary), int(sys.argv[1]))} cases found nothing")  # noqa: T201 - a script
