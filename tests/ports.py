"""TCP ports for the servers of tests."""

from __future__ import annotations

import random
import socket

PORTS = range(15_000, 32_000)  # below those that Linux gives to clients, which may take one between two of our steps
_chance = random.SystemRandom()


def free_port() -> int:
    """A TCP port that nobody listens on."""
    while True:
        port = _chance.choice(PORTS)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
