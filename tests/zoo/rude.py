"""A language server that shakes hands (mostly) and then misbehaves in one way: `rude.py HOW RECORD`.

Every message that it gets is appended to the file RECORD, one JSON text a line. HOW may also be the file, seen from its
root, that says how. Standard library only, and no frame is written by a library: a well-behaved one could not do this.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from typing import Any

how, record = sys.argv[1:]
hoard: list[bytes] = []
if os.path.isfile(how):
    with open(how) as told:
        how = told.read()


def receive() -> Any:
    length = 0
    while line := sys.stdin.buffer.readline().strip():
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            length = int(value)
    if not length:
        sys.exit(0)
    message = json.loads(sys.stdin.buffer.read(length))
    with open(record, "a") as file:
        file.write(json.dumps(message) + "\n")
    return message


def send_raw(data: bytes) -> None:
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()


def send(message: object) -> None:
    raw = json.dumps(message).encode()
    send_raw(b"Content-Length: %d\r\n\r\n%s" % (len(raw), raw))


def answer(number: int, result: object) -> None:
    send({"jsonrpc": "2.0", "id": number, "result": result})


def refuse(number: int, code: int, message: str) -> None:
    send({"jsonrpc": "2.0", "id": number, "error": {"code": code, "message": message}})


def misbehave(number: int, asked: int) -> None:
    """What comes in place of the reply to the request `number`, the `asked`th."""
    match how:
        case "exits":
            print("out of memory", file=sys.stderr, flush=True)
            os._exit(7)
        case "exits once":
            marker = record + ".exited"
            if not os.path.exists(marker):
                open(marker, "w").close()
                os._exit(7)
            answer(number, "well again")
        case "hangs":
            pass
        case "hangs once":
            if asked > 1:
                answer(number, "awake")
        case "hangs but once":
            if asked == 1:
                answer(number, "awake")
        case "garbage":
            send_raw(b"Segmentation fault (core dumped)\r\n\r\n")
        case "no end of headers":
            send_raw(b"x" * 5000)
        case "length too small":
            send_raw(b'Content-Length: 10\r\n\r\n{"jsonrpc":"2.0","id":%d,"result":null}' % number)
        case "length too large":
            send_raw(b'Content-Length: 999999999999\r\n\r\n{"jsonrpc":"2.0","id":%d,"result":null}' % number)
        case "no JSON":
            send_raw(b"Content-Length: 4\r\n\r\n{no}")
        case "no object":
            send([1, 2])
        case "error is no object":
            send({"jsonrpc": "2.0", "id": number, "error": "out of cheese"})
        case "request without sense":
            send({"jsonrpc": "2.0", "id": 1, "method": "workspace/configuration", "params": {"items": 5}})
        case "floods standard error":
            sys.stderr.write("warning: cheese\n" * 65536)
            answer(number, {"standard error": "through"})
        case "strange replies":
            send({"jsonrpc": "2.0", "id": "no number", "result": 1})
            send({"jsonrpc": "2.0", "id": 4711, "result": 1})
            send({"jsonrpc": "2.0", "method": "window/logMessage", "params": {"type": 3, "message": "hello"}})
            answer(number, "the right one")
            answer(number, "and once more")
        case "content modified":
            refuse(number, -32801, "content modified")
        case "content modified twice":
            refuse(number, -32801, "content modified") if asked < 3 else answer(number, "settled")
        case "too much":
            answer(number, "x" * 2_000_000)
        case "talks too much":
            send({"jsonrpc": "2.0", "method": "window/logMessage", "params": {"message": "x" * 2_000_000}})
        case "refuses":
            refuse(number, -32603, "the file is too strange")
        case "closes its ears":
            os.close(0)
            while True:
                signal.pause()
        case "stops":
            os.kill(os.getpid(), signal.SIGSTOP)
        case "200 MB":
            send_raw(b'Content-Length: 200000000\r\n\r\n{"jsonrpc":"2.0","id":%d,"result":"' % number)
            for _ in range(199):
                send_raw(b"x" * 1_000_000)
            send_raw(b"x" * (1_000_000 - len(b'{"jsonrpc":"2.0","id":%d,"result":""}' % number)) + b'"}')
        case "grows":
            hoard.append(b"x" * 300_000_000)
        case "stops reading":
            while True:
                signal.pause()
        case "leaves a child":
            child = subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"])
            answer(number, child.pid)
        case "ignores its end":
            answer(number, os.getpid())
        case "echoes":
            answer(number, {"argv": sys.argv, "cwd": os.getcwd(), "env": dict(os.environ)})


def main() -> None:
    if how == "exits at start":
        print("no licence found", file=sys.stderr, flush=True)
        sys.exit(3)
    asked = 0
    while True:
        message = receive()
        number, method = message.get("id"), message.get("method")
        if method == "initialize":
            if how == "refuses to initialize":
                refuse(number, -32002, "wrong phase of the moon")
            elif how != "never initializes":
                answer(number, {"capabilities": {}})
        elif number is None or method is None:
            if method == "$/cancelRequest" and how == "answers what is given up":
                refuse(message["params"]["id"], -32800, "given up")
            if method == "exit" and how != "ignores its end":
                sys.exit(0)
            if method == "$/cancelRequest" and how == "mutters":
                send({"jsonrpc": "2.0", "method": "window/logMessage", "params": {"type": 3, "message": "in a moment"}})
        elif method == "statistics":
            if how != "never reads":
                answer(number, None)
        elif method == "shutdown" or ".semctx-probe.py" in json.dumps(message):
            answer(number, None)
        else:
            asked += 1
            misbehave(number, asked)
    # standard input at its end leaves the loop through sys.exit


if how == "ignores its end":
    try:
        main()
    except SystemExit:
        while True:
            signal.pause()
main()
