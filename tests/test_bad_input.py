"""What a client may get wrong: each is a typed error that says what to do, and connection and daemon go on."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import FILES, Daemon, daemon_at, write


@pytest.fixture(scope="module")
def repo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shop, and what may lie in a repository beside code."""
    repo = Path(os.path.realpath(tmp_path_factory.mktemp("bad"))) / "repo"
    write(repo, FILES)
    (repo / "binary.py").write_bytes(bytes(range(256)))
    (repo / "latin.py").write_bytes("x = 'Grüße'\n".encode("latin-1"))
    (repo / "huge.py").write_bytes(b"x = 1 + 1\n" * 5_000_000)
    (repo / "loop.py").symlink_to("loop.py")
    (repo / "up").symlink_to("..")
    (repo / "empty").mkdir()
    (repo / "words").mkdir()
    (repo / "words/letter.txt").write_text("Dear reader,\n")
    (repo / "ring").symlink_to("ring")
    return repo


@pytest.mark.parametrize(
    ("method", "params", "kind", "says"),
    [
        ("symbols/find", {"root": "/nowhere/at/all", "name": "x"}, "RootNotFound", "/nowhere/at/all"),
        ("symbols/find", {"root": "REPO/ring", "name": "x"}, "RootNotFound", "ring"),
        ("symbols/find", {"root": "REPO/pyproject.toml", "name": "x"}, "RootNotFound", "is no directory"),
        ("symbols/find", {"root": "/", "name": "x"}, "RootRefused", "/ is refused"),
        ("symbols/find", {"root": "HOME", "name": "x"}, "RootRefused", "is refused"),
        ("symbols/find", {"root": "shop", "name": "x"}, "RootRefused", "no absolute path"),
        ("symbols/overview", {"file": "../other/a.py"}, "OutsideRoot", "lies outside"),
        ("symbols/body", {"file": "/etc/passwd", "line": 1, "column": 0}, "OutsideRoot", "lies outside"),
        ("context/query", {"intent": "x", "targetFile": "../a.py"}, "OutsideRoot", "lies outside"),
        ("document/open", {"file": "../a.py", "text": ""}, "OutsideRoot", "lies outside"),
        ("symbols/hover", {"file": "shop/prices.py", "line": 99, "column": 0}, "PositionOutside", "no line 99"),
        ("symbols/hover", {"file": "shop/prices.py", "line": 1, "column": 99}, "PositionOutside", "ends before that"),
        ("symbols/references", {"name": "Prize"}, "SymbolNotFound", "'Prize'"),
        ("symbols/find", {"name": "Price.wiht_tax"}, "SymbolNotFound", "'Price.wiht_tax'"),
        ("symbols/overview", {"file": "binary.py"}, "FileRefused", "is binary"),
        ("symbols/overview", {"file": "latin.py"}, "FileRefused", "is no text"),
        ("symbols/overview", {"file": "huge.py"}, "FileRefused", "larger than 2 MB"),
        ("diagnostics", {"file": "huge.py"}, "FileRefused", "larger than 2 MB"),
        ("symbols/overview", {"file": "loop.py"}, "FileNotFound", "leads nowhere"),
        ("symbols/overview", {"file": "shop/missing.py"}, "FileNotFound", "does not exist"),
        ("symbols/overview", {"root": "REPO/empty"}, "NoSourceFiles", "in the root"),
        ("symbols/find", {"root": "REPO/empty", "name": "x"}, "NoSourceFiles", "no file of a supported language"),
        ("diagnostics", {"root": "REPO/words"}, "NoSourceFiles", "in the root"),
        ("symbols/overview", {"root": "REPO/words", "file": "letter.txt"}, "NoSourceFiles", "no supported language"),
        ("lsp/request", {"method": "textDocument/hover", "params": {}, "language": "cobol"}, "UnknownServer", "cobol"),
        ("lsp/request", {"method": "textDocument/hover", "params": {}, "server": "pylsp"}, "UnknownServer", "pylsp"),
        ("lsp/request", {"method": "textDocument/rename", "params": {}}, "MethodNotAllowed", "textDocument/rename"),
        ("symbols/guess", {"name": "x"}, "MethodNotFound", ""),
        ("symbols/find", {"name": 5}, "InvalidParams", "$.name"),
        ("symbols/find", {"name": "x", "kid": "class"}, "InvalidParams", "'kid'"),
        ("symbols/find", {"name": "x", "kind": "klass"}, "InvalidParams", "$.kind"),
        ("symbols/hover", {"file": "shop/prices.py", "line": "one", "column": 0}, "InvalidParams", "$.line"),
        ("symbols/hover", {"name": "Price", "limits": {"symbols": -1}}, "InvalidParams", "limits.symbols"),
        ("symbols/hover", {"file": "shop/prices.py", "line": 1, "column": -1}, "PositionOutside", "no column -1"),
        ("symbols/hover", {"file": ".", "line": 1, "column": 0}, "FileNotFound", "the root is a folder"),
        ("code/check", {"file": ".", "text": ""}, "InvalidParams", "'.' is the root itself"),
        ("symbols/find", {"root": "/proc/self", "name": "x"}, "RootRefused", "the kernel's"),
        ("symbols/find", {"name": "x" * 501}, "InvalidParams", "name has 501 characters, of 500"),
        ("code/resolve", {"file": "a.py", "names": ["x", "x" * 501]}, "InvalidParams", "names has 501 characters"),
        ("context/query", {"intent": "x" * 100_001}, "InvalidParams", "intent has 100001 characters"),
    ],
)
def test_each_is_an_error_that_says_what_to_do(
    shared: Daemon, repo: Path, method: str, params: dict[str, Any], kind: str, says: str
) -> None:
    client = shared.client()
    places = {"REPO": str(repo), "HOME": os.path.expanduser("~")}
    root = params.get("root", "REPO")
    for name, place in places.items():
        root = root.replace(name, place)
    error = client.fails(method, **{**params, "root": root})
    assert (error["data"]["type"], says in error["message"]) == (kind, True), error
    assert error["data"]["hint"]
    assert client.ask("symbols/find", root=str(repo), name="Price")["symbols"], "the connection goes on"


