"""The plugin for Neovim: in a real one without a screen, against a real daemon, with keys typed as a user would."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import PATIENCE_S, Daemon, daemon_at, eventually

pytestmark = pytest.mark.outside

REPOSITORY = Path(__file__).parent.parent.parent
PLUGIN = REPOSITORY / "client" / "editors" / "nvim"
SIDE = "bufnr('semctx://context')"


class Nvim:
    """A Neovim process that is asked and typed into through its own server."""

    def __init__(self, place: Path, env: Mapping[str, str], cwd: Path, arguments: list[str]) -> None:
        self.server = str(place / "nvim.sock")
        python_path = os.pathsep.join(str(REPOSITORY / name) for name in ("client", "daemon"))
        self.env = {**env, "PYTHONPATH": env.get("PYTHONPATH", python_path)}
        self.value = place / "value"
        with open(place / "nvim.log", "wb") as log:
            self.process = subprocess.Popen(
                ["nvim", "--headless", "--listen", self.server, *arguments],
                env=self.env,
                cwd=cwd,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        eventually(lambda: os.path.exists(self.server), "nvim listens")

    def remote(self, *arguments: str) -> str:
        done = subprocess.run(
            ["nvim", "--headless", "-u", "NONE", "--server", self.server, *arguments],
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
        )
        return done.stdout + done.stderr

    def expr(self, expression: str) -> Any:
        """The value of a Vim expression, through a file: Neovim 0.7 prints no long ones."""
        self.value.unlink(missing_ok=True)
        said = self.remote("--remote-expr", f"writefile([json_encode({expression})], '{self.value}')")
        assert self.value.exists(), said
        return json.loads(self.value.read_text())

    def lua(self, expression: str) -> Any:
        """The value of a Lua expression."""
        return self.expr("luaeval('" + expression.replace("'", "''") + "')")

    def type(self, keys: str) -> None:
        self.remote("--remote-send", keys)

    def messages(self) -> str:
        text: str = self.expr("execute('messages')")
        return text

    def told(self, words: str) -> str:
        """All messages, as soon as these words are among them."""
        return str(eventually(lambda: words in (said := self.messages()) and said, f"the message {words!r}"))

    def side(self) -> list[str]:
        """The lines of the side window; [] where there is none."""
        lines: list[str] = self.expr(f"bufwinid({SIDE}) == -1 ? [] : getbufline({SIDE}, 1, '$')")
        return lines

    def context(self, keys: str, heading: str) -> list[str]:
        """What the side window shows under this heading, after keys were typed."""
        self.type(keys)
        return list(eventually(lambda: (lines := self.side())[:1] == [f"# {heading}"] and lines, f"context: {heading}"))

    def end(self) -> None:
        self.type("<C-\\><C-n>:qall!<CR>")
        try:
            assert self.process.wait(PATIENCE_S) == 0
        finally:
            self.process.kill()


def append(*lines: str) -> str:
    """The keys that add lines to the end of a buffer."""
    return f":call append('$', {json.dumps(lines, ensure_ascii=False)})<CR>"


@contextmanager
def nvim_at(
    place: Path, env: Mapping[str, str], repo: Path, *arguments: str, command: list[str] | None = None
) -> Iterator[Nvim]:
    """Neovim with the plugin and nothing else."""
    command = command or [sys.executable, "-m", "semctx.cli"]
    given = ["-u", "NONE", "--cmd", f"set rtp^={PLUGIN}", "--cmd", "runtime plugin/semctx.lua"]
    given += ["--cmd", "set hidden noswapfile lines=50 columns=160", "--cmd", f"let g:semctx_command = {command}"]
    nvim = Nvim(place, env, repo, [*given, *arguments])
    try:
        yield nvim
    finally:
        nvim.end()


@pytest.fixture
def place(daemon: Daemon) -> Path:
    return daemon.place


@pytest.fixture
def nvim(daemon: Daemon, repo: Path) -> Iterator[Nvim]:
    with nvim_at(daemon.place, daemon.env, repo, "shop/orders.py") as running:
        yield running


def test_the_context_of_the_function_under_the_cursor(nvim: Nvim) -> None:
    lines = nvim.context(":17<CR>:SemctxContext<CR>", "The prices of all orders.")
    text = "\n".join(lines)
    assert "- **Price** class shop/prices.py:6\n      class Price\n  An amount of money.\n" in text
    assert "\n## Imports\n\n    from decimal import Decimal\n" in text
    assert "    from shop.prices import" not in text  # the file has what it may need of it
    assert "\n- docstring style: plain (" in text
    assert "\n## Files\n\n- shop/" in text
    assert "**total**" not in text  # what is to be written is not its own context
    assert nvim.expr("[expand('%'), line('.')]") == ["shop/orders.py", 17]  # the cursor stays
    assert nvim.messages() == ""


def test_words_are_an_intent(nvim: Nvim) -> None:
    lines = nvim.context(":SemctxContext validate an email address<CR>", "validate an email address")
    assert "- **validate_email** function shop/validation.py:12" in lines
    again = nvim.context(":SemctxContext parse a price<CR>", "parse a price")
    assert "- **parse_price** function shop/prices.py:17" in again
    assert nvim.expr("winnr('$')") == 2  # in the same window


def test_unsaved_text_is_seen_until_it_is_gone(nvim: Nvim, daemon: Daemon, repo: Path) -> None:
    written = ["def settle(debts):", '    """Settle débts of a customer."""', "    return split_evenly(debts)"]
    nvim.type(f":edit shop/debts.py<CR>{append(*written)}:3<CR>")
    nvim.context(":SemctxContext<CR>", "Settle débts of a customer.")
    intent = "split the debts evenly"
    nvim.type(f":edit shop/prices.py<CR>{append('def split_evenly(debts):', '    pass')}:edit shop/orders.py<CR>")
    found = "- **split_evenly** function shop/prices.py:20"
    assert found in nvim.context(f":SemctxContext {intent}<CR>", intent)
    nvim.type(":edit shop/prices.py<CR>:%s/split_evenly/split_debts_evenly/<CR>:edit shop/orders.py<CR>")
    assert found.replace("evenly", "debts_evenly") in nvim.context(f":SemctxContext {intent} now<CR>", f"{intent} now")
    nvim.type(":bwipeout! shop/prices.py shop/debts.py<CR>")
    lines = nvim.context(f":SemctxContext {intent} again<CR>", f"{intent} again")
    assert not any("evenly" in line for line in lines[1:])
    assert nvim.messages().count("semctx:") == 0
    assert not (repo / "shop" / "debts.py").exists()


def test_a_comment_or_a_name_is_an_intent_too(nvim: Nvim, repo: Path) -> None:
    (repo / "shop" / "more.py").write_text(
        "# Not about it.\n\n\n# Check an address\n# of a customer.\n@cache\ndef check(a):\n    return a\n\n\n"
        "class Basket:\n    def add_tax_to_price(self, price):\n        return price\n\n\n"
        "# Parse the price of an order.\n"
    )
    nvim.type(":edit shop/more.py<CR>")
    nvim.context(":8<CR>:SemctxContext<CR>", "Check an address of a customer.")
    nvim.context(":13<CR>:SemctxContext<CR>", "add tax to price")
    nvim.context(":4<CR>:SemctxContext<CR>", "Check an address of a customer.")  # above the function
    nvim.context(":16<CR>:SemctxContext<CR>", "Parse the price of an order.")  # without a function
    nvim.context(":11<CR>:SemctxContext<CR>", "Basket")
    nvim.type(":9<CR>:SemctxContext<CR>")
    assert "Put the cursor into a function, or say what you want" in nvim.told("there is no function under the cursor")


def test_an_answer_of_hundreds_of_kilobytes(nvim: Nvim, repo: Path) -> None:
    text = "".join(f"def f{number}(argument: {'x' * 300} = None): ...\n" for number in range(1000))
    (repo / "shop" / "large.py").write_text(text)
    nvim.context(":edit shop/large.py<CR>:1000<CR>:SemctxContext<CR>", "f999")


def test_a_jump_from_the_side_window(nvim: Nvim, repo: Path) -> None:
    def jump(line: str, file: str = "shop/orders.py") -> list[object]:
        nvim.type(f":edit {file}<CR>:SemctxContext validate an email address<CR>")
        at = eventually(lambda: next((at for at, one in enumerate(nvim.side(), 1) if one.startswith(line)), 0), line)
        nvim.type(f":call win_gotoid(bufwinid({SIDE}))<CR>:{at}<CR><CR>")
        place: list[object] = nvim.expr("[expand('%:p'), line('.'), col('.'), winnr('$')]")
        return place

    validation, orders = (str(repo / "shop" / name) for name in ("validation.py", "orders.py"))
    assert jump("- **validate_email** function shop/validation.py:12") == [validation, 12, 5, 2]
    assert jump("  What the user entered is wrong.") == [validation, 8, 7, 2]
    nvim.type("<C-o>")  # a jump as any other
    assert nvim.expr("expand('%:p')") == orders
    assert jump("    from shop.validation import validate_email", "shop/prices.py") == [orders, 4, 1, 2]
    nvim.type(append("def validate_email_address(address):", "    pass"))  # unsaved, in the window's own buffer
    assert jump("- **validate_email_address** function shop/orders.py:19") == [orders, 19, 5, 2]
    nvim.type(":set nohidden<CR>")
    assert jump("- **validate_email** function shop/validation.py:12")[0] == orders
    assert nvim.told("semctx:").count("semctx: E37: No write since last change") == 1
    nvim.type(":set hidden<CR>")
    assert jump("## Symbols")[0] == "semctx://context"  # nothing to jump to
    nvim.type(":only<CR>/validation.py:12<CR><CR>")  # the window of the question is gone
    assert nvim.expr("[expand('%:p'), winnr('$')]") == [validation, 2]


def test_a_real_repository(daemon: Daemon) -> None:
    """This project's own."""
    with nvim_at(daemon.place, daemon.env, REPOSITORY, "client/semctx/spawn.py") as nvim:
        nvim.type('/^def dial<CR>j0C    """A socket of the daemon, as nobody has saved it."""<Esc>:SemctxContext<CR>')
        wanted = "# A socket of the daemon, as nobody has saved it."
        lines = eventually(lambda: (lines := nvim.side())[:1] == [wanted] and lines, "a context")
        found = re.fullmatch(r"- \*\*(?:\w+\.)*(\w+)\*\* \w+ (\S+):(\d+)", lines[4])
        assert found, lines
        nvim.type(f":call win_gotoid(bufwinid({SIDE}))<CR>:5<CR><CR>")
        place = nvim.expr("[expand('%:p'), line('.'), expand('<cword>')]")
        assert place == [str(REPOSITORY / found[2]), int(found[3]), found[1]]


