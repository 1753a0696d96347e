"""CallWatch: what became of each call, for the log and for metrics, where somebody asked for it.

Runs on the loop's thread. Where nobody asked there is none, and a call costs what it did.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from typing import Any, Protocol

import grpc

from chat.server.auth import caller_name

_log = logging.getLogger(__name__)
# The request of the call that the current task answers, once it is there.
_request: ContextVar[Any] = ContextVar("request", default=None)
Answer = Callable[[Any, Any], Awaitable[Any]]


class Counted(Protocol):
    """What counts calls, as metrics do."""

    def began(self, method: str) -> None: ...

    def ended(self, method: str, status: str, seconds: float) -> None: ...


class CallWatch:
    """`logs`: a line at level debug for each call: method, status, milliseconds, user, the id that
    the request bears."""

    def __init__(self, counted: Counted | None, *, logs: bool) -> None:
        self._counted = counted
        self._logs = logs

    @property
    def is_wanted(self) -> bool:
        return self._logs or self._counted is not None

    def has_come(self, request: Any) -> None:
        """The whole request of the current call."""
        if self._logs:
            _request.set(request)

    def watched(self, method: str, answer: Answer) -> Answer:
        """`method` as gRPC has it: /package.Service/Method."""
        if not self.is_wanted:
            return answer
        name = method.removeprefix("/")

        async def watched(messages: Any, context: Any) -> Any:
            began = time.perf_counter()
            if self._counted is not None:
                self._counted.began(name)
            status = "CANCELLED"
            try:
                result = await answer(messages, context)
                status = "OK"
                return result
            except asyncio.CancelledError:
                raise
            except BaseException:
                status = _status_of(context)
                raise
            finally:
                self._ended(name, status, time.perf_counter() - began)

        return watched

    def _ended(self, name: str, status: str, seconds: float) -> None:
        if self._counted is not None:
            self._counted.ended(name, status, seconds)
        if self._logs:
            _log.debug(
                "%s %s %.1f ms %s %s",
                name, status, 1_000 * seconds, caller_name() or "-", _id_of(_request.get()),
            )  # fmt: skip


def _status_of(context: Any) -> str:
    """What the call was ended with."""
    code = context.code()
    if isinstance(code, int):
        code = next((each for each in grpc.StatusCode if each.value[0] == code), None)
    return code.name if isinstance(code, grpc.StatusCode) else "UNKNOWN"


def _id_of(request: Any) -> str:
    """By which a repeated call is known; `-` where it bears none. As it came, so cut."""
    found = getattr(request, "request_id", "") or getattr(request, "message_id", "")
    return str(found)[:64] or "-"
