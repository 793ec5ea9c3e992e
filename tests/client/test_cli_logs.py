from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest

import semctx
from semctx.cli import main
from semctx.errors import SemctxError
from tests.client.peer import Peer, Talk, answering


@pytest.fixture
def log(place: str) -> str:
    path = os.environ["SEMCTX_LOG"]
    with open(path, "w") as file:
        for number in range(30):
            event = {"event": "request", "method": "health", "number": number, "level": "info", "timestamp": "T"}
            file.write(json.dumps(event) + "\n")
    return path


def append(path: str, text: str, mode: str = "a") -> None:
    with open(path, mode) as file:
        file.write(text)


@pytest.fixture
def following(log: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "semctx.cli", "logs", "-n", "1", "-f"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert "number=29" in process.stdout.readline()
        yield process
        process.send_signal(signal.SIGINT)
        _, err = process.communicate()
        assert (process.returncode, err) == (130, "")


def test_the_last_lines_for_a_person(log: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["logs", "-n", "2"]) == 0
    assert capsys.readouterr().out == "T info request method=health number=28\nT info request method=health number=29\n"


def test_the_lines_as_they_are(log: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["logs", "--json"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [json.loads(line)["number"] for line in lines] == list(range(10, 30))


def test_lines_that_are_no_events_stay_as_they_are(log: str, capsys: pytest.CaptureFixture[str]) -> None:
    append(log, "Traceback (most recent call last):\n7\n\N{SNOWMAN}")
    with open(log, "ab") as file:
        file.write(b"\xff\n")
    assert main(["logs", "-n", "3"]) == 0
    assert capsys.readouterr().out == "Traceback (most recent call last):\n7\n\N{SNOWMAN}\\xff\n"


def test_a_missing_log(place: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["logs"]) == 1
    err = capsys.readouterr().err
    assert f"no log at {os.environ['SEMCTX_LOG']}" in err
    assert "journalctl --user -u semctxd" in err


def test_a_log_that_cannot_be_read(place: str, capsys: pytest.CaptureFixture[str]) -> None:
    os.mkdir(os.environ["SEMCTX_LOG"])
    assert main(["logs"]) == 1
    assert "Is a directory" in capsys.readouterr().err


def test_following_what_comes(following: subprocess.Popen[str], log: str) -> None:
    assert following.stdout is not None
    append(log, '{"event": "fi')
    append(log, 'rst"}\n{"event": "second"}\n')
    assert following.stdout.readline() == "first\n"
    assert following.stdout.readline() == "second\n"


def test_following_a_log_that_is_begun_anew(following: subprocess.Popen[str], log: str) -> None:
    assert following.stdout is not None
    os.rename(log, log + ".1")
    append(log + ".1", '{"event": "last of the old"}\n')
    assert following.stdout.readline() == "last of the old\n", "no new one yet: the old one goes on"
    append(log, '{"event": "first of the new"}\n')
    append(log, '{"event": "second of the new"}\n')
    assert following.stdout.readline() == "first of the new\n"
    assert following.stdout.readline() == "second of the new\n"


def test_the_lines_of_one_request(log: str, capsys: pytest.CaptureFixture[str]) -> None:
    append(log, '{"event": "asked", "request": "3.1"}\n{"event": "asked", "request": "3.12"}\nno event\n')
    assert main(["logs", "--request", "3.1"]) == 0
    assert capsys.readouterr().out == "asked request=3.1\n"


def test_what_is_logged_from_now_on(peer: Peer, capsys: pytest.CaptureFixture[str]) -> None:
    def script(talk: Talk) -> None:
        talk.hello()
        request = talk.read()
        assert request["params"] == {"topics": ["log"]}
        talk.reply(request, {"topics": ["log"]})
        for event in ("first", "second"):
            talk.send({"jsonrpc": "2.0", "method": "events/log", "params": {"event": event, "ms": 1}})
        talk.send({"jsonrpc": "2.0", "method": "events/lost", "params": {"count": 7}})
        talk.socket.shutdown(socket.SHUT_RDWR)

    peer.plays(script)
    assert main(["logs", "--live"]) == 1
    out, err = capsys.readouterr()
    assert out == "first ms=1\nsecond ms=1\nlost count=7\n"
    assert "connection" in err


def test_listening_on_a_connection_that_was_closed(peer: Peer) -> None:
    peer.plays(answering({}))
    with semctx.connect() as daemon:
        daemon.close()
        with pytest.raises(SemctxError, match="connection"):
            daemon.listen()


def test_changing_how_much_is_logged(peer: Peer, capsys: pytest.CaptureFixture[str]) -> None:
    peer.plays(answering({"log/level": {"level": "debug"}}))
    assert main(["logs", "--level", "debug"]) == 0
    assert capsys.readouterr().out == "the log level is debug\n"
