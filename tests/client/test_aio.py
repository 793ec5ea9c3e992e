from __future__ import annotations

import asyncio
import json
import math
import os
import socket
import threading
from typing import Any

import anyio
import pytest

import semctx.aio
from semctx import SemctxError
from tests.client.peer import HELLO, Peer, Talk, answering, error, reply

pytestmark = pytest.mark.anyio


async def test_a_request_has_its_result(peer: Peer) -> None:
    peer.plays(answering({"health": {"status": "ok"}, "symbols/find": {"symbols": []}}))
    async with await semctx.aio.connect("/r") as daemon:
        assert daemon.daemon == HELLO
        assert await daemon.health() == {"status": "ok"}
        assert await daemon.find("x") == {"symbols": []}
    assert peer.accepted == 1


def nothing_more(talk: Talk) -> None:
    talk.socket.setblocking(False)
    assert not talk.file.peek(1), "the next one waits"
    talk.socket.setblocking(True)


async def given_up(daemon: semctx.aio.Connection, count: int, arrived: asyncio.Event) -> None:
    """So many requests, cancelled when they have arrived."""
    slow = [asyncio.create_task(daemon.request("slow")) for _ in range(count)]
    await arrived.wait()
    for task in slow:
        task.cancel()
    await asyncio.wait(slow)


async def test_replies_may_overtake_each_other(peer: Peer) -> None:
    def script(talk: Talk) -> None:
        talk.hello()
        requests = [talk.read() for _ in range(5)]
        talk.send(*(reply(request, request["method"]) for request in reversed(requests)))

    peer.plays(script)
    async with await semctx.aio.connect() as daemon:
        answers = await asyncio.gather(*(daemon.request(str(at)) for at in range(5)))
    assert answers == ["0", "1", "2", "3", "4"]


async def test_no_more_requests_are_under_way_than_the_daemon_takes(peer: Peer) -> None:
    count = semctx.aio.MAX_UNDER_WAY
    loop, arrived, sent = asyncio.get_running_loop(), asyncio.Event(), threading.Event()

    def script(talk: Talk) -> None:
        talk.hello()
        first = [talk.read() for _ in range(count)]
        loop.call_soon_threadsafe(arrived.set)
        assert sent.wait(10)
        nothing_more(talk)
        talk.send(*(reply(request, 1) for request in first))
        talk.reply(talk.read(), 1)

    peer.plays(script)
    async with await semctx.aio.connect() as daemon:
        answers = asyncio.gather(*(daemon.request("x") for _ in range(count + 1)))
        await arrived.wait()
        sent.set()
        assert await answers == [1] * (count + 1)


async def test_cancelling_the_task_cancels_the_request(peer: Peer) -> None:
    loop, arrived = asyncio.get_running_loop(), asyncio.Event()

    def script(talk: Talk) -> None:
        talk.hello()
        slow = talk.read()
        loop.call_soon_threadsafe(arrived.set)
        cancel, quick = talk.read(), talk.read()
        assert (cancel["method"], cancel["params"]) == ("$/cancelRequest", {"id": slow["id"]})
        talk.send(error(slow, "Cancelled"), reply(quick, "quick"))

    peer.plays(script)
    async with await semctx.aio.connect() as daemon:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(daemon.request, "slow")
            await arrived.wait()
            tasks.cancel_scope.cancel()
        assert await daemon.request("quick") == "quick"


async def test_a_cancelled_request_has_its_place_until_the_daemon_has_replied(peer: Peer) -> None:
    count = semctx.aio.MAX_UNDER_WAY
    loop, arrived, looked = asyncio.get_running_loop(), asyncio.Event(), threading.Event()

    def script(talk: Talk) -> None:
        talk.hello()
        slow = [talk.read() for _ in range(count)]
        loop.call_soon_threadsafe(arrived.set)
        assert [talk.read()["method"] for _ in range(count)] == ["$/cancelRequest"] * count
        assert looked.wait(10)
        nothing_more(talk)
        talk.send(error(slow[7], "Cancelled"))
        talk.reply(talk.read(), "next")

    peer.plays(script)
    async with await semctx.aio.connect() as daemon:
        await given_up(daemon, count, arrived)
        following = asyncio.create_task(daemon.request("next"))
        await asyncio.sleep(0)  # it has begun
        looked.set()
        assert await following == "next"


async def test_a_new_connection_begins_with_all_places_free(peer: Peer) -> None:
    count = semctx.aio.MAX_UNDER_WAY
    loop, arrived = asyncio.get_running_loop(), asyncio.Event()

    def dies(talk: Talk) -> None:
        talk.hello()
        for _ in range(count):
            talk.read()
        loop.call_soon_threadsafe(arrived.set)
        for _ in range(count):
            talk.read()

    peer.plays(dies, answering({"x": 1}))
    async with await semctx.aio.connect() as daemon:
        await given_up(daemon, count, arrived)
        assert await asyncio.gather(*(daemon.request("x") for _ in range(count))) == [1] * count


