"""Servers that die without a word (kill -9), one after another and at once."""

from __future__ import annotations

import random
import time
from functools import partial
from itertools import combinations, permutations
from pathlib import Path

import pytest

from chat.rpc import chat_pb2
from tests.faults.people import Crowd
from tests.faults.processes import Servers, until

PEOPLE = ("ann", "bob", "cat", "dan")
QUICK = {"heartbeat_ms": 100, "out_ms": 500, "vote_ms": 1000}


@pytest.mark.parametrize(("first", "second"), list(permutations((1, 2, 3), 2)))
def test_two_one_after_the_other(tmp_path: Path, first: int, second: int) -> None:
    with Servers(tmp_path, people=PEOPLE) as servers:
        servers.start()
        with Crowd(servers, PEOPLE) as crowd:
            crowd.wait_for_each(3)
            servers.kill(first)
            crowd.wait_for_each(3)
            servers.kill(second)
            crowd.wait_for_each(3)
            crowd.finish()
        (left,) = {1, 2, 3} - {first, second}
        assert servers.serves(left)


@pytest.mark.parametrize("both", list(combinations((1, 2, 3), 2)))
def test_two_at_the_same_instant(tmp_path: Path, both: tuple[int, int]) -> None:
    with Servers(tmp_path, people=PEOPLE) as servers:
        servers.start()
        with Crowd(servers, PEOPLE) as crowd:
            crowd.wait_for_each(5)
            servers.kill(*both)
            crowd.wait_for_each(5)
            crowd.finish()


@pytest.mark.parametrize("left", [1, 2, 3])
def test_two_at_the_moment_that_a_view_serves(tmp_path: Path, left: int) -> None:
    """After the first start, and after newcomers were let in: the third serves."""
    both = sorted({1, 2, 3} - {left})
    with Servers(tmp_path, people=PEOPLE) as servers:
        servers.start()
        with Crowd(servers, PEOPLE) as crowd:
            for _ in range(2):
                servers.wait_until_leads(1, (1, 2, 3))
                servers.kill(*both)
                servers.wait_until_leads(left)
                crowd.wait_for_each(1)
                servers.start(*both)
            crowd.finish()


def test_a_newcomer_and_another(tmp_path: Path) -> None:
    """They die while one of them is let in, at whatever moment: the third serves."""
    generator = random.Random(4)
    with Servers(tmp_path, people=PEOPLE) as servers:
        servers.start()
        with Crowd(servers, PEOPLE) as crowd:
            for left in (1, 2, 3, 1, 2, 3):
                newcomer, other = generator.sample(sorted({1, 2, 3} - {left}), 2)
                crowd.wait_for_each(1)
                servers.wait_until_leads(1, (1, 2, 3))
                servers.kill(newcomer)
                crowd.wait_for_each(1)
                servers.start(newcomer)
                time.sleep(generator.uniform(0, 0.3))
                servers.kill(newcomer, other)
                crowd.wait_for_each(1)
                assert servers.serves(left)
                servers.start(newcomer, other)
            crowd.finish()


def test_four_of_five(tmp_path: Path) -> None:
    """Two at once, then one after the other: the fifth has everything, and lets all in again."""
    with Servers(tmp_path, 5, PEOPLE) as servers:
        servers.start()
        with Crowd(servers, PEOPLE) as crowd:
            for dying in ((1, 4), (5,), (2,)):
                crowd.wait_for_each(3)
                servers.kill(*dying)
            crowd.wait_for_each(3)
            assert servers.serves(3)
            servers.start(1, 2, 4, 5)
            servers.wait_until_leads(1, servers.ids)
            crowd.wait_for_each(3)
            crowd.finish()


def test_by_majority_one_of_three_may_die(tmp_path: Path) -> None:
    """No proof counts there: the next one serves after the silence, and two deaths stop all."""
    with Servers(tmp_path, people=PEOPLE, quorum="majority", **QUICK) as servers:
        servers.start()
        with Crowd(servers, PEOPLE) as crowd:
            crowd.wait_for_each(3)
            servers.kill(1)
            crowd.wait_for_each(3)
            servers.wait_until_leads(2, (2, 3))
            servers.kill(2)
            until(lambda: not servers.serves(3), "server 3 says that it cannot serve alone")
            servers.start(1)
            crowd.wait_for_each(3)
            servers.start(2)
            servers.wait_until_leads(1, (1, 2, 3))
            crowd.finish()


def test_all_at_once_and_back_in_any_order(tmp_path: Path) -> None:
    """Whoever comes first waits for all: any of them may have been the last to serve."""
    with Servers(tmp_path, people=PEOPLE) as servers:
        servers.start()
        with Crowd(servers, PEOPLE) as crowd:
            for order in ((1, 2, 3), (3, 1, 2), (2, 3, 1)):
                crowd.wait_for_each(3)
                servers.kill(*servers.ids)
                servers.start(*order[:2])
                assert_waits(servers, *order[:2], missing=order[2])
                servers.start(order[2])
            crowd.wait_for_each(3)
            crowd.finish()
        servers.wait_until_leads(1, (1, 2, 3))


def test_the_last_survivor_suffices(tmp_path: Path) -> None:
    with Servers(tmp_path, people=PEOPLE) as servers:
        servers.start()
        with Crowd(servers, PEOPLE) as crowd:
            for dying in (1, 2, 3):
                crowd.wait_for_each(3)
                servers.kill(dying)
            servers.start(1, 2)
            assert_waits(servers, 1, 2, missing=3)
            servers.kill(1, 2)
            servers.start(3)
            crowd.wait_for_each(3)
            servers.start(1, 2)
            servers.wait_until_leads(1, (1, 2, 3))
            crowd.wait_for_each(3)
            crowd.finish()


def is_told(servers: Servers, server_id: int, sentence: str) -> bool:
    return sentence in details(servers, server_id)


def assert_waits(servers: Servers, *present: int, missing: int) -> None:
    """They have met, say for whom they wait, and serve nothing."""
    for server_id in present:
        until(
            partial(is_told, servers, server_id, f"Waits for server {missing}."),
            f"server {server_id} says that it waits for server {missing}",
        )
        assert not servers.serves(server_id)
        assert servers.role(server_id) == chat_pb2.SERVER_ROLE_RECOVERING


def details(servers: Servers, server_id: int) -> list[str]:
    info = servers.info(server_id)
    return [one.detail for one in info.servers] if info is not None else []
