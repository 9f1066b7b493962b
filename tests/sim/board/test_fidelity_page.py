"""The ledger's list of other simulators' faults: each test that it names exists."""

import ast
import re
from pathlib import Path

HERE = Path(__file__).parent
PAGE = HERE.parents[2] / "docs" / "sim-fidelity.md"


def test_every_test_that_the_page_names_exists() -> None:
    named = re.findall(r"`(test_\w+)::(test_\w+)`", PAGE.read_text())
    assert len(named) > 20
    missing = []
    for module, function in named:
        tree = ast.parse((HERE / f"{module}.py").read_text())
        names = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
        if function not in names:
            missing.append(f"{module}::{function}")
    assert missing == []