async def test_a_request_that_cannot_be_sent_leaves_its_place(peer: Peer) -> None:
    peer.plays(answering({"x": 1}))
    async with await semctx.aio.connect() as daemon:
        for _ in range(semctx.aio.MAX_UNDER_WAY + 1):
            with pytest.raises(SemctxError, match="are no JSON"):
                await daemon.request("x", {"bad": object()})
        assert await daemon.request("x") == 1


@pytest.mark.parametrize("timeout", ["5", math.nan])
async def test_a_time_out_that_is_no_number(peer: Peer, timeout: Any) -> None:
    peer.plays(answering({"x": 1}))
    async with await semctx.aio.connect() as daemon:
        for asked in (semctx.aio.connect(timeout=timeout), daemon.request("x", timeout=timeout)):
            with pytest.raises(SemctxError, match="a time-out is a number of seconds, not ") as caught:
                await asked
            assert caught.value.type == "InvalidParams"


@pytest.mark.parametrize("timeout", [math.inf, 10**400], ids=["inf", "no float"])
async def test_a_time_out_of_as_long_as_it_takes(peer: Peer, timeout: float) -> None:
    peer.plays(answering({"x": 1}))
    async with await semctx.aio.connect(timeout=timeout) as daemon:
        assert await daemon.request("x") == await daemon.request("x", timeout=timeout) == 1


@pytest.mark.parametrize("timeout", [0, -math.inf])
async def test_no_time_left(peer: Peer, timeout: float) -> None:
    peer.plays(lambda talk: (talk.hello(), talk.read(), talk.read()))  # a request, and that it is cancelled
    async with await semctx.aio.connect() as daemon:
        for asked in (semctx.aio.connect(timeout=timeout), daemon.request("x", timeout=timeout)):
            with pytest.raises(SemctxError) as caught:
                await asked
            assert caught.value.type == "Timeout"


async def test_a_time_out_cancels_the_request(peer: Peer) -> None:
    def script(talk: Talk) -> None:
        talk.hello()
        slow, cancel = talk.read(), talk.read()
        assert cancel["params"] == {"id": slow["id"]}

    peer.plays(script)
    async with await semctx.aio.connect() as daemon:
        with pytest.raises(SemctxError, match=r"slow: no reply within 0\.01 s") as caught:
            await daemon.request("slow", timeout=0.01)
    assert caught.value.type == "Timeout"


@pytest.mark.parametrize(
    "last",
    [b"", b'{"jsonrpc":"2.0","id":2,"res', b"this is no JSON\n"],
    ids=["nothing", "half a reply", "no JSON"],
)
async def test_a_daemon_that_goes_fails_all_who_wait_and_is_connected_to_again(peer: Peer, last: bytes) -> None:
    def dies(talk: Talk) -> None:
        talk.hello()
        talk.read(), talk.read()
        talk.raw(last)

    peer.plays(dies, answering({"x": "again"}))
    async with await semctx.aio.connect() as daemon:
        lost = await asyncio.gather(daemon.request("x"), daemon.request("x"), return_exceptions=True)
        assert [getattr(failure, "type", failure) for failure in lost] == ["ConnectionLost"] * 2
        assert await asyncio.gather(daemon.request("x"), daemon.request("x")) == ["again"] * 2
    assert peer.accepted == 2, "both found one new connection"


async def test_a_daemon_that_resets_the_connection(peer: Peer) -> None:
    def resets(talk: Talk) -> None:
        talk.hello()
        assert talk.socket.recv(1, socket.MSG_PEEK)

    peer.plays(resets)
    async with await semctx.aio.connect() as daemon:
        with pytest.raises(SemctxError) as caught:
            await daemon.request("x", {"text": "a" * 10_000_000})
    assert caught.value.type == "ConnectionLost"


async def test_notifications(peer: Peer) -> None:
    def script(talk: Talk) -> None:
        talk.hello()
        request = talk.read()
        note = {"jsonrpc": "2.0", "method": "events/changes", "params": {"epoch": 1}}
        talk.send(note, reply({"id": 99}, "nobody asked for this"), note, reply(request, 1))

    peer.plays(script)
    heard: list[Any] = []
    troubles: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, trouble: troubles.append(trouble))

    def hears(method: str, params: Any) -> None:
        heard.append((method, params))
        raise ValueError("a fault of the program's own")

    async with await semctx.aio.connect(on_notification=hears) as daemon:
        assert await daemon.request("x") == 1
    assert heard == [("events/changes", {"epoch": 1})] * 2
    assert [str(trouble["exception"]) for trouble in troubles] == ["a fault of the program's own"] * 2


async def test_notifications_that_nobody_wants(peer: Peer) -> None:
    def script(talk: Talk) -> None:
        talk.hello()
        talk.send({"jsonrpc": "2.0", "method": "events/changes", "params": {}}, reply(talk.read(), 1))

    peer.plays(script)
    async with await semctx.aio.connect() as daemon:
        assert await daemon.request("x") == 1


