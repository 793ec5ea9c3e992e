"""What the guides say of settings, errors and each other is true to the code."""

from __future__ import annotations

import re
import shlex
import tomllib
from pathlib import Path
from typing import Any

import pytest
from bench.__main__ import ALL, BENCHMARKS, OF_RANKING

from semctx.cli import parser
from semctx.errors import ERRORS
from semctxd.config.schema import Config, Local
from semctxd.config.sources import Sources
from semctxd.config.tables import problems
from semctxd.health import _WHAT_TO_DO
from semctxd.lsp.registry import check
from tests.client.test_docs import RUN, steps

REPOSITORY = Path(__file__).parent.parent
DOCS = REPOSITORY / "docs"
GUIDES = sorted(path.name for path in DOCS.glob("*.md"))


def blocks(text: str, kind: str) -> list[str]:
    """The blocks of a kind."""
    return re.findall(rf"^```{kind}\n(.*?)^```$", text, re.M | re.S)


def sections(text: str, level: int) -> dict[str, str]:
    """Heading -> what stands below it."""
    parts = re.split(rf"^{'#' * level} (.+)$", text, flags=re.M)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def rows(text: str) -> list[list[str]]:
    """The cells of each row of its tables."""
    return [
        [cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("| ")
    ]


def test_every_error_has_an_entry_in_its_own_words() -> None:
    text = (DOCS / "troubleshooting.md").read_text().partition("\n## Errors\n")[2]
    entries = sections(text.partition("\n## ")[0], 3)
    assert sorted(entries) == sorted(ERRORS)
    for name, kind in ERRORS.items():
        assert f"> {kind.when} {kind.hint}\n" in entries[name]
        assert re.search(r"^Cause: .+?\bFix: ", entries[name], re.M | re.S), name


def test_every_reason_for_distrust_has_an_entry() -> None:
    section = sections((DOCS / "troubleshooting.md").read_text(), 2)["Reasons for `degraded`"]
    explained = {cells[0].strip("`") for cells in rows(section)} - {"reason"}
    assert explained == {*_WHAT_TO_DO, "changing"}


@pytest.mark.parametrize("name", GUIDES)
def test_settings_that_are_shown_exist(name: str) -> None:
    text = (DOCS / name).read_text()
    for block in blocks(text, "toml"):
        assert list(problems(tomllib.loads(block), Config)) == []
    sections_of: dict[str, Any] = {field: getattr(Config(), field) for field in Config.__struct_fields__}
    for section, key in re.findall(r"`\[(\w+)\] (\w+)", text):
        assert hasattr(sections_of.get(section), key), f"[{section}] {key}"


def test_what_is_said_of_a_workspaces_file_may_stand_there() -> None:
    settings = sections((DOCS / "getting-started.md").read_text(), 2)["Settings of a workspace"]
    (block,) = blocks(settings, "toml")
    assert list(problems(tomllib.loads(block), Local)) == []


@pytest.mark.parametrize("path", [REPOSITORY / "README.md", *(DOCS / name for name in GUIDES)], ids=lambda p: p.name)
def test_commands_that_are_not_run_are_right_nevertheless(path: Path) -> None:
    """Blocks of `sh` install, ask a person, or never end. What they ask of our own programs must exist."""
    targets = re.findall(r"^(\S+):", (REPOSITORY / "Makefile").read_text(), re.M)
    extras = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    for line in "".join(blocks(path.read_text(), "sh")).splitlines():
        command = line.rpartition("| ")[2]
        match shlex.split(command, comments=True):
            case ["semctx", *arguments]:
                parser.parse(arguments)
            case ["semctxd", *arguments]:
                Sources(None, {}, [value for value in arguments if value != "--set"], check)
            case ["make", *asked]:
                assert set(asked) <= set(targets), line
            case ["python", "-m", "bench", name, *_]:
                assert name in (*BENCHMARKS, ALL, *OF_RANKING), line
            case ["pip", "install", *packages]:
                named = {extra for package in packages for extra in re.findall(r"semctx\[(\w+)\]", package)}
                assert named <= set(extras), line


def test_links_of_the_readme_lead_somewhere() -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]+)", (REPOSITORY / "README.md").read_text())
    assert links
    assert [link for link in links if not (REPOSITORY / link).exists()] == []


def test_every_guide_is_in_the_list_of_guides() -> None:
    index = (DOCS / "index.md").read_text()
    assert [name for name in GUIDES if name != "index.md" and f"({name})" not in index] == []


def test_the_release_note_has_each_criterion() -> None:
    required = sections((DOCS / "requirements.md").read_text(), 2)["Targets"]
    criteria = [cells[:2] for cells in rows(required)]
    note = sections((DOCS / "release-0.1.md").read_text(), 2)["What was measured"]
    assert len(criteria) > 5
    assert [cells for cells in criteria if cells not in [found[:2] for found in rows(note)]] == []


def test_guides_that_show_commands_are_run() -> None:
    """The protocol's need `nc`; its program is run by test_protocol_doc."""
    elsewhere = {"protocol.md", "service-session.md"}  # the latter in tests/outside/test_service.py
    assert {name for name in GUIDES if list(steps(name))} - elsewhere <= set(RUN)