def test_health(nvim: Nvim, daemon: Daemon, repo: Path) -> None:
    nvim.type(":checkhealth semctx<CR>")
    report = eventually(
        lambda: (text := "\n".join(nvim.expr("getline(1, '$')"))) and "ty: " in text and text, "a report"
    )
    assert f"OK: socket: {daemon.socket}" in report
    assert f"process {daemon.pid}, protocol 1" in report
    assert f"OK: root: {repo}, 4 source files" in report
    assert "OK: indexer: ready" in report
    assert f"OK: program: {sys.executable}" in report
    assert "ERROR" not in report


def test_a_daemon_is_started_where_there_is_none(daemon: Daemon, repo: Path) -> None:
    assert daemon.stop() == 0
    with nvim_at(daemon.place, daemon.env, repo, "shop/orders.py") as nvim:
        nvim.context(":SemctxContext parse a price<CR>", "parse a price")
        started = nvim.expr("system(join(g:semctx_command) . ' stop --json')")
        assert json.loads(started)["pid"] != daemon.pid


def test_no_daemon_and_none_can_be_started(daemon: Daemon, repo: Path) -> None:
    assert daemon.stop() == 0
    with nvim_at(daemon.place, daemon.env, repo, "shop/orders.py", command=["/nowhere/semctx"]) as nvim:
        nvim.type(":SemctxContext parse a price<CR>")
        told = nvim.told("semctx:").strip()
        assert told.startswith(
            f"semctx: no daemon listens on {daemon.socket}, and there is no program /nowhere/semctx. "
        )
        assert "pip install 'semctx[daemon]'" in told
        assert told.count("\n") == 0  # one message, and no trace of a stack
        nvim.type(":checkhealth semctx<CR>")
        report = eventually(
            lambda: (text := "\n".join(nvim.expr("getline(1, '$')"))) and "ERROR" in text and text, "report"
        )
        assert "WARNING: /nowhere/semctx is not executable" in report
        assert f"ERROR: no daemon listens on {daemon.socket}" in report
        nvim.type(":let g:semctx_command = ['sh', '-c', 'echo out of luck >&2; exit 3']<CR>:SemctxContext price<CR>")
        nvim.told("semctx: semctx start failed: out of luck")
        nvim.type(":let $SEMCTX_NO_START = 1<CR>:SemctxContext price<CR>")
        nvim.told("SEMCTX_NO_START is set")