async def test_a_reply_to_what_could_not_be_read_fails_all_who_wait(peer: Peer) -> None:
    def script(talk: Talk) -> None:
        talk.hello()
        talk.read(), talk.read()
        talk.send(error({"id": None}, "ParseError"))

    peer.plays(script)
    async with await semctx.aio.connect() as daemon:
        failed = await asyncio.gather(daemon.request("x"), daemon.request("y"), return_exceptions=True)
    assert [getattr(failure, "type", failure) for failure in failed] == ["ParseError"] * 2


async def test_closing_fails_who_waits(peer: Peer) -> None:
    loop, arrived = asyncio.get_running_loop(), asyncio.Event()

    def script(talk: Talk) -> None:
        talk.hello()
        talk.read()
        loop.call_soon_threadsafe(arrived.set)

    peer.plays(script)
    daemon = await semctx.aio.connect()
    waiting = asyncio.create_task(daemon.request("x"))
    await arrived.wait()
    await daemon.close()
    with pytest.raises(SemctxError, match="closed|lost"):
        await waiting
    await daemon.close()


async def test_versions_that_differ(peer: Peer) -> None:
    peer.plays(lambda talk: talk.hello(protocol=2))
    with pytest.raises(SemctxError, match="speaks protocol 1") as caught:
        await semctx.aio.connect()
    assert caught.value.type == "VersionMismatch"


@pytest.mark.parametrize(
    "dying",
    [
        lambda talk: talk.read(),
        lambda talk: talk.send(error(talk.read(), "ShuttingDown")),
        lambda talk: None,
    ],
    ids=["ends", "says so", "resets"],
)
async def test_a_daemon_that_leaves_when_it_is_greeted_is_followed_by_another(peer: Peer, dying: Any) -> None:
    peer.plays(dying, answering({"x": 1}))
    async with await semctx.aio.connect() as daemon:
        assert await daemon.request("x") == 1
    assert peer.accepted == 2


async def test_daemons_that_all_leave_when_they_are_greeted(peer: Peer) -> None:
    peer.plays(lambda talk: talk.read())
    with pytest.raises(SemctxError) as caught:
        await semctx.aio.connect()
    assert (caught.value.type, peer.accepted) == ("ConnectionLost", 2)


async def test_no_daemon(place: str) -> None:
    with pytest.raises(SemctxError, match="no daemon listens") as caught:
        await semctx.aio.connect(start=False)
    assert caught.value.type == "DaemonUnavailable"


async def test_a_peer_that_does_not_greet(peer: Peer) -> None:
    peer.plays(lambda talk: (talk.read(), talk.read()))
    with pytest.raises(SemctxError, match="session/hello: no reply"):
        await semctx.aio.connect(timeout=0.05)


@pytest.mark.parametrize("comes", [True, False])
async def test_giving_up_before_there_is_a_socket_leaks_none(place: str, comes: bool) -> None:
    """A busy daemon takes the connection, or goes, only after the program has given up."""
    path = os.environ["SEMCTX_SOCKET"]
    with socket.socket(socket.AF_UNIX) as busy, socket.socket(socket.AF_UNIX) as first:
        busy.bind(path)
        busy.listen(0)
        first.connect(path)  # its backlog is full
        connecting = asyncio.create_task(semctx.aio.connect(start=False))
        await asyncio.sleep(0)  # now it waits for a socket
        connecting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await connecting
        if comes:
            busy.accept()[0].close()
            accepted, _ = await asyncio.to_thread(busy.accept)
            with accepted:
                assert await asyncio.to_thread(accepted.recv, 1) == b"", "it was closed, unused"
    await asyncio.get_running_loop().shutdown_default_executor()


async def test_a_daemon_that_goes_as_soon_as_it_has_greeted(peer: Peer) -> None:
    def dies(talk: Talk) -> None:
        talk.hello()
        talk.read()

    def greets_and_raves(talk: Talk) -> None:
        talk.raw(json.dumps(reply(talk.read(), HELLO)).encode() + b"\nno JSON\n")

    peer.plays(dies, greets_and_raves, answering({"x": 1}))
    async with await semctx.aio.connect() as daemon:
        for _ in range(2):
            with pytest.raises(SemctxError) as caught:
                await daemon.request("x")
            assert caught.value.type == "ConnectionLost"
        assert await daemon.request("x") == 1


async def test_a_large_answer(peer: Peer) -> None:
    text = "a" * 20_000_000
    peer.plays(answering({"x": text}))
    async with await semctx.aio.connect() as daemon:
        assert await daemon.request("x") == text


def test_it_works_in_a_plain_asyncio_program(peer: Peer) -> None:
    peer.plays(answering({"x": 1}))

    async def program() -> Any:
        async with await semctx.aio.connect() as daemon:
            return await daemon.request("x")

    assert asyncio.run(program()) == 1
