"""context/query: what the language server adds, and that nothing depends on it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio
import psutil
import pytest

from semctx.errors import SemctxError
from semctxd import context
from semctxd.config.schema import Config, Index
from semctxd.lsp.interpreter import Environment
from semctxd.service import Service
from tests.conftest import PATIENCE_S, Daemon, Wire, daemon_at, eventually, sources
from tests.zoo import command, configured

PATIENT = "[context]\nenrich_s = 60\n"
INTENT = {"intent": "parse a price and double it", "targetFile": "shop/checkout.py"}


@pytest.fixture
def repo(repo: Path) -> Path:
    (repo / "shop/doubling.py").write_text(
        "from shop.prices import Price\n\n\n"
        "class Doubler:\n"
        "    def double_price(self, price: 'Price') -> 'Price':\n"
        '        """Double a price."""\n'
        "        return price\n"
    )
    for name in ("one", "two"):
        (repo / f"shop/{name}.py").write_text(
            "from shop.prices import parse_price\nfrom nowhere.prices import parse_nothing_price\n"
        )
    return repo


@pytest.fixture(scope="module")
def enriching() -> Iterator[Daemon]:
    with daemon_at(config=PATIENT) as running:
        yield running


def ask(client: Wire, repo: Path, **more: object) -> Any:
    return client.ask("context/query", root=str(repo), **{**INTENT, **more})


def named(found: Any, qualname: str) -> dict[str, Any]:
    return next(symbol for symbol in found["symbols"] if symbol["qualname"] == qualname)


def test_an_import_is_checked_where_it_will_stand(enriching: Daemon, repo: Path) -> None:
    for name in ("one", "two", "three"):
        put = repo / "scripts" / f"{name}.py"
        put.parent.mkdir(exist_ok=True)
        put.write_text(f"import beside\n\n\ndef double_{name}_price():\n    return beside.double()\n")
    (repo / "scripts/beside.py").write_text("def double(): ...\n")
    client = enriching.client()
    far = ask(client, repo, intent="double one price")
    near = ask(client, repo, intent="double one price", targetFile="scripts/four.py")
    for found, resolves in ((far, False), (near, True)):
        pattern = next(one for one in found["imports"] if one["statement"] == "import beside")
        assert pattern["count"] == 3
        assert pattern["checked"] is resolves
    anywhere = client.ask("context/query", root=str(repo), intent="double one price")
    pattern = next(one for one in anywhere["imports"] if one["statement"] == "import beside")
    assert pattern["checked"] is True  # where no place is said: as the files that have it import it


def test_what_the_server_knows_better(enriching: Daemon, repo: Path) -> None:
    found = ask(enriching.client(), repo)
    assert found["enriched"] is True
    assert found["source"] == "index"
    symbol = named(found, "Doubler.double_price")
    assert symbol["signature"] == "def double_price(self, price: Price) -> Price"  # what the strings stand for
    assert symbol["doc"] == "Double a price."
    checked = {pattern["module"]: pattern["checked"] for pattern in found["imports"]}
    assert checked["shop.prices"] is True
    assert checked.get("nowhere.prices", False) is False
    again = ask(enriching.client(), repo)
    assert (again["meta"].pop("cached"), found["meta"].pop("cached")) == (True, False)
    assert {**again, "meta": 0} == {**found, "meta": 0}


def test_a_change_of_what_it_rests_on_is_seen(enriching: Daemon, repo: Path) -> None:
    client = enriching.client()
    ask(client, repo)
    (repo / "shop/doubling.py").write_text("def double_price(amount: 'int') -> 'list[int]': ...\n")
    found = ask(client, repo)
    assert named(found, "double_price")["signature"] == "def double_price(amount: int) -> list[int]"


def test_the_same_question_gives_the_same_bytes_on_another_daemon(repo: Path) -> None:
    answers = []
    for _ in range(2):
        with daemon_at(config=PATIENT) as daemon:
            client = daemon.client()
            client.start("context/query", root=str(repo), explain=True, **INTENT)
            answers.append(client.file.readline().partition(b',"meta":')[0])
            client.start("files/relevant", root=str(repo), **INTENT)
            answers.append(client.file.readline().partition(b',"meta":')[0])
    assert answers[0] == answers[2]
    assert answers[1] == answers[3]
    assert len(answers[0]) > 1000


@pytest.mark.parametrize(
    "config",
    [
        "[context]\nenrich_s = 0\n",
        "[context]\nenrich_s = 0.5\n" + "HANGS",
        '[servers.ty]\ncommand = ["/nowhere/ty"]\n',
    ],
    ids=["turned off", "past the budget", "no such program"],
)
def test_without_the_server_s_part(repo: Path, tmp_path: Path, config: str) -> None:
    with daemon_at(config=config.replace("HANGS", configured(command("rude", "hangs", tmp_path / "record")))) as daemon:
        client = daemon.client()
        found = ask(client, repo)
        assert found["enriched"] is False
        assert found["symbols"]
        assert not any(pattern["checked"] for pattern in found["imports"])
        assert ask(client, repo)["meta"]["cached"]


def test_a_short_budget_is_not_spent_on_a_server_that_starts(repo: Path) -> None:
    config = "[context]\nenrich_s = 0.49\n" + configured(command("unruly", "hangs at its start"))
    with daemon_at(config=config) as daemon:
        client = daemon.client()
        ask(client, repo)
        found = ask(client, repo, intent="parse another price")
        assert not found["enriched"] and not found["meta"]["cached"]
        assert found["meta"]["elapsed_ms"] < 490
        assert client.sessions(repo, "ty")[0]["state"] == "starting"


@pytest.mark.parametrize("how", ["echoes", "refuses"])
def test_a_strange_answer_on_one_symbol_fails_nothing(repo: Path, tmp_path: Path, how: str) -> None:
    with daemon_at(config=PATIENT + configured(command("rude", how, tmp_path / "record"))) as daemon:
        found = ask(daemon.client(), repo)
        assert found["enriched"] is True
        assert named(found, "Doubler.double_price")["signature"] == "def double_price(self, price: 'Price') -> 'Price'"


def test_a_server_that_dies_of_it(repo: Path, tmp_path: Path) -> None:
    with daemon_at(config=PATIENT + configured(command("rude", "exits", tmp_path / "record"))) as daemon:
        found = ask(daemon.client(), repo)
        assert found["enriched"] is False
        assert found["symbols"]
        assert not any(pattern["checked"] for pattern in found["imports"])


def test_a_repository_with_nothing_in_it(enriching: Daemon, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    found = ask(enriching.client(), tmp_path / "empty")
    assert found["source"] == "knowledge-base"
    assert found["enriched"] is False


def test_withdrawn_while_the_indexer_works(enriching: Daemon, repo: Path) -> None:
    client, other = enriching.client(), enriching.client()
    ask(other, repo)

    def indexer() -> Any:
        return other.sessions(repo, "indexer")[0]

    process = psutil.Process(indexer()["pid"])
    process.suspend()
    try:
        number = client.start("context/query", root=str(repo), intent="another question")
        eventually(lambda: indexer()["pending"], "it is under way")
        client.send({"jsonrpc": "2.0", "method": "$/cancelRequest", "params": {"id": number}})
        assert client.receive()["error"]["data"]["type"] == "Cancelled"
    finally:
        process.resume()
    assert ask(client, repo, intent="another question")["symbols"]


async def test_an_indexer_that_answers_nonsense_is_an_internal_error(
    repo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with anyio.create_task_group() as tasks:
        service = Service(sources(Config(index=Index(snapshot=False))), tasks)
        workspace = await service.workspaces.open(str(repo))
        workspace.indexer.argv = command("rude", "echoes", tmp_path / "record")
        reply: asyncio.Future[SemctxError | None] = asyncio.get_running_loop().create_future()
        start = context.produce(workspace, b'{"intent":"x"}', Environment())
        start(lambda raw, error: reply.set_result(error))
        error = await asyncio.wait_for(reply, PATIENCE_S)
        assert error is not None
        assert error.type == "InternalError"
        assert error.correlation_id is not None
        await service.drain()
        tasks.cancel_scope.cancel()
    assert error.correlation_id in capsys.readouterr().out