def test_a_socket_that_others_could_have_made(daemon: Daemon, repo: Path) -> None:
    with nvim_at(daemon.place, daemon.env, repo, "shop/orders.py") as nvim:
        daemon.place.chmod(0o777)
        nvim.type(":SemctxContext parse a price<CR>")
        nvim.told(f"semctx: {daemon.place} is open to others")
        daemon.place.chmod(0o700)


def test_a_daemon_that_was_restarted(nvim: Nvim, daemon: Daemon) -> None:
    nvim.type(append("def split_debts(debts):", "    pass"))
    assert any("split_debts" in line for line in nvim.context(":SemctxContext split debts<CR>", "split debts")[1:])
    assert daemon.stop() == 0
    daemon.start()
    lines = nvim.context(":SemctxContext split some debts<CR>", "split some debts")
    assert any("**split_debts**" in line for line in lines)  # it is told of the unsaved text again
    assert nvim.messages() == ""


def test_a_connection_that_is_lost_under_way(nvim: Nvim, daemon: Daemon) -> None:
    nvim.context(":SemctxContext parse a price<CR>", "parse a price")
    os.kill(daemon.pid, signal.SIGSTOP)
    nvim.type(":SemctxContext add tax<CR>")
    bottom = "join(map(range(1, &columns), 'screenstring(&lines, v:val)'), '')"
    eventually(lambda: "semctx: still working on it" in nvim.expr(bottom), "a sign of life")
    assert nvim.lua("1 + 1") == 2  # the editor does not wait
    daemon.process.kill()
    assert (
        nvim.told("semctx: the connection to the daemon was lost").count(
            "semctx: the connection to the daemon was lost"
        )
        == 1
    )
    daemon.process.wait()
    daemon.start()
    nvim.context(":SemctxContext add tax again<CR>", "add tax again")


