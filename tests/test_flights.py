"""The same question before and after an edit, with a language server that answers only when told to.

What each test forbids is named in it; each was seen to fail with that guard taken out.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Daemon, Patient, Wire, eventually

SYMBOLS = "textDocument/documentSymbol"
HOVER = "textDocument/hover"


@pytest.fixture
def daemon(slow: Daemon, patient: Patient) -> Daemon:
    """One for all tests, each of which has its own root and so its own language server."""
    return slow


def flights(watcher: Wire, asked: Question) -> dict[str, int]:
    counts: dict[str, int] = watcher.ask("metrics/get")["workspaces"][asked.root]["flights"]
    return counts


class Question:
    """One LSP question about one file, asked again and again."""

    def __init__(self, repo: Path, method: str = SYMBOLS) -> None:
        self.path = repo / "shop/one.py"
        self.root, self.method = str(repo), method

    def write(self, text: str) -> None:
        self.path.write_text(text)

    def start(self, wire: Wire, **more: object) -> int:
        params: dict[str, Any] = {"textDocument": {"uri": self.path.as_uri()}}
        if self.method == HOVER:
            params["position"] = {"line": 0, "character": 0}
        return wire.start("lsp/request", root=self.root, method=self.method, params=params, **more)

    def answer(self, wire: Wire, number: int) -> str:
        """The text that the server had read for the answer."""
        return self.whole(wire, number)[0]

    def whole(self, wire: Wire, number: int) -> tuple[str, dict[str, Any]]:
        message = wire.receive()
        assert message["id"] == number
        assert "result" in message, message
        said = message["result"]["result"]
        return (said["contents"]["value"] if self.method == HOVER else said[0]["name"]), message["result"]


@pytest.mark.parametrize("method", [SYMBOLS, HOVER])
def test_nobody_joins_a_flight_from_before_their_own_gate(
    daemon: Daemon, repo: Path, patient: Patient, method: str
) -> None:
    """The epoch in the flight's key: with it taken out, the second asker waits for the first one's answer."""
    one, two, asked = daemon.client(), daemon.client(), Question(repo, method)
    asked.write("old")
    first = asked.start(one)
    assert patient.read(1) == "old"
    asked.write("new")
    second = asked.start(two)
    assert patient.read(2) == "new"
    patient.let(2)
    assert asked.answer(two, second) == "new"  # while the first is still under way
    patient.let(1)  # its answer came too late, and the new one is in memory
    patient.let(3)
    assert asked.answer(one, first) == "new"


def test_equal_questions_of_one_epoch_are_one(daemon: Daemon, repo: Path, patient: Patient) -> None:
    clients, asked = [daemon.client(headers=number % 2 == 0) for number in range(5)], Question(repo)
    asked.write("same")
    numbers = [asked.start(client) for client in clients]
    assert patient.read(1) == "same"
    watcher = daemon.client()
    eventually(lambda: flights(watcher, asked)["joined"] == 4, "the others joined")
    patient.let(1)
    assert [asked.answer(client, number) for client, number in zip(clients, numbers, strict=True)] == ["same"] * 5
    assert not patient.was_asked(2)


@pytest.mark.parametrize("method", [SYMBOLS, HOVER])
def test_an_answer_from_before_an_edit_is_neither_given_nor_kept(
    daemon: Daemon, repo: Path, patient: Patient, method: str
) -> None:
    """The epoch check at landing: with it taken out, the old text is the answer to the first and to all after it."""
    client, asked = daemon.client(), Question(repo, method)
    asked.write("old")
    first = asked.start(client)
    assert patient.read(1) == "old"
    asked.write("new")  # nobody asks: only the landing itself can notice
    patient.let(1)
    assert patient.read(2) == "new"
    patient.let(2)
    assert asked.answer(client, first) == "new"
    assert asked.answer(client, asked.start(client)) == "new"
    assert not patient.was_asked(3)  # and that one is kept


@pytest.mark.parametrize("method", [SYMBOLS, HOVER])
def test_while_the_tree_never_rests_an_answer_says_so_and_is_not_kept(
    daemon: Daemon, repo: Path, patient: Patient, method: str
) -> None:
    """The epoch check at store: with it taken out, the last torn answer stays."""
    client, asked = daemon.client(), Question(repo, method)
    asked.write("text 0")
    first = asked.start(client)
    for number in range(1, 8):  # the first time, and six times again
        assert patient.read(number) == f"text {number - 1}"
        asked.write(f"text {number}")
        patient.let(number)
    text, whole = asked.whole(client, first)
    assert text == "text 6"
    assert whole["degraded"] == ["changing"]
    second = asked.start(client)
    assert patient.read(8) == "text 7"
    patient.let(8)
    text, whole = asked.whole(client, second)
    assert text == "text 7"
    assert "degraded" not in whole


def test_an_answer_that_was_under_way_while_the_server_was_nudged_is_asked_again(
    daemon: Daemon, repo: Path, patient: Patient
) -> None:
    """The check of nudges at landing: the epoch is the same, yet for a moment the server was shown an empty file."""
    one, two, asked, unwatched = daemon.client(), daemon.client(), Question(repo), Question(repo)
    asked.write("text")
    (repo / ".ignore").write_text("*.egg-info/\n")
    unwatched.path = repo / "shop.egg-info/two.py"
    unwatched.path.parent.mkdir()
    unwatched.write("unseen")
    first = asked.start(one)
    assert patient.read(1) == "text"
    second = unwatched.start(two)  # nobody tells of its changes: the server is nudged before each question
    assert patient.read(2) == "unseen"
    patient.let(1)
    assert patient.read(3) == "text"
    patient.let(2, 3)
    assert asked.answer(one, first) == "text"
    assert unwatched.answer(two, second) == "unseen"


def test_a_late_flight_joins_the_newer_one_instead_of_asking_again(
    daemon: Daemon, repo: Path, patient: Patient
) -> None:
    one, two, asked = daemon.client(), daemon.client(), Question(repo)
    asked.write("old")
    first = asked.start(one)
    assert patient.read(1) == "old"
    asked.write("new")
    second = asked.start(two)
    assert patient.read(2) == "new"
    patient.let(1)
    watcher = daemon.client()
    eventually(lambda: flights(watcher, asked)["asked_again"] == 1, "the first landed")
    patient.let(2)
    assert asked.answer(two, second) == "new"
    assert asked.answer(one, first) == "new"
    assert not patient.was_asked(3)


def test_a_client_that_goes_away_takes_its_question_with_it(daemon: Daemon, repo: Path, patient: Patient) -> None:
    client, asked = daemon.client(), Question(repo)
    asked.write("text")
    asked.start(client)
    patient.read(1)
    client.close()
    eventually((patient.folder / "1.cancelled").exists, "the server was told to give up")


def test_one_of_two_that_wait_may_go(daemon: Daemon, repo: Path, patient: Patient) -> None:
    one, two, asked = daemon.client(), daemon.client(), Question(repo)
    asked.write("text")
    asked.start(one)
    patient.read(1)
    second = asked.start(two)
    watcher = daemon.client()
    eventually(lambda: flights(watcher, asked)["joined"] == 1, "the second joined")
    before = watcher.ask("health")["connections"]
    one.close()
    eventually(lambda: watcher.ask("health")["connections"] == before - 1, "the first is gone")
    patient.let(1)
    assert asked.answer(two, second) == "text"
    assert not (patient.folder / "1.cancelled").exists()


@pytest.mark.parametrize("is_open", [True, False], ids=["in a workspace that is open", "which opens its workspace"])
def test_a_question_cancelled_by_its_client(daemon: Daemon, repo: Path, patient: Patient, is_open: bool) -> None:
    client, asked = daemon.client(), Question(repo)
    asked.write("text")
    if is_open:
        client.ask("cache/invalidate", root=str(repo))
    number = asked.start(client)
    patient.read(1)
    client.send({"jsonrpc": "2.0", "method": "$/cancelRequest", "params": {"id": number}})
    reply = client.receive()
    assert (reply["id"], reply["error"]["code"], reply["error"]["data"]["type"]) == (number, -32800, "Cancelled")
    eventually((patient.folder / "1.cancelled").exists, "the server was told to give up")
    again = asked.start(client)
    assert patient.read(2) == "text"
    patient.let(2)
    assert asked.answer(client, again) == "text"
    assert client.ask("metrics/get")["operations"]["lsp/request"]["errors"]["Cancelled"] >= 1


def test_replies_overtake_each_other(daemon: Daemon, repo: Path, patient: Patient) -> None:
    client, asked = daemon.client(), Question(repo)
    asked.write("slow")
    slow = asked.start(client)
    patient.read(1)
    quick = client.start("health")
    assert client.receive()["id"] == quick
    patient.let(1)
    assert asked.answer(client, slow) == "slow"


def test_an_id_that_is_under_way_cannot_be_used_again(daemon: Daemon, repo: Path, patient: Patient) -> None:
    client, asked = daemon.client(), Question(repo)
    asked.write("text")
    number = asked.start(client)
    patient.read(1)
    client.send({"jsonrpc": "2.0", "id": number, "method": "health"})
    reply = client.receive()
    assert (reply["id"], reply["error"]["data"]["type"]) == (number, "InvalidRequest")
    patient.let(1)
    assert asked.answer(client, number) == "text"


def test_a_relaxed_question_takes_what_is_in_memory(daemon: Daemon, repo: Path, patient: Patient) -> None:
    client, asked = daemon.client(), Question(repo)
    asked.write("text")
    first = asked.start(client, consistency="relaxed")
    assert patient.read(1) == "text"
    patient.let(1)
    assert asked.answer(client, first) == "text"
    assert asked.answer(client, asked.start(client, consistency="relaxed")) == "text"
    assert not patient.was_asked(2)
