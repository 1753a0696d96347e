"""ChatService: translate in, call, translate out; CallGate has checked who calls.

Every method runs on the loop's thread; a ChatError that one raises becomes its status.
"""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Callable
from typing import Any, Final

from chat import __version__
from chat.core import limits
from chat.core.errors import BadCredentials
from chat.core.state.chat_state import ChatState
from chat.core.state.model import Session
from chat.core.state.operations import Operation
from chat.core.state.operations.end_session import EndSession
from chat.core.state.operations.open_session import OpenSession
from chat.core.state.operations.post_message import PostMessage
from chat.core.state.operations.read_messages import ReadMessages
from chat.core.state.operations.register_user import RegisterUser
from chat.core.state.operations.remove_account import RemoveAccount
from chat.core.state.operations.set_password import SetPassword
from chat.core.state.operations.unsend_message import UnsendMessage
from chat.rpc import chat_pb2 as pb
from chat.server import checks
from chat.server.account_service import AccountService
from chat.server.allowance import Allowances
from chat.server.auth import caller, new_token, token_hash
from chat.server.callers import address_of
from chat.server.engine import Engine
from chat.server.live_stream import LiveStream
from chat.server.passwords import Passwords
from chat.server.peering import major
from chat.server.registration import admit
from chat.server.room_changes import changes_of
from chat.server.searching import Searching
from chat.server.sign_in_queue import Caller
from chat.server.throttle import Source
from chat.server.viewer import SharedEvent, Viewer

MINIMUM_CLIENT_VERSION: Final = "1.0.0"
_WRONG: Final = "The name or the password is wrong."


