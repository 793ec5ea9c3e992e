"""A client that is measured: it sends lines on an inherited socket, one at a time, and reads a line for each.

Standard input holds the requests, an empty line, and then a line for each round of them all. For a round it prints, as
JSON, when it began and ended, and how long each request took: nanoseconds on the monotonic clock, which all processes
share.
"""

from __future__ import annotations

import socket
import sys
from time import perf_counter_ns

_MOST_BYTES = 1 << 20  # of a reply


def main() -> None:
    """Ask until standard input ends."""
    connection = socket.socket(fileno=int(sys.argv[1]))
    reply = memoryview(bytearray(_MOST_BYTES))  # nothing is allocated or joined while time is taken
    requests = list(iter(sys.stdin.buffer.readline, b"\n"))
    for _ in sys.stdin.buffer:
        times = []
        began = perf_counter_ns()
        for request in requests:
            started = perf_counter_ns()
            connection.sendall(request)
            size = connection.recv_into(reply)
            while reply[size - 1] != 10 and (more := connection.recv_into(reply[size:])):
                size += more
            times.append(perf_counter_ns() - started)
        print([began, perf_counter_ns(), times], flush=True)


if __name__ == "__main__":
    main()
