"""Who is calling: tokens, the peers' proofs, and the one interceptor that checks them and turns
errors into status. Runs on the loop's thread.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import secrets
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from typing import Any, Final, NoReturn

import grpc
from google.protobuf.message import DecodeError
from grpc import aio

from chat import wire
from chat.core import limits
from chat.core.errors import Busy, ChatError, Invalid, SessionEnded
from chat.core.model import Session
from chat.server.peering import PING, Peering

_log = logging.getLogger(__name__)
Answer = Callable[[Any, Any], Awaitable[Any]]

_CHAT_SERVICE: Final = "/chat.v1.ChatService/"
_REPLICATION_SERVICE: Final = "/chat.v1.ReplicationService/"
_PUBLIC: Final = frozenset(
    _CHAT_SERVICE + name
    for name in ("GetLeaderInfo", "CheckVersion", "Register", "Login", "GetPlace")
)
# Answered by every server, at any time.
_ANYWHERE: Final = frozenset(_CHAT_SERVICE + name for name in ("GetLeaderInfo", "CheckVersion"))
# Wait by the hundred for a password's check, which has a bound of its own: they must not keep
# others from their calls.
_WAITING: Final = frozenset(
    _CHAT_SERVICE + name for name in ("Register", "Login", "ChangePassword", "DeleteAccount")
)
_STRANGER: Final = grpc.StatusCode.UNAUTHENTICATED
_SUBSCRIBE: Final = _CHAT_SERVICE + "Subscribe"

# Ends the session that it needs; where the answer was lost, it comes again without one.
_DELETE_ACCOUNT: Final = _CHAT_SERVICE + "DeleteAccount"

# The session of the call that the current task answers; set by CallGate alone.
_caller: ContextVar[Session | SessionEnded] = ContextVar("caller")
# The server that has proven to make it, 0 = none.
_peer: ContextVar[int] = ContextVar("peer", default=0)


def caller() -> Session:
    """The session that the current call's token belongs to (not for public calls).
    SessionEnded in DeleteAccount, whose method looks first whether it was done before."""
    known = _caller.get()
    if isinstance(known, SessionEnded):
        raise known
    return known


def calling_server() -> int:
    """The id of the server that has proven to make the current call; 0 for anybody else."""
    return _peer.get()


def new_token() -> str:
    return secrets.token_urlsafe(limits.TOKEN_BYTES)


def token_hash(token: str) -> str:
    """What is stored of a token. It is 256 random bits, so one plain hash is enough."""
    return hashlib.sha256(token.encode()).hexdigest()


class CallGate(aio.ServerInterceptor):
    """Checks who calls, bounds what is in flight and answers a ChatError with its status.

    `authenticate` finds the session of a token's hash at the leader; it raises NotLeader
    or NoQuorum where nothing may be read, and SessionEnded for an unknown or old one.
    `settled` returns when the leader is not just about to change its view.
    """

    def __init__(
        self,
        authenticate: Callable[[str], Session],
        settled: Callable[[], Awaitable[None]],
        peering: Peering,
    ) -> None:
        self._authenticate = authenticate
        self._settled = settled
        self._peering = peering
        self._calls = 0

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Any]],
        details: grpc.HandlerCallDetails,
    ) -> Any:
        handler = await continuation(details)
        if handler is None:
            return None
        method: str = details.method
        if method.startswith(_CHAT_SERVICE):
            return _like(
                handler,
                self._guarded(
                    _answer_of(handler),
                    public=method in _PUBLIC,
                    counted=method != _SUBSCRIBE and method not in _WAITING,
                    anywhere=method in _ANYWHERE,
                    lasting=method != _DELETE_ACCOUNT,
                ),
            )
        if method.startswith(_REPLICATION_SERVICE) or method == PING:
            return _like(handler, _answering_errors(self._introduced(_answer_of(handler), details)))
        if handler.request_streaming:
            return handler
        return _like(handler, _answering_errors(_answer_of(handler)))

    def _introduced(self, answer: Answer, details: grpc.HandlerCallDetails) -> Answer:
        """Proves who answers before anything else is said, and knows which server calls."""
        method: str = details.method
        metadata = details.invocation_metadata

        async def introduced(request: Any, context: Any) -> Any:
            peer, proof = self._peering.answer(method, metadata)
            if proof:
                await context.send_initial_metadata(proof)
            if not peer and method != PING:
                await context.abort(_STRANGER, "For servers of this cluster only.")
            _peer.set(peer)
            return await answer(request, context)

        return introduced

    def _guarded(
        self, answer: Answer, public: bool, counted: bool, anywhere: bool, lasting: bool
    ) -> Answer:
        async def guarded(request: Any, context: Any) -> Any:
            if counted and self._calls >= limits.CALLS_MAX:
                raise Busy("The server has too many calls in hand; try again.")
            self._calls += counted
            try:
                if not anywhere:
                    await self._settled()
                if not public:
                    _caller.set(self._session(context, lasting))
                return await answer(request, context)
            finally:
                self._calls -= counted

        return _answering_errors(guarded)

    def _session(self, context: Any, lasting: bool) -> Session | SessionEnded:
        """Raises that the session has ended, or answers it where the session need not last."""
        try:
            return self._authenticate(token_hash(_token_of(context)))
        except SessionEnded as ended:
            if lasting:
                raise
            return ended


def _token_of(context: Any) -> str:
    for key, value in context.invocation_metadata() or ():
        if key == "authorization" and isinstance(value, str):
            scheme, _, token = value.partition(" ")
            if scheme.lower() == "bearer" and token:
                return token
    raise SessionEnded("Sign in first: the call bears no token.")


async def abort(context: Any, error: ChatError) -> NoReturn:
    """Ends a call with the status of `error`."""
    details = ((wire.STATUS_DETAILS_KEY, wire.error_details(error)),)
    try:
        await context.abort(wire.error_code(error), error.message, trailing_metadata=details)
    except aio.InternalError:
        raise _client_went() from None
    raise AssertionError("abort always raises")


def _client_went() -> asyncio.CancelledError:
    """What gRPC raises when an answer finds nobody is an error of the server in its log; that
    the call was cancelled is not."""
    return asyncio.CancelledError()


def _answering_errors(answer: Answer) -> Answer:
    """Answers a ChatError with its status, and a bug of ours with a line in the log."""

    async def answering(request: Any, context: Any) -> Any:
        try:
            if isinstance(request, Invalid):
                raise request
            return await answer(request, context)
        except ChatError as error:
            await abort(context, error)
        except (asyncio.CancelledError, aio.AbortError):
            raise
        except aio.InternalError:
            raise _client_went() from None
        except Exception:
            _log.exception("a call failed")
            await context.abort(grpc.StatusCode.INTERNAL, "An error inside the server.")

    return answering


def _answer_of(handler: Any) -> Answer:
    answer: Answer = handler.stream_unary or handler.unary_stream or handler.unary_unary
    return answer


def _like(handler: Any, answer: Answer) -> Any:
    """The same kind of method as `handler`, with another answer."""
    if handler.request_streaming:
        return grpc.stream_unary_rpc_method_handler(
            answer, handler.request_deserializer, handler.response_serializer
        )
    make = (
        grpc.unary_stream_rpc_method_handler
        if handler.response_streaming
        else grpc.unary_unary_rpc_method_handler
    )
    return make(answer, _reader(handler.request_deserializer), handler.response_serializer)


def _reader(parse: Callable[[bytes], Any]) -> Callable[[bytes], Any]:
    """The request, or the Invalid that answers it: what is raised while it is read would be
    no answer of ours, and a stack trace in the log for every piece of garbage."""

    def read(data: bytes) -> Any:
        if len(data) > limits.REQUEST_BYTES_MAX:
            most = limits.REQUEST_BYTES_MAX
            return Invalid("request", f"A request has at most {most} bytes.")
        try:
            return parse(data)
        except DecodeError:
            return Invalid("request", "These bytes are no such request; text is UTF-8.")

    return read
