"""Writes docs/configuration.md from `unoingest.config.Config`; a test compares the two."""

import dataclasses
from pathlib import Path

from unoingest.config import Config, environment_variable

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "configuration.md"

_HEAD = """# Configuration of the ingest server

A setting comes from a flag, else from the environment, else from the file named by `unoingest --config FILE`
or `UNOINGEST_CONFIG`, else from its default. The file is TOML, with the names of the first column and no
tables:

```toml
database = "/var/lib/unoingest/readings.db"
host = "0.0.0.0"
disk_reserve_mb = 500
```

A name that is none, or a value that does not fit, ends the program with exit code 2 before it does anything.
Each command takes those settings that it has a use for (`unoingest COMMAND --help`) and passes over the
others in the file.

| name in the file | flag | environment | default | meaning |
|---|---|---|---|---|
"""


def page() -> str:
    """Return the whole page; made by this tool, not by hand."""
    rows = []
    for setting in dataclasses.fields(Config):
        cells = [
            f"`{setting.name}`",
            f"`--{setting.name.replace('_', '-')}`",
            f"`{environment_variable(setting.name)}`",
            _default(setting.default),
            setting.metadata["doc"],
        ]
        rows.append(f"| {' | '.join(cells)} |")
    return _HEAD + "\n".join(rows) + "\n"


def _default(default: object) -> str:
    if default is dataclasses.MISSING:
        return "required"
    return "none" if default in ("", None) else f"`{default}`"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    print(f"wrote {PAGE.relative_to(ROOT)}")
