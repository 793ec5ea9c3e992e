"""A client's spelling of URIs, the server's, and back."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from semctxd.child.messages import Asked
from semctxd.errors import InvalidParams
from semctxd.lsp.requests import Spelt, put_back, respell, subject
from semctxd.lsp.sync import to_uri


def document(uri: str) -> dict[str, Any]:
    return {"textDocument": {"uri": uri}, "position": {"line": 1, "character": 2}}


def test_parameters_in_canonical_form() -> None:
    one = respell(document("file:///r/a.py"), "/r", "/r")
    other = respell(
        {"position": {"character": 2, "line": 1}, "textDocument": {"uri": "file:///r/x/../a.py"}}, "/r", "/r"
    )
    assert one.params == other.params
    assert one.files == other.files == ("/r/a.py",)
    assert one.back == ()


@pytest.mark.parametrize(
    "uri", ["file:///r/caf%c3%a9%20%5B1%5D.py", "file:///r/caf\u00e9 [1].py", "file:///r/./caf%C3%A9 [1].py"]
)
def test_a_client_gets_its_own_spelling_back(uri: str) -> None:
    spelt = respell(document(uri), "/r", "/r")
    servers = "file:///r/caf%C3%A9%20[1].py"
    assert json.loads(spelt.params)["textDocument"]["uri"] == servers
    assert spelt.files == ("/r/caf\u00e9 [1].py",)
    said = json.dumps([{"uri": servers}, {"uri": "file:///r/other.py"}]).encode()
    assert json.loads(put_back(said, spelt.back)) == [{"uri": uri}, {"uri": "file:///r/other.py"}]


def test_every_uri_of_a_hierarchy_item_or_a_list() -> None:
    item = {
        "item": {"uri": "file:///r/%61.py", "data": {"targetUri": "file:///r/b.py"}},
        "more": [{"uri": "file:///r/c.py"}, 1],
    }
    spelt = respell(item, "/r", "/r")
    assert spelt.files == ("/r/a.py", "/r/b.py", "/r/c.py")
    assert json.loads(spelt.params)["item"]["uri"] == "file:///r/a.py"


def test_a_root_behind_a_symlink() -> None:
    spelt = respell(document("file:///link/caf%C3%A9/%61.py"), "/link/caf\u00e9", "/real")
    assert json.loads(spelt.params)["textDocument"]["uri"] == "file:///real/a.py"
    said = b'[{"uri":"file:///real/a.py"},{"uri":"file:///real/b.py"},{"uri":"file:///really/c.py"}]'
    assert [one["uri"] for one in json.loads(put_back(said, spelt.back))] == [
        "file:///link/caf%C3%A9/%61.py",
        "file:///link/caf%C3%A9/b.py",
        "file:///really/c.py",
    ]


@pytest.mark.parametrize("uri", ["a.py", "file://host/a.py", "untitled:one", "file:///r/a%00b.py", "http://x/y"])
def test_what_is_no_file_uri(uri: str) -> None:
    with pytest.raises(InvalidParams, match="is no file URI"):
        respell(document(uri), "/r", "/r")


def test_what_is_nested_too_deep_for_a_server() -> None:
    params: dict[str, Any] = {"item": 1}
    for _ in range(99):
        params = {"item": params}
    assert respell(params, "/r", "/r").files == ()
    with pytest.raises(InvalidParams, match="nested more than 100 deep"):
        respell({"item": [params]}, "/r", "/r")


names = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="/\0"), min_size=1).filter(
    lambda name: name not in (".", "..")
)


@given(names)
def test_any_name_is_found_again(name: str) -> None:
    spelt: Spelt = respell(document(to_uri(f"/r/{name}")), "/r", "/r")
    assert spelt.files == (f"/r/{name}",)
    assert spelt.back == ()


@pytest.mark.parametrize(
    ("method", "params", "file"),
    [
        ("textDocument/hover", b'{"textDocument":{"uri":"file:///r/a%20b.py"},"position":{}}', "/r/a b.py"),
        ("callHierarchy/outgoingCalls", b'{"item":{"uri":"file:///r/a.py"}}', "/r/a.py"),
        ("textDocument/hover", b"{}", ""),
        ("textDocument/references", b'{"textDocument":{"uri":"file:///r/a.py"}}', ""),
        ("initialize", b'{"rootUri":"file:///r"}', ""),
    ],
)
def test_what_a_request_is_about(method: str, params: bytes, file: str) -> None:
    assert subject(Asked(method, params, None)) == file
