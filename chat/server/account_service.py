"""AccountService: the part of ChatService about one's own account, but for its password.

Every method runs on the loop's thread; a ChatError that one raises becomes its status.
"""

from __future__ import annotations

from typing import Any

from chat.core import limits
from chat.core.state.chat_state import ChatState
from chat.core.state.model import Account, Session
from chat.core.state.operations.block_user import BlockUser
from chat.core.state.operations.end_other_sessions import EndOtherSessions
from chat.core.state.operations.hide_presence import HidePresence
from chat.rpc import chat_pb2 as pb
from chat.server import checks
from chat.server.auth import caller
from chat.server.message_service import MessageService


class AccountService(MessageService):
    async def ListSessions(
        self, _request: pb.ListSessionsRequest, _context: Any
    ) -> pb.ListSessionsResponse:
        now = self._engine.now_ms()
        sessions = await self._engine.read(_sessions, caller().username)
        living = (each for each in sessions if each.expires_at > now)
        return pb.ListSessionsResponse(sessions=map(self._session, living))

    def _session(self, session: Session) -> pb.Session:
        found = pb.Session(
            session_id=session.token_hash[: limits.SESSION_ID_CHARACTERS],
            device_name=session.device_name,
            online=self._feed.follows(session.username, session.token_hash),
            current=session.token_hash == caller().token_hash,
        )
        found.opened_at.FromMilliseconds(session.opened_at)
        found.used_at.FromMilliseconds(session.used_at)
        found.expires_at.FromMilliseconds(session.expires_at)
        return found

    async def EndSessions(
        self, request: pb.EndSessionsRequest, _context: Any
    ) -> pb.EndSessionsResponse:
        operation = EndOtherSessions(
            caller().username,
            caller().token_hash,
            checks.session_id(request.session_id),
            checks.request_id(request.request_id, required=True),
            self._engine.now_ms(),
        )
        self._spend()
        ended = await self._engine.write(operation)
        assert isinstance(ended, int)
        return pb.EndSessionsResponse(ended=ended)

    async def GetPrivacy(
        self, _request: pb.GetPrivacyRequest, _context: Any
    ) -> pb.GetPrivacyResponse:
        account = await self._engine.read(_account, caller().username)
        return pb.GetPrivacyResponse(
            presence_hidden=account.hides_presence, blocked=account.blocked
        )

    async def BlockUser(self, request: pb.BlockUserRequest, _context: Any) -> pb.BlockUserResponse:
        operation = BlockUser(
            caller().username,
            checks.username(request.username),
            int(request.blocked),
            checks.request_id(request.request_id, required=True),
            self._engine.now_ms(),
        )
        self._spend()
        await self._engine.write(operation)
        return pb.BlockUserResponse()

    async def HidePresence(
        self, request: pb.HidePresenceRequest, _context: Any
    ) -> pb.HidePresenceResponse:
        operation = HidePresence(
            caller().username,
            int(request.hidden),
            checks.request_id(request.request_id, required=True),
            self._engine.now_ms(),
        )
        self._spend()
        await self._engine.write(operation)
        return pb.HidePresenceResponse()


def _account(state: ChatState, me: str) -> Account:
    return state.accounts.known(me).account


def _sessions(state: ChatState, me: str) -> tuple[Session, ...]:
    return state.accounts.known(me).sessions
