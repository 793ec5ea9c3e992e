"""The floor: a process that answers each line on an inherited socket with the next of the lines on its standard input.

Blocking, and as plain as Python can: no JSON, no look-up, no loop of events.
"""

from __future__ import annotations

import socket
import sys
from itertools import cycle

_READ_BYTES = 1 << 16


def main() -> None:
    """Serve until the other side closes."""
    replies = cycle(sys.stdin.buffer.read().splitlines(keepends=True))
    connection = socket.socket(fileno=int(sys.argv[1]))
    while data := connection.recv(_READ_BYTES):
        while data[-1] != 10:
            data += connection.recv(_READ_BYTES)
        connection.sendall(next(replies))


if __name__ == "__main__":
    main()
