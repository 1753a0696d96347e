"""Passwords: bcrypt in a pool of two threads, and the one fair queue in front of it.

Runs on the loop's thread. Whoever signs in, registers, changes a password or deletes an account
waits here; nobody is refused because others wait too.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import time
import unicodedata
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final

import bcrypt

from chat.core import limits
from chat.core.errors import ChatError
from chat.server.sign_in_queue import Caller, Place, SignInQueue, Turn, refusal
from chat.server.throttle import NOT_NOW
from chat.system import step_back

_BCRYPT_SUM_CHARACTERS: Final = 31  # of a hash's 60; before them is the salt
_NICENESS: Final = 10


@dataclass(frozen=True, slots=True)
class _Job:
    """What the work comes to is None for a wrong password."""

    work: Callable[[], Any]
    done: asyncio.Future[Any]

    def fail(self, error: ChatError) -> None:
        if not self.done.done():
            self.done.set_exception(error)


class Passwords:
    """A check whose caller has gone leaves the queue; one that runs counts all the same."""

    def __init__(self, cost: int, clock_s: Callable[[], float] = time.monotonic) -> None:
        self._cost, self._clock_s = cost, clock_s
        # Sends go before sign-ins.
        self._pool = ThreadPoolExecutor(
            limits.PASSWORD_CHECK_THREADS, "passwords", initializer=step_back, initargs=(_NICENESS,)
        )
        self._queue = SignInQueue()
        self._jobs: dict[Turn, _Job] = {}  # that wait or run
        self._by_request: dict[str, Turn] = {}
        self._running = 0
        self._timer: asyncio.TimerHandle | None = None
        self._closed = False
        # What an unknown name is checked against, so that it takes as long as a known one: a
        # salt of the same cost, and no hash at all, because to make one would hold up the start.
        self._dummy = bcrypt.gensalt(cost) + b"." * _BCRYPT_SUM_CHARACTERS

    async def hash(self, password: str, caller: Caller) -> str:
        hashed: str = await self._wait(Turn(caller, guesses=False), lambda: self._hash(password))
        return hashed

    async def check(self, password: str, password_hash: str | None, caller: Caller) -> bool:
        """False for a wrong password and, after the same work, for None (no such account).
        Throttled where a wait after wrong passwords outlasts the call; Busy where too many
        wait."""
        found = await self._wait(Turn(caller), lambda: self._check(password, password_hash))
        return found is not None

    async def check_and_hash(
        self, password: str, password_hash: str | None, new: str, caller: Caller
    ) -> str | None:
        """The hash of the new password; None where the present one is wrong."""

        def work() -> str | None:
            return self._check(password, password_hash) and self._hash(new)

        hashed: str | None = await self._wait(Turn(caller), work)
        return hashed

    def place(self, request_id: str) -> Place | None:
        """None for a call that does not wait (any more)."""
        turn = self._by_request.get(request_id)
        return self._queue.place(turn, self._clock_s()) if turn is not None else None

    def end_all(self, error: ChatError) -> None:
        """Whoever waits is answered with `error`; what runs is finished."""
        for turn in self._queue.waiting():
            self._queue.leave(turn)
            self._jobs[turn].fail(error)

    def close(self) -> None:
        """On any thread, when no call is left; waits for what runs."""
        self._closed = True
        self._pool.shutdown(wait=True, cancel_futures=True)

    # --- waiting and running -----------------------------------------------------------------

    async def _wait(self, turn: Turn, work: Callable[[], Any]) -> Any:
        loop, request_id = asyncio.get_running_loop(), turn.caller.request_id
        job = self._jobs[turn] = _Job(work, loop.create_future())
        give_up = loop.call_later(
            max(0.0, turn.caller.patience_s - limits.SIGN_IN_ANSWER_S), self._give_up, turn
        )
        try:
            pushed_out = self._queue.add(turn, self._clock_s())
            if pushed_out is not None:
                self._jobs[pushed_out].fail(refusal())
            if request_id:
                self._by_request[request_id] = turn
            self._start()
            return await job.done
        finally:
            give_up.cancel()
            self._queue.leave(turn)
            del self._jobs[turn]
            if self._by_request.get(request_id) is turn:
                del self._by_request[request_id]

    def _give_up(self, turn: Turn) -> None:
        if turn in self._queue:
            self._queue.leave(turn)
            self._jobs[turn].fail(refusal())

    def _start(self) -> None:
        """Gives the free threads to those whose turn it is."""
        while self._running < limits.PASSWORD_CHECK_THREADS and not self._closed:
            turn = self._queue.next(self._clock_s())
            if turn is None:
                self._wake_up_later()
                return
            self._run(turn)

    def _wake_up_later(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        wait_s = self._queue.wakes_in_s(self._clock_s())
        if wait_s < NOT_NOW:
            self._timer = asyncio.get_running_loop().call_later(wait_s, self._start)

    def _run(self, turn: Turn) -> None:
        self._running += 1
        job = self._jobs[turn]
        running = asyncio.get_running_loop().run_in_executor(self._pool, job.work)
        running.add_done_callback(lambda running: self._ended(turn, job, running))

    def _ended(self, turn: Turn, job: _Job, running: asyncio.Future[Any]) -> None:
        """Also when nobody waits for it any more: a guess is a guess."""
        self._running -= 1
        if running.cancelled():  # the pool was closed
            self._queue.ended(turn, None, self._clock_s())
            job.done.cancel()
            return
        error = running.exception()
        right = None if error else running.result() is not None
        self._queue.ended(turn, right, self._clock_s())
        if not job.done.done():
            if error:
                job.done.set_exception(error)
            else:
                job.done.set_result(running.result())
        self._start()

    # --- on the pool's threads ---------------------------------------------------------------

    def _hash(self, password: str) -> str:
        return hash_password(password, self._cost)

    def _check(self, password: str, password_hash: str | None) -> str | None:
        """The hash if it is the password's."""
        against = self._dummy if password_hash is None else password_hash.encode("ascii")
        matches = bcrypt.checkpw(_digest(password), against)
        return password_hash if matches else None


def hash_password(password: str, cost: int) -> str:
    """What is kept of a password. It takes as long as the cost says."""
    return bcrypt.hashpw(_digest(password), bcrypt.gensalt(cost)).decode("ascii")


def _digest(password: str) -> bytes:
    """bcrypt takes at most 72 bytes and stops at a NUL: 44 characters stand for all of it. One
    letter may come as one code point or two, as the keyboard has it (RFC 8265, 4.2.2)."""
    text = unicodedata.normalize("NFC", password)
    return base64.b64encode(hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest())