class ChatService(AccountService):
    def __init__(
        self,
        engine: Engine,
        passwords: Passwords,
        allowances: Allowances,
        longest_gap_ms: Callable[[], int],
        registration: str,
    ) -> None:
        super().__init__(engine, allowances)
        self._longest_gap_ms = longest_gap_ms
        self._passwords = passwords
        self._registration = registration
        self._shared = SharedEvent()
        self._searching = Searching(engine)

    # --- public -------------------------------------------------------------------

    async def GetLeaderInfo(
        self, _request: pb.GetLeaderInfoRequest, _context: Any
    ) -> pb.GetLeaderInfoResponse:
        info = self._engine.leader_info()
        info.longest_gap_ms = self._longest_gap_ms()
        return info

    async def CheckVersion(
        self, request: pb.CheckVersionRequest, _context: Any
    ) -> pb.CheckVersionResponse:
        return pb.CheckVersionResponse(
            compatible=major(request.version) == major(MINIMUM_CLIENT_VERSION),
            server_version=__version__,
            minimum_client_version=MINIMUM_CLIENT_VERSION,
        )

    async def Register(self, request: pb.RegisterRequest, context: Any) -> pb.RegisterResponse:
        name = checks.new_username(request.username)
        password = checks.new_password(request.password, name)
        request_id = checks.request_id(request.request_id)
        self._engine.require_reader()
        invite_hash = await self._engine.read(self._admitted, request.invite, name, request_id)
        look = await self._engine.refuse_taken(name, request_id)
        hashed = await self._passwords.hash(password, _caller(context, name, request_id))
        await self._engine.write(
            RegisterUser(name, hashed, request_id, self._engine.now_ms(), look, invite_hash)
        )
        return pb.RegisterResponse(username=name)

    def _admitted(self, state: ChatState, invite: str, name: str, request_id: str) -> str:
        """The hash of the invite that is used, if one is; it may be used up by this very request,
        when that comes again."""
        if state.requests.finished(request_id, RegisterUser, name):
            return ""
        return admit(self._registration, invite, state)

    async def Login(self, request: pb.LoginRequest, context: Any) -> pb.LoginResponse:
        password = checks.password_to_check(request.password)
        device_name = checks.device_name(request.device_name)
        secret = checks.device_secret(request.device_secret)
        request_id = checks.request_id(request.request_id)
        self._engine.require_reader()
        name = checks.username(request.username)
        device_hash = _device_hash(name, secret)
        knows, checked_hash = await self._engine.read(_sign_in_of, name, device_hash)
        proof = device_hash if knows else ""
        who = _caller(context, name, request_id, proof)
        if not await self._passwords.check(password, checked_hash, who):
            raise BadCredentials(_WRONG)
        assert checked_hash is not None
        token, at = new_token(), self._engine.now_ms()
        expires_at = at + limits.SESSION_LIFETIME_MS
        session = await self._engine.write(
            OpenSession(
                name, token_hash(token), device_name, expires_at, checked_hash, at, device_hash
            )
        )
        assert isinstance(session, Session)
        response = pb.LoginResponse(
            token=token,
            username=name,
            unread_messages=await self._engine.read(_unread, name),
        )
        response.expires_at.FromMilliseconds(session.expires_at)
        return response

    async def GetPlace(self, request: pb.GetPlaceRequest, _context: Any) -> pb.GetPlaceResponse:
        request_id = checks.request_id(request.request_id, required=True)
        place = self._passwords.place(request_id)
        if place is None:
            return pb.GetPlaceResponse()
        return pb.GetPlaceResponse(waiting=True, before=place.before, wait_ms=place.wait_ms)

    # --- the account ----------------------------------------------------------------

    async def Logout(self, _request: pb.LogoutRequest, _context: Any) -> pb.LogoutResponse:
        await self._engine.write(EndSession(caller().token_hash, self._engine.now_ms()))
        return pb.LogoutResponse()

    async def ChangePassword(
        self, request: pb.ChangePasswordRequest, context: Any
    ) -> pb.ChangePasswordResponse:
        session, request_id = caller(), checks.request_id(request.request_id)
        if await self._finished(request_id, SetPassword, session.username):
            return pb.ChangePasswordResponse()
        current = checks.password_to_check(request.current_password, "current_password")
        new = checks.new_password(request.new_password, session.username, "new_password")
        device_hash = _device_hash(session.username, checks.device_secret(request.device_secret))
        checked_hash = await self._engine.read(_password_hash, session.username)
        who = _caller(context, session.username, request_id, session.token_hash)
        new_hash = await self._passwords.check_and_hash(current, checked_hash, new, who)
        if new_hash is None:
            raise BadCredentials(_WRONG)
        assert checked_hash is not None
        await self._engine.write(
            SetPassword(
                session.username,
                session.token_hash,
                checked_hash,
                new_hash,
                request_id,
                self._engine.now_ms(),
                device_hash,
            )
        )
        return pb.ChangePasswordResponse()

    async def DeleteAccount(
        self, request: pb.DeleteAccountRequest, context: Any
    ) -> pb.DeleteAccountResponse:
        request_id = checks.request_id(request.request_id)
        if await self._finished(request_id, RemoveAccount):
            return pb.DeleteAccountResponse()  # the caller's session went with the account
        session, password = caller(), checks.password_to_check(request.password)
        name = session.username
        checked_hash = await self._engine.read(_password_hash, name)
        who = _caller(context, name, request_id, session.token_hash)
        if not await self._passwords.check(password, checked_hash, who):
            raise BadCredentials(_WRONG)
        assert checked_hash is not None
        await self._engine.write(
            RemoveAccount(name, checked_hash, request_id, self._engine.now_ms())
        )
        return pb.DeleteAccountResponse()

    async def _finished(self, request_id: str, kind: type[Operation], name: str = "") -> bool:
        return await self._engine.read(
            lambda state: state.requests.finished(request_id, kind, name)
        )

    # --- people and messages -----------------------------------------------------------

    async def ListUsers(self, request: pb.ListUsersRequest, _context: Any) -> pb.ListUsersResponse:
        pattern, size = checks.wildcard_filter(request.filter), request.page_size
        me = caller().username

        def page(state: ChatState) -> tuple[list[pb.User], str]:
            names, next_token = state.accounts.page(pattern, request.page_token, size)
            online = self._online(state, me)
            return [pb.User(username=name, online=online(name)) for name in names], next_token

        users, next_token = await self._engine.read(page)
        return pb.ListUsersResponse(users=users, next_page_token=next_token)

    async def ListConversations(
        self, request: pb.ListConversationsRequest, _context: Any
    ) -> pb.ListConversationsResponse:
        return await self._engine.read(_conversations, caller().username, request)

    async def ReceiveMessages(
        self, request: pb.ReceiveMessagesRequest, _context: Any
    ) -> pb.ReceiveMessagesResponse:
        address = checks.address(request.contact, "contact")
        return await self._engine.read(_messages, caller().username, address, request)

    async def SendMessage(
        self, request: pb.SendMessageRequest, _context: Any
    ) -> pb.SendMessageResponse:
        operation = PostMessage(
            checks.request_id(request.message_id, "message_id", required=True),
            caller().username,
            checks.address(request.recipient, "recipient"),
            checks.message_text(request.text),
            self._engine.now_ms(),
            checks.request_id(request.in_reply_to, "in_reply_to"),
        )
        self._spend(len(operation.text.encode()))
        return pb.SendMessageResponse(message=await self._written(operation))

    async def MarkRead(self, request: pb.MarkReadRequest, _context: Any) -> pb.MarkReadResponse:
        operation = ReadMessages(
            caller().username,
            checks.address(request.contact, "contact"),
            checks.not_negative(request.limit, "limit"),
            checks.request_id(request.request_id),
            self._engine.now_ms(),
        )
        self._spend()
        marked = await self._engine.write(operation)
        assert isinstance(marked, int)
        return pb.MarkReadResponse(marked=marked)

    async def DeleteUnreadMessage(
        self, request: pb.DeleteUnreadMessageRequest, _context: Any
    ) -> pb.DeleteUnreadMessageResponse:
        message_id = checks.request_id(request.message_id, "message_id", required=True)
        self._spend()
        operation = UnsendMessage(message_id, caller().username, self._engine.now_ms())
        return pb.DeleteUnreadMessageResponse(message=await self._written(operation))

    async def SearchMessages(
        self, request: pb.SearchMessagesRequest, _context: Any
    ) -> pb.SearchMessagesResponse:
        return await self._searching.page(caller().username, request)

    # --- the live stream -----------------------------------------------------------------

    async def Subscribe(  # type: ignore[override]  # a coroutine that writes, not a generator
        self, request: pb.SubscribeRequest, context: Any
    ) -> None:
        session = caller()
        after = checks.not_negative(request.after, "after")
        if after:
            await self._engine.read(_must_be_kept, session.username, after)
        positions = checks.positions(request.positions if request.rooms else ())
        subscription = self._feed.open(
            session.username, session.token_hash, request.rooms, request.changes, request.patient
        )
        stream = LiveStream(
            self._engine,
            subscription,
            self._shared,
            context.write,
            request.bundles,
        )
        try:
            await stream.run(after, positions)
        except asyncio.CancelledError:
            if subscription.error is None:
                raise  # the client went
        finally:
            self._feed.close(subscription)
        assert subscription.error is not None, "a stream ends only by an error"
        self._feed.leaving(session.username)
        context.add_done_callback(lambda _: self._feed.left(session.username))
        raise subscription.error


