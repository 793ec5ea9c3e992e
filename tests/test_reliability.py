"""docs/reliability.md is true to the tests: what it names exists, and what is marked as a proof is named."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).parent.parent


def collected() -> tuple[set[str], set[str]]:
    """The names of all tests that pytest would run, and of those in modules that are marked as proofs."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "--collect-only", "-q", "tests"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=True,
    )
    found = set(re.findall(r"^(tests/\S+\.py)::(test_\w+)", done.stdout, re.MULTILINE))
    texts = {file: (REPOSITORY / file).read_text() for file, _ in found}
    proofs = {name for file, name in found if "\npytestmark = pytest.mark.proof\n" in texts[file]}
    return {name for _, name in found}, proofs


def test_the_document_names_every_proof_and_only_tests_that_exist() -> None:
    rows = [line for line in (REPOSITORY / "docs/reliability.md").read_text().splitlines() if line.startswith("| ")]
    named = {name for row in rows for name in re.findall(r"`(test_\w+)`", row)}
    tests, proofs = collected()
    assert named - tests == set()
    assert proofs - named == set()
    assert len(proofs) > 50
    assert all(len(re.split(r"(?<!\\)\|", row)) == 6 for row in rows)  # fault, promise, test, figure