def test_a_root_that_cannot_be_read_is_told_so_until_it_can(tmp_path: Path) -> None:
    root = Path(os.path.realpath(tmp_path)) / "closed"
    write(root, FILES)
    root.chmod(0)
    bound = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"] if os.getuid() == 0 else []
    with daemon_at(prefix=bound) as daemon:
        client = daemon.client()
        error = client.fails("symbols/find", root=str(root), name="Price")
        assert (error["data"]["type"], "cannot be read" in error["message"]) == ("RootNotFound", True)
        root.chmod(0o700)
        assert client.ask("symbols/find", root=str(root), name="Price")["symbols"]


def test_an_environment_that_cannot_be(shared: Daemon, repo: Path) -> None:
    client = shared.client()
    error = client.fails("session/hello", client="x", protocol=1, env={"VIRTUAL_ENV": "a\0b"})
    assert (error["data"]["type"], "NUL" in error["message"]) == ("InvalidParams", True)
    assert client.ask("context/query", root=str(repo), intent="parse a price")["symbols"]


def test_what_is_no_json(shared: Daemon, repo: Path) -> None:
    client = shared.client()
    for line in (b"{nonsense\n", b'{"jsonrpc": "2.0", "id": 1, "method": }\n', b"[]\n", b'{"id": 1}\n'):
        client.send_raw(line)
        assert client.receive()["error"]["data"]["type"] in ("ParseError", "InvalidRequest")
    assert client.ask("symbols/find", root=str(repo), name="Price")["symbols"]


def test_a_repository_is_served_whatever_lies_in_it(shared: Daemon, repo: Path) -> None:
    client = shared.client()
    answer = client.ask("symbols/overview", root=str(repo))
    assert {"binary.py", "huge.py", "latin.py", "shop/prices.py"} <= {file["file"] for file in answer["files"]}
    assert "up/repo/shop/prices.py" not in {file["file"] for file in answer["files"]}
    assert client.ask("context/query", root=str(repo), intent="parse a price")["source"] == "index"
    nothing = client.ask("context/query", root=str(repo / "empty"), intent="parse a price")
    assert nothing["source"] == "knowledge-base"


def test_what_is_no_file_is_not_waited_for(shared: Daemon, tmp_path: Path) -> None:
    """Who opens a pipe waits for its writer, and a device may have no end."""
    root = Path(os.path.realpath(tmp_path))
    write(root, FILES)
    os.mkfifo(root / "pipe.py")
    client = shared.client()
    (name,) = client.ask("code/resolve", root=str(root), file="pipe.py", names=["Price"])["names"]
    assert name["statement"] == "from shop.prices import Price"
    write(root / "inner", FILES)
    os.mkfifo(root / "inner/.gitignore")
    (root / "inner/.ignore").symlink_to("/dev/zero")
    assert client.ask("symbols/find", root=str(root / "inner"), name="Price")["symbols"]


def test_texts_that_no_person_writes_keep_nobody_waiting(shared: Daemon, repo: Path) -> None:
    client = shared.client()
    texts = {"word": "x" * 100_000, "endings": "x" + "ing" * 33_000, "gaps": "x" + "\n" * 99_000}
    for text in texts.values():
        for question in (
            {"intent": text},
            *({"intent": "x", part: text} for part in ("signature", "arguments", "draft")),
        ):
            assert client.ask("context/query", root=str(repo), **question)["symbols"]


def test_a_server_that_is_not_installed_says_how_to_install_it(repo: Path) -> None:
    with daemon_at(config='[servers.ty]\ncommand = ["/nowhere/ty"]\n') as daemon:
        error = daemon.client().fails("diagnostics", root=str(repo))
        assert (error["data"]["type"], "pip install ty" in error["data"]["hint"]) == ("ServerUnavailable", True)
