"""AdminService: what whoever runs the servers asks and changes; CallGate knows them by the key.

Every method runs on the loop's thread; a ChatError that one raises becomes its status.
"""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

from chat import __version__
from chat.core import limits
from chat.core.state.chat_state import ChatState
from chat.core.state.model import Access, Result, Session
from chat.core.state.operations import Operation
from chat.core.state.operations.announce import Announce
from chat.core.state.operations.disable_account import DisableAccount
from chat.core.state.operations.enable_account import EnableAccount
from chat.core.state.operations.end_sessions import EndSessions
from chat.core.state.operations.expel_account import ExpelAccount
from chat.core.state.operations.make_invite import MakeInvite
from chat.core.state.operations.reset_password import ResetPassword
from chat.core.state.operations.revoke_invite import RevokeInvite
from chat.core.state.operations.set_quota import SetQuota
from chat.core.state.operations.set_retention import SetRetention
from chat.core.state.operations.take_copy import TakeCopy
from chat.core.state.tables.audit import AuditEntry
from chat.core.state.tables.invites import Invite
from chat.core.state.tables.room_records import Room
from chat.rpc import admin_pb2 as pb
from chat.rpc import admin_pb2_grpc
from chat.server import checks
from chat.server.machine import Machine
from chat.server.peering import SERVERS_VERSION

_DAY_MS: Final = 24 * 3600 * 1000


