"""The pool that checks passwords: what it finds, who waits, and who gave up."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import bcrypt
import pytest

from chat.core import limits
from chat.core.errors import Busy, NotLeader
from chat.server.passwords import Passwords
from chat.server.sign_in_queue import Caller, Place
from chat.server.throttle import Source
from tests.held import checks_held

COST = 4


def caller(
    name: str = "ann", address: str = "here", request_id: str = "", patience_s: float = 60
) -> Caller:
    return Caller(Source(name, address), request_id, patience_s)


def run(scenario: Callable[[Passwords], Awaitable[None]]) -> None:
    async def whole() -> None:
        passwords = Passwords(COST)
        try:
            await asyncio.wait_for(scenario(passwords), 30)
        finally:
            await asyncio.to_thread(passwords.close)

    asyncio.run(whole())


def test_passwords_beyond_72_bytes_count_to_the_last() -> None:
    async def scenario(passwords: Passwords) -> None:
        hashed = await passwords.hash("x" * 100 + "a", caller())
        assert await passwords.check("x" * 100 + "a", hashed, caller())
        assert not await passwords.check("x" * 100 + "b", hashed, caller())
        assert not await passwords.check("anything", None, caller())

    run(scenario)


def test_a_password_is_the_same_from_any_keyboard() -> None:
    async def scenario(passwords: Passwords) -> None:
        hashed = await passwords.hash("caf\u00e9 caf\u00e9", caller())
        assert await passwords.check("cafe\u0301 cafe\u0301", hashed, caller())
        assert not await passwords.check("cafe cafe", hashed, caller())

    run(scenario)


def test_a_password_is_changed_in_one_turn() -> None:
    async def scenario(passwords: Passwords) -> None:
        hashed = await passwords.hash("one password", caller())
        new = await passwords.check_and_hash("one password", hashed, "another one", caller())
        assert new is not None
        assert await passwords.check("another one", new, caller())
        assert await passwords.check_and_hash("wrong", hashed, "another one", caller()) is None

    run(scenario)


def test_guesses_of_who_does_not_wait_for_the_answer_count(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(passwords: Passwords) -> None:
        with checks_held(monkeypatch) as go_on:
            tries = []
            for _ in range(2 * limits.LOGIN_FAILURES_FREE):
                tries.append(asyncio.create_task(passwords.check("wrong", None, caller())))
                await asyncio.sleep(0)
            started = tries[: limits.PASSWORD_CHECK_THREADS]
            for each in tries:
                each.cancel()
            await asyncio.gather(*tries, return_exceptions=True)
            assert not passwords._queue.waiting()
            go_on.set()
        while passwords._running:
            await asyncio.sleep(0.01)
        throttle = passwords._queue.throttle
        assert throttle.rank(caller().source, passwords._clock_s())[0] == len(started)

    run(scenario)


def test_at_the_bound_who_has_to_go_is_told_when_to_come_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(limits, "SIGN_INS_WAITING_MAX", 5)

    async def scenario(passwords: Passwords) -> None:
        with checks_held(monkeypatch):
            flood = [
                asyncio.create_task(passwords.hash("password", caller(f"name {n}", "flood")))
                for n in range(2)
            ]
            checks = [
                asyncio.create_task(passwords.check("wrong", None, caller(f"name {n}", "flood")))
                for n in range(8)
            ]
            await asyncio.gather(*flood)
            while len(passwords._queue.waiting()) > 5 or not any(map(asyncio.Task.done, checks)):
                await asyncio.sleep(0.01)
            ann = asyncio.create_task(passwords.check("wrong", None, caller("ann", "school")))
            await asyncio.sleep(0)
            assert not ann.done()
        assert not await ann
        found = await asyncio.gather(*checks, return_exceptions=True)
        refused = [each for each in found if isinstance(each, Busy)]
        assert refused
        assert refused[0].metadata == {"retry_after_ms": str(limits.SIGN_IN_RETRY_MS)}
        assert found.count(False) + len(refused) == len(checks)

    run(scenario)


def test_who_waits_sees_the_place_and_is_told_before_the_deadline(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def scenario(passwords: Passwords) -> None:
        with checks_held(monkeypatch):
            tries = [
                asyncio.create_task(passwords.check("wrong", None, caller(f"name {n}")))
                for n in range(4)
            ]
            ann = caller("ann", request_id="her id", patience_s=limits.SIGN_IN_ANSWER_S + 0.1)
            hers = asyncio.create_task(passwords.check("wrong", None, ann))
            await asyncio.sleep(0)
            assert passwords.place("her id") == Place(4 - limits.PASSWORD_CHECK_THREADS, 0)
            assert passwords.place("another") is None
            with pytest.raises(Busy):
                await hers
            assert passwords.place("her id") is None
        await asyncio.gather(*tries)

    run(scenario)


def test_who_waits_for_a_server_that_leads_no_more_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(passwords: Passwords) -> None:
        with checks_held(monkeypatch):
            tries = [
                asyncio.create_task(passwords.check("wrong", None, caller(f"name {n}")))
                for n in range(6)
            ]
            await asyncio.sleep(0)
            passwords.end_all(NotLeader("Server 2 leads.", 2, "there"))
        found = await asyncio.gather(*tries, return_exceptions=True)
        told = sum(isinstance(each, NotLeader) for each in found)
        assert told == 6 - limits.PASSWORD_CHECK_THREADS

    run(scenario)


def test_who_has_to_wait_is_checked_by_itself() -> None:
    async def scenario(passwords: Passwords) -> None:
        hashed = await passwords.hash("the right one", caller())
        for _ in range(limits.LOGIN_FAILURES_FREE):
            assert not await passwords.check("a wrong one", hashed, caller())
        began = passwords._clock_s()
        assert await passwords.check("the right one", hashed, caller())
        assert 0.9 < passwords._clock_s() - began < 10

    run(scenario)


def test_a_failure_of_the_pool_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> bool:
        raise MemoryError("no memory for bcrypt")

    async def scenario(passwords: Passwords) -> None:
        monkeypatch.setattr(bcrypt, "checkpw", fail)
        with pytest.raises(MemoryError):
            await passwords.check("a password", None, caller())
        assert passwords._queue.throttle.rank(caller().source, 0.0)[0] == 0

    run(scenario)
