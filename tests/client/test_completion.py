"""Shell completion: what bash offers. The other shells are tested where they are installed (tests/outside)."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from semctx.cli import main

WORDS = """
source "$1"; shift
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMPREPLY=()
_semctx
printf '%s\\n' "${COMPREPLY[@]}"
"""


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("ref", {"refs"}),
        ("d", {"def", "diagnostics", "doctor"}),
        ("find --k", {"--kind"}),
        ("find x --kind m", {"method"}),
        ("find x --match ", {"exact", "substring", "fuzzy"}),
        ("find --root /t", set()),  # the shell's own: file names
        ("overview s", set()),
        ("cache s", {"stats"}),
        ("cache stats --no", {"--no-start"}),
        ("completion z", {"zsh"}),
    ],
)
def test_bash(tmp_path: Path, capsys: pytest.CaptureFixture[str], line: str, expected: set[str]) -> None:
    assert main(["completion", "bash"]) == 0
    (tmp_path / "script").write_text(capsys.readouterr().out)
    command = ["bash", "-c", WORDS, "bash", str(tmp_path / "script"), "semctx", *line.split(" ")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert set(done.stdout.split()) - {"-h", "--help"} == expected
    assert done.stderr == ""


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_other_shells_get_every_command_and_option(capsys: pytest.CaptureFixture[str], shell: str) -> None:
    assert main(["completion", shell]) == 0
    script = capsys.readouterr().out
    for word in ("context", "diagnostics", "invalidate", "kind", "prometheus", "substring"):
        assert word in script