class AdminService(admin_pb2_grpc.AdminServiceServicer):
    def __init__(self, machine: Machine, registration: str) -> None:
        self._machine = machine
        self._registration = registration

    # --- how it is ------------------------------------------------------------------------

    async def GetStatus(self, _request: pb.GetStatusRequest, _context: Any) -> pb.GetStatusResponse:
        machine, report = self._machine, self._machine.replica.report()
        store, state = machine.store, machine.state
        files = (store.file, store.journal)
        data_bytes, free_bytes = await asyncio.to_thread(_room_of, store.folder, files)
        return pb.GetStatusResponse(
            server_id=machine.server_id,
            version=__version__,
            servers_version=SERVERS_VERSION,
            cluster=machine.leader_info(),
            log_index=report.last.index,
            commit=report.commit,
            data_bytes=data_bytes,
            free_bytes=free_bytes,
            streams=len(machine.feed),
            accounts=state.accounts.present_count,
            rooms=len(state.rooms.items),
            messages=len(state.conversations.by_id),
            configuration=report.configuration,
            registration=self._registration,
        )

    # --- accounts ---------------------------------------------------------------------------

    async def ListAccounts(
        self, request: pb.ListAccountsRequest, _context: Any
    ) -> pb.ListAccountsResponse:
        state, page = await self._asked(request)
        names, token = state.accounts.page(*page)
        return pb.ListAccountsResponse(
            accounts=[self._account(state, name) for name in names], next_page_token=token
        )

    def _account(self, state: ChatState, name: str) -> pb.Account:
        user = state.accounts.known(name)
        found = pb.Account(
            username=name,
            disabled=user.account.disabled,
            online=self._machine.feed.online(name),
            sessions=len(self._living(user.sessions)),
            rooms=len(user.rooms),
            messages=user.held_messages,
            held_bytes=user.held_bytes,
        )
        found.registered_at.FromMilliseconds(user.account.registered_at)
        return found

    def _living(self, sessions: tuple[Session, ...]) -> list[Session]:
        now = self._machine.time.expiry_ms()
        return [session for session in sessions if session.expires_at > now]

    async def ListSessions(
        self, request: pb.ListSessionsRequest, _context: Any
    ) -> pb.ListSessionsResponse:
        state, name = await self._state(), checks.username(request.username)
        sessions = self._living(state.accounts.present(name).sessions)
        return pb.ListSessionsResponse(sessions=map(_session, sessions))

    async def DisableAccount(
        self, request: pb.DisableAccountRequest, _context: Any
    ) -> pb.DisableAccountResponse:
        await self._write(DisableAccount(*self._whose(request), self._now()))
        return pb.DisableAccountResponse()

    async def EnableAccount(
        self, request: pb.EnableAccountRequest, _context: Any
    ) -> pb.EnableAccountResponse:
        await self._write(EnableAccount(*self._whose(request), self._now()))
        return pb.EnableAccountResponse()

    async def ResetPassword(
        self, request: pb.ResetPasswordRequest, _context: Any
    ) -> pb.ResetPasswordResponse:
        name, by, request_id = self._whose(request)
        hashed = checks.password_hash(request.password_hash)
        await self._write(ResetPassword(name, hashed, by, request_id, self._now()))
        return pb.ResetPasswordResponse()

    async def EndSessions(
        self, request: pb.EndSessionsRequest, _context: Any
    ) -> pb.EndSessionsResponse:
        name, by, request_id = self._whose(request)
        session = checks.session_id(request.session_id)
        ended = await self._write(EndSessions(name, session, by, request_id, self._now()))
        assert isinstance(ended, int)
        return pb.EndSessionsResponse(ended=ended)

    async def RemoveAccount(
        self, request: pb.RemoveAccountRequest, _context: Any
    ) -> pb.RemoveAccountResponse:
        await self._write(ExpelAccount(*self._whose(request), self._now()))
        return pb.RemoveAccountResponse()

    # --- invites ----------------------------------------------------------------------------

    async def ListInvites(
        self, _request: pb.ListInvitesRequest, _context: Any
    ) -> pb.ListInvitesResponse:
        state, now = await self._state(), self._machine.time.now_ms()
        living = [invite for invite in state.invites.all() if invite.expires_at > now]
        return pb.ListInvitesResponse(invites=map(_invite, living))

    async def MakeInvite(
        self, request: pb.MakeInviteRequest, _context: Any
    ) -> pb.MakeInviteResponse:
        by, request_id = self._who(request)
        code_hash = checks.code_hash(request.code_hash)
        uses = checks.within(request.uses, limits.INVITE_USES_MAX, "uses")
        lasts = checks.within(request.lasts_ms, limits.INVITE_DAYS_MAX * _DAY_MS, "lasts_ms")
        await self._write(MakeInvite(code_hash, uses, lasts, by, request_id, self._now()))
        return pb.MakeInviteResponse()

    async def RevokeInvite(
        self, request: pb.RevokeInviteRequest, _context: Any
    ) -> pb.RevokeInviteResponse:
        by, request_id = self._who(request)
        invite = checks.session_id(request.invite_id, "invite_id")
        await self._write(RevokeInvite(invite, by, request_id, self._now()))
        return pb.RevokeInviteResponse()

    # --- everybody, and rooms ---------------------------------------------------------------

    async def Announce(self, request: pb.AnnounceRequest, _context: Any) -> pb.AnnounceResponse:
        text, (by, request_id) = checks.announcement(request.text), self._who(request)
        told = await self._write(Announce(text, by, request_id, self._now()))
        assert isinstance(told, int)
        return pb.AnnounceResponse(told=told)

    async def ListRooms(self, request: pb.ListRoomsRequest, _context: Any) -> pb.ListRoomsResponse:
        state, page = await self._asked(request)
        rooms, token = state.rooms.all_page(*page)
        return pb.ListRoomsResponse(rooms=map(_room, rooms), next_page_token=token)

    async def ListRoomMembers(
        self, request: pb.ListRoomMembersRequest, _context: Any
    ) -> pb.ListRoomMembersResponse:
        state, name = await self._state(), checks.room_name(request.name)
        names, token = state.rooms.all_members_page(name, request.page_token, request.page_size)
        return pb.ListRoomMembersResponse(usernames=names, next_page_token=token)

    # --- how much is held -------------------------------------------------------------------

    async def GetQuota(self, _request: pb.GetQuotaRequest, _context: Any) -> pb.GetQuotaResponse:
        state = await self._state()
        quota = state.usage.quota
        return pb.GetQuotaResponse(
            user_bytes=quota.user_bytes,
            all_bytes=quota.all_bytes,
            held_bytes=state.usage.all_bytes,
            messages=len(state.conversations.by_id),
        )

    async def SetQuota(self, request: pb.SetQuotaRequest, _context: Any) -> pb.SetQuotaResponse:
        by, request_id = self._who(request)
        user_bytes, all_bytes = (
            checks.not_negative(getattr(request, field), field) if request.HasField(field) else -1
            for field in ("user_bytes", "all_bytes")
        )
        await self._write(SetQuota(user_bytes, all_bytes, by, request_id, self._now()))
        return pb.SetQuotaResponse()

    async def GetRetention(
        self, _request: pb.GetRetentionRequest, _context: Any
    ) -> pb.GetRetentionResponse:
        return pb.GetRetentionResponse(days=(await self._state()).usage.keep_days)

    async def SetRetention(
        self, request: pb.SetRetentionRequest, _context: Any
    ) -> pb.SetRetentionResponse:
        by, request_id = self._who(request)
        days = checks.within(request.days, limits.KEEP_DAYS_MAX, "days") if request.days else 0
        await self._write(SetRetention(days, by, request_id, self._now()))
        return pb.SetRetentionResponse()

    async def Backup(  # type: ignore[override]  # a coroutine that writes, not a generator
        self, request: pb.BackupRequest, context: Any
    ) -> None:
        of = checks.address(request.of, "of") if request.of else ""
        by = checks.operator(request.by or "unknown")
        request_id = checks.request_id(request.request_id) or str(uuid4())
        await self._write(TakeCopy(of, by, request_id, self._now()))
        await self._state()
        pieces = self._machine.backup()
        # Turning the state into text is long work: it is done beside the loop.
        while (piece := await asyncio.to_thread(next, pieces, b"")) != b"":
            await context.write(pb.BackupResponse(data=piece))

    # --- the audit --------------------------------------------------------------------------

    async def ListAudit(self, request: pb.ListAuditRequest, _context: Any) -> pb.ListAuditResponse:
        state = await self._state()
        entries, token = state.audit.page(request.page_token, request.page_size)
        return pb.ListAuditResponse(entries=map(_audit_entry, entries), next_page_token=token)

    # --- what all of them do ----------------------------------------------------------------

    async def _state(self) -> ChatState:
        """What the servers agree on, at the leader; NotLeader, NoQuorum."""
        await self._machine.settled()
        self._machine.require_reader()
        return self._machine.state

    async def _asked(self, request: Any) -> tuple[ChatState, tuple[str, str, int]]:
        """The state, and of which names a page is asked for: filter, token and size."""
        state = await self._state()
        return state, (
            checks.wildcard_filter(request.filter),
            request.page_token,
            request.page_size,
        )

    async def _write(self, operation: Operation) -> Result:
        await self._machine.settled()
        return await self._machine.write(operation)

    def _whose(self, request: Any) -> tuple[str, str, str]:
        """Whose account, who does it, and the request's id."""
        return (checks.username(request.username), *self._who(request))

    def _who(self, request: Any) -> tuple[str, str]:
        request_id = checks.request_id(request.request_id, required=True)
        return checks.operator(request.by), request_id

    def _now(self) -> int:
        return self._machine.time.now_ms()