# --- what is asked of the state ------------------------------------------------------------


def _sign_in_of(state: ChatState, name: str, device_hash: str) -> tuple[bool, str | None]:
    """Whether the device is known, and what the password is checked against."""
    known = state.accounts.devices(name)
    knows = any(hmac.compare_digest(each.secret_hash, device_hash) for each in known)
    return knows, _password_hash(state, name)


def _password_hash(state: ChatState, name: str) -> str | None:
    """None for an unknown name, whose check takes as long."""
    account = state.accounts.find(name)
    return account.password_hash if account and not account.deleted else None


def _unread(state: ChatState, name: str) -> int:
    return state.conversations.unread(name) + state.rooms.unread_of(name)


def _conversations(
    state: ChatState, me: str, request: pb.ListConversationsRequest
) -> pb.ListConversationsResponse:
    rooms = state.rooms.listed(me) if request.rooms else ()
    views, token = state.conversations.page(me, request.page_token, request.page_size, rooms)
    return pb.ListConversationsResponse(
        conversations=list(map(Viewer(state, me).conversation, views)),
        next_page_token=token,
        cursor=state.events.cursor(me),
    )


def _messages(
    state: ChatState, me: str, address: str, request: pb.ReceiveMessagesRequest
) -> pb.ReceiveMessagesResponse:
    is_room = state.rooms.is_one(address)
    table = state.rooms if is_room else state.conversations
    found, token = table.messages(me, address, request.page_token, request.page_size)
    messages = list(map(Viewer(state, me).message, found))
    answer = pb.ReceiveMessagesResponse(messages=messages, next_page_token=token)
    if is_room:
        room = state.rooms.joined(me, address)
        first = found[0].sequence if found and token else 0
        last = found[-1].sequence if found and request.page_token else len(room.messages)
        answer.changes.extend(changes_of(room, me, first, last))
    return answer


def _must_be_kept(state: ChatState, name: str, after: int) -> None:
    """CursorExpired where what came after it is not."""
    state.events.after(name, after, 1)


def _device_hash(name: str, secret: str) -> str:
    """What is stored of a device's secret: at no two accounts the same."""
    return token_hash(f"{name} {secret}") if secret else ""


def _caller(context: Any, name: str, request_id: str, proof: str = "") -> Caller:
    peer, left_s = context.peer(), context.time_remaining()
    longest_s = limits.SIGN_IN_WAIT_MAX_S
    patience_s = longest_s if left_s is None else min(left_s, longest_s)
    return Caller(Source(name, address_of(peer), proof, peer), request_id, patience_s)
