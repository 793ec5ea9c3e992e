"""Bytes and values that no client of ours would send, at a real daemon: every request gets its one typed reply."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_type_hints

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from semctx.errors import ERRORS
from semctx.protocol import METHODS
from tests.conftest import FILES, Daemon, write

pytestmark = pytest.mark.proof

FIXED = settings(max_examples=120, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
FUZZED = sorted(set(METHODS) - {"daemon/stop"})

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=12,
)
almost_requests = st.fixed_dictionaries(
    {},
    optional={
        "jsonrpc": st.just("2.0") | json_values,
        "method": st.sampled_from(["health", "cache/stats", "$/cancelRequest", ""]) | json_values,
        "params": json_values,
    },
)
"""Without an id: what has one and is a request must be answered under it."""
bodies = st.binary(max_size=60) | st.builds(lambda value: json.dumps(value).encode(), json_values | almost_requests)
cuts = st.lists(st.integers(1, 50), max_size=30)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> str:
    place = tmp_path_factory.mktemp("fuzz")
    write(place, FILES)
    return str(place.resolve())


def pieces(data: bytes, sizes: list[int]) -> Iterator[bytes]:
    for size in sizes:
        if data:
            yield data[:size]
            data = data[size:]
    if data:
        yield data


def assert_typed(reply: Any) -> None:
    for one in reply if isinstance(reply, list) else [reply]:
        assert one["jsonrpc"] == "2.0"
        assert ("result" in one) != ("error" in one)
        if "error" in one:
            assert ERRORS[one["error"]["data"]["type"]].code == one["error"]["code"]
            assert one["error"]["data"]["type"] != "InternalError", one
            assert one["error"]["data"]["hint"]


@pytest.mark.parametrize("headers", [False, True])
@FIXED
@given(garbage=st.lists(bodies, max_size=8), sizes=cuts)
def test_every_request_among_garbage_gets_its_one_reply(
    shared: Daemon, headers: bool, garbage: list[bytes], sizes: list[int]
) -> None:
    def framed(body: bytes) -> bytes:
        if headers:
            return b"X-Other: 1\r\ncontent-LENGTH: %d\r\n\r\n%s" % (len(body), body)
        return body.replace(b"\n", b" ") + b"\n"

    numbers = [f"asked {number}" for number in range(len(garbage) + 1)]  # which no garbage has for its own
    requests = [json.dumps({"jsonrpc": "2.0", "id": number, "method": "cache/stats"}).encode() for number in numbers]
    stream = framed(requests[0])  # the first byte decides how all the rest is framed
    for bad, good in zip(garbage, requests[1:], strict=True):
        stream += framed(bad) + framed(good)
    client = shared.client(headers)
    for piece in pieces(stream, sizes):
        client.send_raw(piece)
    seen: Counter[str] = Counter()
    while len(seen) < len(requests):
        reply = client.receive()
        assert_typed(reply)
        if isinstance(reply, dict) and reply["id"] in numbers:
            assert "result" in reply
            seen[reply["id"]] += 1
    assert set(seen.values()) == {1}
    client.close()
    shared.clients.remove(client)


@FIXED
@given(head=st.binary(min_size=1, max_size=200), sizes=cuts)
def test_bytes_that_are_no_frames_end_the_connection_or_wait_for_more(
    shared: Daemon, head: bytes, sizes: list[int]
) -> None:
    client = shared.client()
    try:
        for piece in pieces(head + b"\r\n\r\n", sizes):
            client.send_raw(piece)
        client.socket.shutdown(1)
        text = client.file.read()
    except (BrokenPipeError, ConnectionResetError):
        text = b""
    finally:
        client.close()
        shared.clients.remove(client)
    for line in text.split(b"\n"):
        if line.startswith(b"{"):
            assert_typed(json.loads(line))
    other = shared.client()
    assert other.ask("health")["status"] == "ok"
    other.close()
    shared.clients.remove(other)


def like(hint: Any) -> st.SearchStrategy[Any]:
    """Values of about the type of a parameter."""
    name = str(hint)
    if "Literal" in name:
        return st.sampled_from([*getattr(hint, "__args__", ("x",)), "x"]).filter(lambda value: isinstance(value, str))
    if "int" in name:
        return st.integers(-5, 2000) | st.integers()
    return st.text(max_size=30) | st.sampled_from(["shop/orders.py", "Order", "../x", "/etc/passwd", "\0"])


@st.composite
def calls(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    method = draw(st.sampled_from(FUZZED))
    params: dict[str, Any] = {}
    for name, hint in get_type_hints(METHODS[method].params).items():
        if name != "root" and draw(st.integers(0, 3)):
            params[name] = draw(like(hint) if draw(st.integers(0, 2)) else json_values)
    if draw(st.integers(0, 9)) == 0:
        params[draw(st.text(max_size=8))] = draw(json_values)
    return method, params


@settings(FIXED, max_examples=400)
@given(call=calls(), place=st.sampled_from(["", "", "", "/shop", "/nowhere", "/../..", "\0"]) | st.text(max_size=5))
def test_parameters_of_any_kind_get_a_typed_reply(
    shared: Daemon, root: str, call: tuple[str, dict[str, Any]], place: str
) -> None:
    method, params = call
    if "root" in get_type_hints(METHODS[method].params):
        params = {"root": root + place, **params}
    client = shared.client()
    assert_typed(client.call(method, **params))
    client.close()
    shared.clients.remove(client)
    assert Path(root, "shop/orders.py").read_text() == FILES["shop/orders.py"]
