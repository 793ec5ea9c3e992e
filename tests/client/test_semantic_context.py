from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from semctx.context import SemanticContext


def symbol(name: str, confidence: float, doc: str = "", signature: str = "") -> dict[str, Any]:
    return {
        "name": name,
        "qualname": name,
        "kind": "function",
        "file": "pkg/mod.py",
        "line": 3,
        "column": 4,
        "module": "pkg.mod",
        "signature": signature or f"def {name}(value: str) -> None",
        "doc": doc,
        "scope": "workspace",
        "confidence": confidence,
    }


def result(*symbols: dict[str, Any]) -> Any:
    return {
        "symbols": list(symbols),
        "types": [],
        "functions": list(range(len(symbols))),
        "files": [{"path": "pkg/mod.py", "score": 1.0, "why": "defines check"}],
        "imports": [
            {
                "module": "pkg.mod",
                "names": ["check"],
                "statement": "from pkg.mod import check",
                "count": 3,
                "evidence": ["a.py:1"],
                "checked": True,
            }
        ],
        "conventions": [
            {"key": "docstrings", "value": "google", "count": 3, "of": 4, "evidence": ["a.py:1"]},
        ],
        "keywords": ["check"],
        "source": "index",
        "enriched": True,
        "meta": {"elapsed_ms": 1.5, "cached": False},
    }


def test_the_parts_of_a_result() -> None:
    answer = result(symbol("check", 0.9), symbol("Kind", 0.2))
    answer["types"], answer["functions"], answer["degraded"] = [1], [0], ["watching a network file system"]
    assert SemanticContext.from_result(answer).hint == ""
    answer["hint"] = "Say it in other words."
    context = SemanticContext.from_result(answer)
    assert [found["name"] for found in context.symbols] == ["check", "Kind"]
    assert [found["name"] for found in context.types] == ["Kind"]
    assert [found["name"] for found in context.functions] == ["check"]
    assert context.files[0]["path"] == "pkg/mod.py"
    assert context.imports[0]["module"] == "pkg.mod"
    assert context.conventions[0]["value"] == "google"
    assert (context.keywords, context.source, context.enriched) == (("check",), "index", True)
    assert context.hint == "Say it in other words."
    assert (context.degraded, context.cached, context.elapsed_ms) == (("watching a network file system",), False, 1.5)
    with pytest.raises(AttributeError):
        context.source = "server"


def test_a_prompt() -> None:
    context = SemanticContext.from_result(
        result(symbol("maybe", 0.1), symbol("check", 0.9, doc="Check\n  it."), symbol("also", 0.5))
    )
    assert context.to_prompt() == (
        "## Use these\n\n"
        "- pkg.mod.check (function, pkg/mod.py:3)\n"
        "      def check(value: str) -> None\n"
        "  Check it.\n"
        "- pkg.mod.also (function, pkg/mod.py:3)\n"
        "      def also(value: str) -> None\n"
        "\n## Imports here look like\n\n"
        "    from pkg.mod import check\n"
        "\n## Conventions here\n\n"
        "- docstrings: google (3 of 4)\n"
        "\n## Files to look at\n\n"
        "- pkg/mod.py: defines check\n"
        "\n## Perhaps of use\n\n"
        "- pkg.mod.maybe (function, pkg/mod.py:3)\n"
        "      def maybe(value: str) -> None\n"
    )


def test_documentation_goes_before_a_symbol_does() -> None:
    context = SemanticContext.from_result(result(symbol("check", 0.9, doc="word " * 100), symbol("also", 0.8)))
    text = context.to_prompt(max_tokens=60)
    assert "def check(value: str) -> None\n" in text
    assert "def also(value: str) -> None\n" in text
    assert "word" not in text


def test_there_is_room_for_nothing() -> None:
    context = SemanticContext.from_result(result(symbol("check", 0.9)))
    assert context.to_prompt(max_tokens=0) == ""


signatures = st.text("abc(): \n", min_size=1, max_size=60).filter(lambda text: text.strip())


@given(
    st.lists(st.tuples(signatures, st.floats(0, 1), st.text("xyz ", max_size=40)), max_size=6),
    st.integers(0, 300),
)
def test_a_prompt_keeps_to_its_budget_and_holds_whole_entries_only(
    symbols: list[tuple[str, float, str]], budget: int
) -> None:
    context = SemanticContext.from_result(
        result(*(symbol(f"s{at}_", c, doc, sig) for at, (sig, c, doc) in enumerate(symbols)))
    )
    text = context.to_prompt(budget)
    assert len(text) <= 3 * budget
    assert text == context.to_prompt(budget)
    whole = context.to_prompt()
    lines = whole.splitlines()
    assert all(line in lines for line in text.splitlines())
    for at, (signature, _, _) in enumerate(symbols):
        if f"s{at}_ (" in text:
            shown = text[text.index(f"s{at}_ (") :].split("\n", 1)[1]
            assert [line.strip() for line in shown.splitlines()][: len(signature.splitlines())] == [
                line.strip() for line in signature.splitlines()
            ]
    assert len(context.to_prompt(10**6)) == len(whole)
