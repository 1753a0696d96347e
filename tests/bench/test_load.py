"""What loads the servers, and what counts as their being there."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from bench import cost
from bench.load import Call, repeat
from bench.servers import Servers
from chat.rpc import chat_pb2 as pb


def test_so_many_calls_are_made_with_so_many_in_flight() -> None:
    flying = most = done = 0

    async def call() -> None:
        nonlocal flying, most, done
        flying += 1
        most = max(most, flying)
        await asyncio.sleep(0)
        flying, done = flying - 1, done + 1

    asyncio.run(repeat(call, 4, 10))
    assert (most, done) == (4, 10)
    asyncio.run(repeat(call, 4, 2))
    assert done == 12


def test_every_send_of_a_round_counts_and_none_before(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also one that is answered when the round is over: it has cost as much."""
    sent = 0

    async def send() -> None:
        nonlocal sent
        sent += 1

    async def ten(call: Call, *_: object, **_named: object) -> None:
        assert sent == cost._WARM_UP_CALLS
        for _turn in range(10):
            await call()

    spent = iter([(0.0, 1.0), (0.009, 1.003)])
    monkeypatch.setattr(cost, "hammer", ten)
    monkeypatch.setattr(cost._Side, "spent_s", lambda _side: next(spent))
    found = asyncio.run(cost._Side(send, 1, (2, 3)).round(8, 1.0))
    assert found == [pytest.approx(900), pytest.approx(300)]


def test_a_server_that_was_killed_a_moment_ago_is_one_too_many(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    backup, down = pb.SERVER_ROLE_BACKUP, pb.SERVER_ROLE_DOWN

    def said(*roles: pb.ServerRole.ValueType) -> Any:
        servers = [pb.ServerInfo(role=role) for role in (pb.SERVER_ROLE_LEADER, *roles)]
        return lambda _servers, _id: pb.GetLeaderInfoResponse(leader_id=1, servers=servers)

    servers = Servers.__new__(Servers)  # it starts nothing here
    monkeypatch.setattr(Servers, "info", said(backup, backup))
    assert servers.leads(1)
    assert servers.leads(1, 3)
    assert not servers.leads(1, 2)
    assert not servers.leads(2)
    monkeypatch.setattr(Servers, "info", said(backup, down))
    assert servers.leads(1, 2)
    assert not servers.leads(1, 3)
