"""The generators' provider on a real repository, with a real daemon and real language servers."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from semctx import SemctxError
from semctx.provider import LSPConfig, LSPSemanticContextProvider
from tests.conftest import Daemon, daemon_at
from tests.zoo import command, configured

INTENT = "Validate email address format"


@pytest.fixture(scope="module")
def shared() -> Iterator[Daemon]:
    with daemon_at(config="[context]\nenrich_s = 60\n") as running:
        yield running


@pytest.fixture
def running(shared: Daemon, monkeypatch: pytest.MonkeyPatch) -> Daemon:
    monkeypatch.setenv("SEMCTX_SOCKET", shared.socket)
    return shared


def provider(repo: Path, **more: Any) -> LSPSemanticContextProvider:
    return LSPSemanticContextProvider(LSPConfig(repo, **more))


async def test_a_context_for_an_intent(running: Daemon, repo: Path) -> None:
    async with provider(repo, language="python", timeout=60.0) as asked:
        context = await asked.get_context_for_intent(INTENT, "shop/accounts.py")
    function = next(one for one in context.available_functions if one.name == "validate_email")
    assert (function.module, function.signature, function.description) == (
        "shop.validation",
        "def validate_email(address: str) -> str",
        "Validate the format of an email address and return it.",
    )
    types = {one.name: one for one in context.available_types}
    assert (types["Price"].module, types["Price"].description) == ("shop.prices", "An amount of money.")
    assert types["Price"].example_usage == "return Price(self.amount * (1 + rate))"
    assert types["ValidationError"].example_usage == "raise ValidationError(address)"
    assert types["Order"].example_usage == "def total(orders: list[Order]) -> list[Price]:"
    assert context.relevant_files[0] == "shop/validation.py"
    assert context.codebase_conventions
    assert all(isinstance(value, str) for value in context.codebase_conventions.values())
    assert "def validate_email(address: str) -> str" in context.to_prompt_context()
    assert len(context.to_prompt_context(100)) <= 300


async def test_import_patterns_can_be_pasted(running: Daemon, repo: Path) -> None:
    async with provider(repo) as asked:
        context = await asked.get_context_for_intent(INTENT, "shop/accounts.py")
    statements = [statement for pattern in context.import_patterns for statement in pattern.common_imports]
    assert statements[0].startswith("from shop.validation import validate_email")
    pattern = next(one for one in context.import_patterns if one.module == "shop.validation")
    assert pattern.usage_context == "in 1 file, such as shop/orders.py:4"
    subprocess.run([sys.executable, "-c", "\n".join(statements)], cwd=repo, check=True)
    new = [one.usage_context for one in context.import_patterns if one.usage_context.startswith("in 0 files")]
    assert new and all(text.startswith("in 0 files, defined at shop/") for text in new)


async def test_equal_questions_give_equal_contexts_from_memory(running: Daemon, repo: Path) -> None:
    async with provider(repo) as asked:
        first = await asked.get_context_for_intent(INTENT)
        second = await asked.get_context_for_intent(INTENT)
        assert first == second
        assert first.to_prompt_context() == second.to_prompt_context()
        assert (first.meta.cached, second.meta.cached) == (False, True)
        assert second.meta.elapsed_ms < first.meta.elapsed_ms
        metrics = asked.get_metrics()
        assert metrics["queries"] == {"total": 8, "success": 8, "error": 0, "cached": 4}
        (repo / "shop/validation.py").write_text("def validate_email_address(text): ...\n")
        third = await asked.get_context_for_intent(INTENT)
        assert not third.meta.cached
        assert "validate_email_address" in [one.name for one in third.available_functions]


async def test_three_symbols_are_asked_about_at_once_and_one_that_fails_leaves_the_rest(
    repo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with daemon_at(config=configured(command("gathering", "3"))) as daemon:
        monkeypatch.setenv("SEMCTX_SOCKET", daemon.socket)
        async with provider(repo) as asked:
            context = await asked.get_context_for_intent(INTENT)
            examples = {one.name: one.example_usage for one in context.available_types}
            # the server says of each class where it is defined, which is no use of it, and of Price it says an error
            assert examples == {
                "Price": "return Price(self.amount * (1 + rate))",  # so the index answers
                "Order": "from shop.orders import Order",
                "ValidationError": "from shop.validation import ValidationError",
            }
            assert asked.get_metrics()["queries"]["success"] == 4


async def test_a_server_that_says_nothing_leaves_out_examples(repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with daemon_at(config=configured(command("gathering", "4")) + "\n[daemon]\ndeadline_s = 3\n") as daemon:
        monkeypatch.setenv("SEMCTX_SOCKET", daemon.socket)
        monkeypatch.setattr("semctx.provider._EXAMPLE_S", 0.2)
        async with provider(repo) as asked:
            context = await asked.get_context_for_intent(INTENT)
            examples = [one.example_usage for one in context.available_types]
            assert len(examples) == 3 and all(
                one.startswith("from shop.") for one in examples
            )  # how to import it, alone
            assert asked.get_metrics()["errors"] == {"Timeout": 3}


async def test_metrics_count_what_happened(repo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with daemon_at(config=configured(command("rude", "echoes", tmp_path / "record"))) as daemon:
        monkeypatch.setenv("SEMCTX_SOCKET", daemon.socket)
        async with provider(repo, max_symbols=30, max_files=2) as asked:
            assert asked.get_metrics()["rates"] == {"success_rate": 0.0, "cache_hit_rate": 0.0}
            context = await asked.get_context_for_intent(INTENT)
            await asked.get_context_for_intent(INTENT)
            metrics = asked.get_metrics()
            stats = asked.cache_stats()
        assert len(context.available_types) == 3  # what was no answer of LSP's has failed nothing else
        assert metrics["queries"] == {"total": 8, "success": 2, "error": 6, "cached": 1}
        assert metrics["errors"] == {"ServerError": 6}
        assert metrics["rates"] == {"success_rate": 0.25, "cache_hit_rate": 0.5}
        performance = metrics["performance"]
        assert performance["avg_latency_ms"] > 0
        symbols = len(context.ranked.symbols)
        assert (performance["symbols_retrieved"], performance["files_queried"]) == (2 * symbols, 4)
        assert metrics["cache"]["by_method"]["context/query"] == {"hits": 1, "misses": 1}
        assert stats["size"] == metrics["cache"]["size"] > 0


async def test_what_cannot_be_had(repo: Path, place: str) -> None:
    with pytest.raises(SemctxError) as caught:
        await provider(repo, language="cobol").start()
    assert (caught.value.type, caught.value.nearest) == ("UnknownServer", ["python"])
    asked = provider(repo, start_daemon=False)
    with pytest.raises(SemctxError, match="no daemon listens"):
        await asked.get_context_for_intent(INTENT)
    assert asked.get_metrics()["cache"] == {}
    await asked.stop()
