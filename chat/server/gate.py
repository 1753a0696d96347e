"""CallGate: the one interceptor. It bounds what is in hand, checks who calls, and turns errors
into status. Runs on the loop's thread.

Every method is served as one whose request is a stream, also where it is a single message: so a
call is known, and counts, before any of its request has come.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final

import grpc
from google.protobuf.message import DecodeError
from grpc import aio

from chat import wire
from chat.core import limits
from chat.core.errors import ChatError, Invalid, SessionEnded, Throttled
from chat.core.state.model import Session
from chat.server.auth import become, become_server, calling_server, token_hash, token_of
from chat.server.call_watch import CallWatch
from chat.server.callers import address_of
from chat.server.calls import Call, CallsInHand, Shares, TooLate
from chat.server.engine import Engine
from chat.server.memory import tell_if_lacking
from chat.server.peering import OPERATOR, PING, PINGS, REPLICATE, Peering

_log = logging.getLogger(__name__)
Answer = Callable[[Any, Any], Awaitable[Any]]

_CHAT_SERVICE: Final = "/chat.v1.ChatService/"
_REPLICATION_SERVICE: Final = "/chat.v1.ReplicationService/"
_ADMIN_SERVICE: Final = "/chat.admin.v1.AdminService/"
_WATCH: Final = "/grpc.health.v1.Health/Watch"
# What servers stream to each other, and only they are read.
_BETWEEN_SERVERS: Final = frozenset((PINGS, REPLICATE))


@dataclass(frozen=True, slots=True)
class _Rule:
    """What is asked of those who call a method, and what its calls count as."""

    public: bool = False  # needs no token
    anywhere: bool = False  # answered by every server, at any time
    lasting: bool = True  # the session outlasts the call
    page: bool = False  # the answer may be large
    bounded_elsewhere: bool = False  # what it waits for has a bound of its own


_ANYWHERE: Final = _Rule(public=True, anywhere=True)
# Wait by the hundred for a password's check: they must not keep others from their calls.
_PASSWORD: Final = _Rule(public=True, bounded_elsewhere=True)
_PAGE: Final = _Rule(page=True)
_RULES: Final = {
    "GetLeaderInfo": _ANYWHERE,
    "CheckVersion": _ANYWHERE,
    "Register": _PASSWORD,
    "Login": _PASSWORD,
    "GetPlace": _Rule(public=True),
    "ChangePassword": _Rule(bounded_elsewhere=True),
    # Ends the session that it needs; where the answer was lost, it comes again without one.
    "DeleteAccount": _Rule(lasting=False, bounded_elsewhere=True),
    "ListUsers": _PAGE,
    "ListConversations": _PAGE,
    "ReceiveMessages": _PAGE,
    "ListRooms": _PAGE,
    "ListMembers": _PAGE,
    "ListReaders": _PAGE,
    "SearchMessages": _PAGE,
    "Subscribe": _Rule(bounded_elsewhere=True),
}
_ORDINARY: Final = _Rule()


class CallGate(aio.ServerInterceptor):
    """`engine` says whose call it is, and whether their session counts."""

    def __init__(
        self,
        engine: Engine,
        peering: Peering,
        calls: CallsInHand,
        watch: CallWatch | None = None,
    ) -> None:
        self._authenticate = engine.authenticate
        self._user_of = engine.user_of
        self._settled = engine.settled
        self._peering = peering
        self._calls = calls
        self._watch = watch
        self._handlers: dict[str, Any] = {}  # of the methods that there are
        self._people = Shares(limits.CALLS_MAX, limits.CALLS_PER_USER_MAX)
        self._people_read = Shares(limits.REQUESTS_READ_MAX, limits.REQUESTS_READ_EACH_MAX)
        self._pages = Shares(limits.PAGES_MAX, limits.PAGES_PER_USER_MAX)
        self._strangers = Shares(limits.STRANGERS_MAX, limits.STRANGERS_PER_ADDRESS_MAX)
        self._strangers_read = Shares(limits.REQUESTS_READ_MAX, limits.REQUESTS_READ_EACH_MAX)
        self._lasting = Shares(limits.WATCHES_MAX, limits.WATCHES_PER_ADDRESS_MAX)

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Any]],
        details: grpc.HandlerCallDetails,
    ) -> Any:
        gated = self._handlers.get(details.method)
        if gated is None:
            handler = await continuation(details)
            if handler is None:
                return None
            gated = self._gated(details.method, handler)
            self._handlers[details.method] = gated
        return gated

    def _gated(self, method: str, handler: Any) -> Any:
        guarded = self._guarded(method, handler)
        watched = self._watch.watched(method, guarded) if self._watch else guarded
        return _like(handler, watched, method in _BETWEEN_SERVERS)

    def _guarded(self, method: str, handler: Any) -> Answer:
        answer = _answer_of(handler)
        if method.startswith(_CHAT_SERVICE):
            rule = _RULES.get(method.removeprefix(_CHAT_SERVICE), _ORDINARY)
            return self._for_people(answer, rule)
        if method.startswith(_REPLICATION_SERVICE):
            return self._for_servers(answer, method, handler.request_streaming)
        if method.startswith(_ADMIN_SERVICE):
            return self._for_servers(_for_operator(answer), method, False)
        if method == PINGS:
            return self._for_servers(answer, method, True)
        if handler.request_streaming:
            return self._for_a_while(answer)
        shares = self._lasting if method == _WATCH else self._strangers
        for_strangers = self._for_strangers(answer, shares)
        if method == PING:
            return self._for_servers(answer, method, False, for_strangers)
        return for_strangers

    def _for_people(self, answer: Answer, rule: _Rule) -> Answer:
        if not rule.public:
            answer = _refusing_late(answer)

        async def guarded(_messages: Any, context: Any) -> Any:
            token = "" if rule.public else token_of(context.invocation_metadata())
            hashed = token_hash(token) if token else ""
            user = self._user_of(hashed) if hashed else None
            if user is not None:
                reads, call = self._people_read, self._calls.begin(context, user, self._people)
            else:
                reads, call = self._strangers_read, self._stranger(context, self._strangers)
            try:
                request = await call.request(reads)
                if self._watch is not None:
                    self._watch.has_come(request)
                if rule.bounded_elsewhere:
                    call.give_back()
                if rule.page:
                    await call.take(self._pages)
                if not rule.anywhere:
                    await self._settled()
                if not rule.public:
                    become(await self._session(hashed, rule.lasting))
                return await answer(request, context)
            except asyncio.CancelledError:
                call.given_up()
                raise
            finally:
                call.answered()

        return _answering_errors(guarded)

    def _stranger(self, context: Any, shares: Shares) -> Call:
        peer = context.peer()
        return self._calls.begin(context, address_of(peer), shares, peer)

    async def _session(self, hashed: str, lasting: bool) -> Session | SessionEnded:
        """Raises that the session has ended, or answers it where the session need not last."""
        try:
            if not hashed:
                raise SessionEnded("Sign in first: the call bears no token.")
            return await self._authenticate(hashed)
        except SessionEnded as ended:
            if lasting:
                raise
            return ended

    def _for_servers(
        self, answer: Answer, method: str, streaming: bool, for_strangers: Answer | None = None
    ) -> Answer:
        """Proves who answers before anything else is said, and knows which server calls."""

        async def guarded(messages: Any, context: Any) -> Any:
            peer, proof = self._peering.answer(method, context.invocation_metadata())
            if proof:
                await context.send_initial_metadata(proof)
            if not peer:
                refuse = for_strangers or _refuse_stranger
                return await refuse(messages, context)
            become_server(peer)
            request = messages if streaming else await context.read()
            if isinstance(request, Invalid):
                raise request
            if request is aio.EOF:
                raise Invalid("request", "The call has no request.")
            return await answer(request, context)

        return _answering_errors(guarded)

    def _for_strangers(self, answer: Answer, shares: Shares) -> Answer:
        async def guarded(_messages: Any, context: Any) -> Any:
            call = self._stranger(context, shares)
            try:
                return await answer(await call.request(self._strangers_read), context)
            except asyncio.CancelledError:
                call.given_up()
                raise
            finally:
                call.answered()

        return _answering_errors(guarded)

    def _for_a_while(self, answer: Callable[[Any, Any], AsyncIterator[Any]]) -> Answer:
        """Questions and answers for as long as one request may take to come."""

        async def guarded(messages: Any, context: Any) -> None:
            call = self._stranger(context, self._lasting)
            try:
                async for response in answer(_valid(messages), context):
                    await context.write(response)
            except asyncio.CancelledError:
                call.raise_if_late()
                call.given_up()
                raise
            finally:
                call.answered()

        return _answering_errors(guarded)


async def _valid(messages: AsyncIterator[Any]) -> AsyncIterator[Any]:
    async for message in messages:
        if isinstance(message, Invalid):
            raise message
        yield message


async def _abort(context: Any, error: ChatError) -> None:
    # gRPC keeps, in a circle with the call, what is raised here and the error that led to it. Where
    # that came from is of no use any more, and holds the frames: a stream's hold the whole state.
    error.__traceback__ = None
    details = ((wire.STATUS_DETAILS_KEY, wire.error_details(error)),)
    await context.abort(wire.error_code(error), error.message, trailing_metadata=details)


def _answering_errors(answer: Answer) -> Answer:
    """Answers a ChatError with its status, and a bug of ours with a line in the log."""

    async def answering(request: Any, context: Any) -> Any:
        try:
            try:
                return await answer(request, context)
            except ChatError as error:
                await _abort(context, error)
            except TooLate:
                await context.abort(
                    grpc.StatusCode.DEADLINE_EXCEEDED, "The request did not come in time."
                )
        except (asyncio.CancelledError, aio.AbortError, aio.UsageError):
            raise
        except aio.BaseError:
            # What gRPC raises when an answer finds nobody, or the server has stopped, is an error
            # of the server in its log; that the call was cancelled is not.
            raise asyncio.CancelledError from None
        except Exception as error:
            if not tell_if_lacking(error):
                _log.exception("a call failed")
            await context.abort(grpc.StatusCode.INTERNAL, "An error inside the server.")

    return answering


def _refusing_late(answer: Answer) -> Answer:
    async def answering(request: Any, context: Any) -> Any:
        try:
            return await answer(request, context)
        except Throttled:
            await asyncio.sleep(limits.THROTTLED_AFTER_S)
            raise

    return answering


def _for_operator(answer: Answer) -> Answer:
    """For a person's command alone, which holds the key and is no server."""

    async def answering(request: Any, context: Any) -> Any:
        if calling_server() != OPERATOR:
            await context.abort(grpc.StatusCode.PERMISSION_DENIED, "Not for servers.")
        return await answer(request, context)

    return answering


async def _refuse_stranger(_messages: Any, context: Any) -> None:
    await context.abort(grpc.StatusCode.UNAUTHENTICATED, "For servers of this cluster only.")


def _answer_of(handler: Any) -> Any:
    return (
        handler.unary_unary or handler.unary_stream or handler.stream_unary or handler.stream_stream
    )


def _like(handler: Any, answer: Answer, only_servers: bool) -> Any:
    """The same kind of answer as `handler` gives, to a stream of requests; those of servers, which
    are larger, are read as they come."""
    make = (
        grpc.stream_stream_rpc_method_handler
        if handler.response_streaming
        else grpc.stream_unary_rpc_method_handler
    )
    parse = handler.request_deserializer
    return make(
        answer,
        parse if only_servers else _reader(parse),
        _writer(handler.response_serializer)
        if handler.response_streaming
        else handler.response_serializer,
    )


def _writer(serialize: Callable[[Any], bytes]) -> Callable[[Any], bytes]:
    """What many streams are told is bytes already."""
    return lambda message: message if isinstance(message, bytes) else serialize(message)


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
