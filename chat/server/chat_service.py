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
from chat.core.state.model import Message, Session
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
from chat.server.allowance import Allowances
from chat.server.auth import caller, new_token, token_hash
from chat.server.callers import address_of
from chat.server.feed import Feed
from chat.server.live_stream import LiveStream
from chat.server.look_alikes import LookAlikes
from chat.server.machine import Machine
from chat.server.message_service import MessageService
from chat.server.passwords import Passwords
from chat.server.peering import major
from chat.server.registration import admit
from chat.server.room_changes import changes_of
from chat.server.searching import Searching
from chat.server.sign_in_queue import Caller
from chat.server.throttle import Source
from chat.server.viewer import SharedEvent

MINIMUM_CLIENT_VERSION: Final = "1.0.0"
_WRONG: Final = "The name or the password is wrong."


class ChatService(MessageService):
    def __init__(
        self,
        machine: Machine,
        feed: Feed,
        passwords: Passwords,
        allowances: Allowances,
        longest_gap_ms: Callable[[], int],
        registration: str,
    ) -> None:
        super().__init__(machine, feed, allowances)
        self._longest_gap_ms = longest_gap_ms
        self._passwords = passwords
        self._registration = registration
        self._look_alikes = LookAlikes()
        self._shared = SharedEvent()
        self._searching = Searching(machine)

    # --- public -------------------------------------------------------------------

    async def GetLeaderInfo(
        self, _request: pb.GetLeaderInfoRequest, _context: Any
    ) -> pb.GetLeaderInfoResponse:
        info = self._machine.leader_info()
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
        self._machine.require_reader()
        invite_hash = self._admitted(request.invite, name, request_id)
        self._machine.refuse_taken(name, request_id)
        look = await self._look_alikes.refuse(name, self._machine.state)
        hashed = await self._passwords.hash(password, _caller(context, name, request_id))
        await self._machine.write(
            RegisterUser(name, hashed, request_id, self._machine.time.now_ms(), look, invite_hash)
        )
        return pb.RegisterResponse(username=name)

    def _admitted(self, invite: str, name: str, request_id: str) -> str:
        """The hash of the invite that is used, if one is; it may be used up by this very request,
        when that comes again."""
        state = self._machine.state
        if state.requests.finished(request_id, RegisterUser, name):
            return ""
        return admit(self._registration, invite, state)

    async def Login(self, request: pb.LoginRequest, context: Any) -> pb.LoginResponse:
        password = checks.password_to_check(request.password)
        device_name = checks.device_name(request.device_name)
        secret = checks.device_secret(request.device_secret)
        request_id = checks.request_id(request.request_id)
        self._machine.require_reader()
        name = checks.username(request.username)
        device_hash = _device_hash(name, secret)
        proof = device_hash if self._knows(name, device_hash) else ""
        who = _caller(context, name, request_id, proof)
        checked_hash = self._password_hash(name)
        if not await self._passwords.check(password, checked_hash, who):
            raise BadCredentials(_WRONG)
        assert checked_hash is not None
        token, at = new_token(), self._machine.time.now_ms()
        expires_at = at + limits.SESSION_LIFETIME_MS
        session = await self._machine.write(
            OpenSession(
                name, token_hash(token), device_name, expires_at, checked_hash, at, device_hash
            )
        )
        assert isinstance(session, Session)
        response = pb.LoginResponse(
            token=token,
            username=name,
            unread_messages=self._unread(name),
        )
        response.expires_at.FromMilliseconds(session.expires_at)
        return response

    def _unread(self, name: str) -> int:
        state = self._machine.state
        return state.conversations.unread(name) + state.rooms.unread_of(name)

    async def GetPlace(self, request: pb.GetPlaceRequest, _context: Any) -> pb.GetPlaceResponse:
        request_id = checks.request_id(request.request_id, required=True)
        place = self._passwords.place(request_id)
        if place is None:
            return pb.GetPlaceResponse()
        return pb.GetPlaceResponse(waiting=True, before=place.before, wait_ms=place.wait_ms)

    # --- the account ----------------------------------------------------------------

    async def Logout(self, _request: pb.LogoutRequest, _context: Any) -> pb.LogoutResponse:
        await self._machine.write(EndSession(caller().token_hash, self._machine.time.now_ms()))
        return pb.LogoutResponse()

    async def ChangePassword(
        self, request: pb.ChangePasswordRequest, context: Any
    ) -> pb.ChangePasswordResponse:
        session, request_id = caller(), checks.request_id(request.request_id)
        if self._machine.state.requests.finished(request_id, SetPassword, session.username):
            return pb.ChangePasswordResponse()
        current = checks.password_to_check(request.current_password, "current_password")
        new = checks.new_password(request.new_password, session.username, "new_password")
        device_hash = _device_hash(session.username, checks.device_secret(request.device_secret))
        checked_hash = self._password_hash(session.username)
        who = _caller(context, session.username, request_id, session.token_hash)
        new_hash = await self._passwords.check_and_hash(current, checked_hash, new, who)
        if new_hash is None:
            raise BadCredentials(_WRONG)
        assert checked_hash is not None
        await self._machine.write(
            SetPassword(
                session.username,
                session.token_hash,
                checked_hash,
                new_hash,
                request_id,
                self._machine.time.now_ms(),
                device_hash,
            )
        )
        return pb.ChangePasswordResponse()

    async def DeleteAccount(
        self, request: pb.DeleteAccountRequest, context: Any
    ) -> pb.DeleteAccountResponse:
        request_id = checks.request_id(request.request_id)
        if self._machine.state.requests.finished(request_id, RemoveAccount):
            return pb.DeleteAccountResponse()  # the caller's session went with the account
        session, password = caller(), checks.password_to_check(request.password)
        name = session.username
        checked_hash = self._password_hash(name)
        who = _caller(context, name, request_id, session.token_hash)
        if not await self._passwords.check(password, checked_hash, who):
            raise BadCredentials(_WRONG)
        assert checked_hash is not None
        await self._machine.write(
            RemoveAccount(name, checked_hash, request_id, self._machine.time.now_ms())
        )
        return pb.DeleteAccountResponse()

    def _password_hash(self, name: str) -> str | None:
        """None for an unknown name, whose check takes as long."""
        account = self._machine.state.accounts.find(name)
        return account.password_hash if account and not account.deleted else None

    def _knows(self, name: str, device_hash: str) -> bool:
        known = self._machine.state.accounts.devices(name)
        return any(hmac.compare_digest(each.secret_hash, device_hash) for each in known)

    # --- people and messages -----------------------------------------------------------

    async def ListUsers(self, request: pb.ListUsersRequest, _context: Any) -> pb.ListUsersResponse:
        pattern, size = checks.wildcard_filter(request.filter), request.page_size
        names, next_token = self._machine.state.accounts.page(pattern, request.page_token, size)
        users = [pb.User(username=name, online=self._feed.online(name)) for name in names]
        return pb.ListUsersResponse(users=users, next_page_token=next_token)

    async def ListConversations(
        self, request: pb.ListConversationsRequest, _context: Any
    ) -> pb.ListConversationsResponse:
        name, state = caller().username, self._machine.state
        rooms = state.rooms.listed(name) if request.rooms else ()
        views, next_token = state.conversations.page(
            name, request.page_token, request.page_size, rooms
        )
        return pb.ListConversationsResponse(
            conversations=list(map(self._viewer.conversation, views)),
            next_page_token=next_token,
            cursor=state.events.cursor(name),
        )

    async def ReceiveMessages(
        self, request: pb.ReceiveMessagesRequest, _context: Any
    ) -> pb.ReceiveMessagesResponse:
        state, address = self._machine.state, checks.address(request.contact, "contact")
        table = state.rooms if state.rooms.is_one(address) else state.conversations
        found, next_token = table.messages(
            caller().username, address, request.page_token, request.page_size
        )
        answer = pb.ReceiveMessagesResponse(
            messages=list(map(self._viewer.message, found)), next_page_token=next_token
        )
        if state.rooms.is_one(address):
            room = state.rooms.joined(caller().username, address)
            first = found[0].sequence if found and next_token else 0
            last = found[-1].sequence if found and request.page_token else len(room.messages)
            answer.changes.extend(changes_of(room, caller().username, first, last))
        return answer

    async def SendMessage(
        self, request: pb.SendMessageRequest, _context: Any
    ) -> pb.SendMessageResponse:
        operation = PostMessage(
            checks.request_id(request.message_id, "message_id", required=True),
            caller().username,
            checks.address(request.recipient, "recipient"),
            checks.message_text(request.text),
            self._machine.time.now_ms(),
            checks.request_id(request.in_reply_to, "in_reply_to"),
        )
        self._spend(len(operation.text.encode()))
        message = await self._machine.write(operation)
        assert isinstance(message, Message)
        return pb.SendMessageResponse(message=self._viewer.message(message))

    async def MarkRead(self, request: pb.MarkReadRequest, _context: Any) -> pb.MarkReadResponse:
        operation = ReadMessages(
            caller().username,
            checks.address(request.contact, "contact"),
            checks.not_negative(request.limit, "limit"),
            checks.request_id(request.request_id),
            self._machine.time.now_ms(),
        )
        self._spend()
        marked = await self._machine.write(operation)
        assert isinstance(marked, int)
        return pb.MarkReadResponse(marked=marked)

    async def DeleteUnreadMessage(
        self, request: pb.DeleteUnreadMessageRequest, _context: Any
    ) -> pb.DeleteUnreadMessageResponse:
        message_id = checks.request_id(request.message_id, "message_id", required=True)
        self._spend()
        message = await self._machine.write(
            UnsendMessage(message_id, caller().username, self._machine.time.now_ms())
        )
        assert isinstance(message, Message)
        return pb.DeleteUnreadMessageResponse(message=self._viewer.message(message))

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
            self._machine.state.events.after(session.username, after, 1)
        positions = checks.positions(request.positions if request.rooms else ())
        subscription = self._feed.open(
            session.username, session.token_hash, request.rooms, request.changes
        )
        stream = LiveStream(
            self._machine.state,
            self._feed,
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


def _device_hash(name: str, secret: str) -> str:
    """What is stored of a device's secret: at no two accounts the same."""
    return token_hash(f"{name} {secret}") if secret else ""


def _caller(context: Any, name: str, request_id: str, proof: str = "") -> Caller:
    peer, left_s = context.peer(), context.time_remaining()
    longest_s = limits.SIGN_IN_WAIT_MAX_S
    patience_s = longest_s if left_s is None else min(left_s, longest_s)
    return Caller(Source(name, address_of(peer), proof, peer), request_id, patience_s)
