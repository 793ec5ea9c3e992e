"""A client that is measured: it sends lines on an inherited socket, one at a time, and reads a line for each.

Standard input holds the requests, an empty line, and then a line for each round of them all. For a round it prints, as
JSON, when it began and ended, and how long each request took: nanoseconds on the monotonic clock, which all processes
share.
"""

from __future__ import annotations

import socket
import sys
from time import perf_counter_ns

_READ_BYTES = 1 << 16


def main() -> None:
    """Ask until standard input ends."""
    connection = socket.socket(fileno=int(sys.argv[1]))
    requests = list(iter(sys.stdin.buffer.readline, b"\n"))
    for _ in sys.stdin.buffer:
        times = []
        began = perf_counter_ns()
        for request in requests:
            started = perf_counter_ns()
            connection.sendall(request)
            reply = connection.recv(_READ_BYTES)
            while reply and reply[-1] != 10:
                reply += connection.recv(_READ_BYTES)
            times.append(perf_counter_ns() - started)
        print([began, perf_counter_ns(), times], flush=True)


if __name__ == "__main__":
    main()