def _room_of(folder: Path, files: tuple[Path, ...]) -> tuple[int, int]:
    """Bytes that the files have, and that are free on their disk; -1 = it does not say."""
    used = sum(file.stat().st_size for file in files if file.exists())
    try:
        return used, shutil.disk_usage(folder).free
    except OSError:
        return used, -1


def _session(session: Session) -> pb.Session:
    found = pb.Session(
        session_id=session.token_hash[: limits.SESSION_ID_CHARACTERS],
        device_name=session.device_name,
    )
    found.opened_at.FromMilliseconds(session.opened_at)
    found.expires_at.FromMilliseconds(session.expires_at)
    return found


def _room(room: Room) -> pb.Room:
    return pb.Room(
        name=room.name,
        topic=room.topic,
        open=room.access is Access.OPEN,
        owner=room.owner,
        members=len(room.members),
        messages=len(room.messages),
    )


def _invite(invite: Invite) -> pb.Invite:
    found = pb.Invite(
        invite_id=invite.id, by=invite.by, uses=invite.uses, uses_left=invite.uses_left
    )
    found.made_at.FromMilliseconds(invite.made_at)
    found.expires_at.FromMilliseconds(invite.expires_at)
    return found


def _audit_entry(entry: AuditEntry) -> pb.AuditEntry:
    found = pb.AuditEntry(number=entry.number, by=entry.by, action=entry.action, about=entry.about)
    found.at.FromMilliseconds(entry.at)
    return found