def test_an_error_of_the_daemon(nvim: Nvim, repo: Path) -> None:
    nvim.type(f":let $HOME = '{repo}'<CR>:edit /outside.py<CR>:SemctxContext parse a price<CR>")
    told = nvim.told("semctx:").strip()
    assert told.endswith("Give the root of a project.")
    (repo / "shop" / "binary.py").write_bytes(b"\0\1\2" * 100)
    nvim.type(":edit shop/binary.py<CR>:SemctxContext<CR>")
    nvim.told("semctx: shop/binary.py")
    assert nvim.side() == []


def test_text_that_the_daemon_does_not_take(nvim: Nvim) -> None:
    nvim.type(":edit shop/large.py<CR>:call setline(1, repeat('x', 2000001))<CR>:edit shop/orders.py<CR>")
    lines = nvim.context(":SemctxContext parse a price<CR>", "parse a price")
    assert any(line.startswith("> ") and "large.py counts as it is on disk" in line for line in lines)


def test_what_answers_is_no_daemon(tmp_path: Path, repo: Path) -> None:
    with daemon_at() as daemon, socket.socket(socket.AF_UNIX) as other:
        path = daemon.place / "other.sock"
        other.bind(str(path))
        other.listen()
        with nvim_at(daemon.place, {**daemon.env, "SEMCTX_SOCKET": str(path)}, repo, "shop/orders.py") as nvim:
            nvim.type(":SemctxContext parse a price<CR>")
            connection, _ = other.accept()
            with connection:
                hello = json.loads(connection.makefile().readline())
                assert (hello["method"], hello["params"]["protocol"]) == ("session/hello", 1)
                assert hello["params"]["env"]["PATH"] == daemon.env["PATH"]
                connection.sendall(b"220 mail\n")
                nvim.told("semctx: what answers is no daemon of semctx")


def test_the_installation_that_the_guide_shows(daemon: Daemon, repo: Path) -> None:
    installed = daemon.place / "site-packages"
    shutil.copytree(REPOSITORY / "client" / "semctx", installed / "semctx")
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())
    for source, target in project["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"].items():
        shutil.copytree(REPOSITORY / source, installed / target)
    semctx = daemon.place / "bin" / "semctx"
    semctx.parent.mkdir()
    semctx.write_text(f'#!/bin/sh\nexec {sys.executable} -m semctx.cli "$@"\n')
    semctx.chmod(0o755)
    path = f"{semctx.parent}:{os.environ['PATH']}"
    env = {**daemon.env, "HOME": str(daemon.place), "PATH": path, "PYTHONPATH": str(installed)}
    guide = (REPOSITORY / "docs" / "editors.md").read_text()
    (commands,) = re.findall(r"^```sh\n(.*?)^```$", guide, re.M | re.S)
    subprocess.run(["bash", "-ec", commands], env=env, check=True, timeout=PATIENCE_S)
    nvim = Nvim(daemon.place, env, repo, ["--cmd", "set columns=160 noswapfile", "shop/orders.py"])
    try:
        nvim.context(":17<CR>:SemctxContext<CR>", "The prices of all orders.")
        nvim.type(":help semctx<CR>")
        assert nvim.expr("expand('%:t')") == "semctx.txt"
    finally:
        nvim.end()
    tags = re.findall(r"\*(\S+)\*", (PLUGIN / "doc" / "semctx.txt").read_text())
    assert {":SemctxContext", "g:semctx_command", "semctx-health"} <= set(tags)
