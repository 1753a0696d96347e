"""Before a server starts: its own address may come later than it does."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

import pytest

from chat.config import Address, Config
from chat.core import limits
from chat.server import node as node_module
from chat.server.node import Node
from chat.server.options import StartError
from chat.server.sockets import Obstacle

ABSENT = Obstacle("cannot assign requested address", may_pass=True)
TAKEN = Obstacle("address already in use", may_pass=False)


def told(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if "waits" in record.getMessage()]


@pytest.mark.parametrize(("every_s", "lines"), [(60.0, 1), (0.0, 3)])
def test_it_waits_until_its_address_is_there_and_says_so_now_and_then(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    every_s: float,
    lines: int,
) -> None:
    answers = iter([ABSENT, ABSENT, ABSENT, None])

    async def next_answer(_address: Address) -> Obstacle | None:
        return next(answers)

    monkeypatch.setattr(node_module, "why_not_bind", next_answer)
    monkeypatch.setattr(limits, "ADDRESS_RETRY_S", 0.0)
    monkeypatch.setattr(limits, "ADDRESS_TOLD_EVERY_S", every_s)
    node = Node(Config({1: Address("192.0.2.1", 8001)}, tmp_path), 1)
    with caplog.at_level(logging.WARNING):
        asyncio.run(node.address_known())
    assert list(answers) == []
    assert len(told(caplog)) == lines
    assert "192.0.2.1:8001 is not known on this computer yet" in told(caplog)[0]


def test_it_does_not_wait_for_another_program(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def taken(_address: Address) -> Obstacle:
        return TAKEN

    monkeypatch.setattr(node_module, "why_not_bind", taken)

    async def scenario() -> None:
        node = Node(Config({1: Address("127.0.0.1", 8001)}, tmp_path), 1)
        await node.address_known()
        with pytest.raises(StartError, match="already in use"):
            await node.start()

    asyncio.run(scenario())
    assert told(caplog) == []
