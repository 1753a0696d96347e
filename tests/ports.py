"""Ports for servers that are started, killed and started again."""

from __future__ import annotations

import os
import random
import socket

# Below those that the system gives to outgoing connections: one of these could take a
# server's port while it is down.
_LOWEST, _HIGHEST = 10_000, 32_767
_given: set[int] = set()  # in this process: what is not bound yet may be free and spoken for
# Of processes that test beside each other (tests/whole.py) each has its own share.
_SHARE = int(os.environ.get("TESTS_SHARE", "0"))
_SHARES = int(os.environ.get("TESTS_SHARES", "1"))
_chance = random.SystemRandom()  # whatever else is seeded


def free_ports(count: int, host: str = "127.0.0.1") -> list[int]:
    """Ports that nobody uses, none of them given before."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    held: list[socket.socket] = []
    ports: list[int] = []
    try:
        while len(ports) < count:
            port = _chance.randrange(_LOWEST + _SHARE, _HIGHEST + 1, _SHARES)
            candidate = socket.socket(family, socket.SOCK_STREAM)
            held.append(candidate)
            try:
                candidate.bind((host, port))
            except OSError:
                continue
            if port not in _given:
                _given.add(port)
                ports.append(port)
        return ports
    finally:
        for each in held:
            each.close()
