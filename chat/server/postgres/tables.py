"""The tables of the core where the records that they need are asked for. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from chat.core import limits
from chat.core.state.model import ROOM_MARK, Account, Message, RoomView, Session
from chat.core.state.tables.accounts import Accounts
from chat.core.state.tables.audit import Audit, AuditEntry
from chat.core.state.tables.clock import Clock
from chat.core.state.tables.conversations import Conversations, Listed
from chat.core.state.tables.events import Events
from chat.core.state.tables.invites import Invite, Invites
from chat.core.state.tables.names import page_of_names
from chat.core.state.tables.paging import page_size
from chat.core.state.tables.records import Conversation, FinishedRequest, KeptEvent, User
from chat.core.state.tables.requests import Requests
from chat.core.state.tables.room_records import Room
from chat.core.state.tables.rooms import ROOMS_A_PAGE, Rooms
from chat.core.state.tables.tables import Tables
from chat.core.state.tables.usage import Usage
from chat.server.postgres.missing import Missing, Need, NeedKind
from chat.server.postgres.partial import Changes, Known, SaidThere


class StoredTables(Tables):
    """One batch's, or one question's. `asked` is what was looked for, found or not; `told` is what
    was appended to the events of users and rooms that were there: whose, cursor, event. `number` is
    that of the newest batch."""

    __slots__ = ("asked", "changes", "number", "pages", "said", "talks", "told")
    accounts: StoredAccounts
    audit: StoredAudit
    conversations: StoredConversations
    invites: StoredInvites
    requests: StoredRequests
    rooms: StoredRooms

    def __init__(self) -> None:
        self.number = 0
        self.asked: set[Need] = set()
        self.changes = Changes()
        self.told: list[tuple[str, int, KeptEvent]] = []
        self.talks: dict[tuple[str, str], Conversation] = {}
        self.said: dict[str, SaidThere] = {}  # by place
        self.pages: dict[Need, list[Any]] = {}
        self.keeper = self.changes
        self.clock = Clock()
        self.accounts = StoredAccounts(self)
        self.usage = Usage(self.keeper, self.accounts)
        self.conversations = StoredConversations(self)
        self.rooms = StoredRooms(self)
        self.events = Events(self.keeper, self.accounts, self.conversations, self.rooms)
        self.requests = StoredRequests(self)
        self.audit = StoredAudit(self)
        self.invites = StoredInvites(self)

    def page(self, kind: NeedKind, *key: Any) -> list[Any]:
        """What was loaded for this."""
        wanted = Need(kind, key)
        if wanted not in self.pages:
            raise Missing(wanted)
        return self.pages[wanted]

    def must_have(self, wanted: list[Need]) -> None:
        """So that what many records need is loaded at once."""
        missing = [each for each in wanted if each not in self.asked]
        if missing:
            raise Missing(*missing)


class StoredAccounts(Accounts):
    """`before` are the accounts, and `sessions_before` the sessions of each, as they are stored."""

    __slots__ = ("_tables", "before", "sessions_before")
    users: Known[User]
    _sessions: Known[Session]
    _skeletons: Known[str]

    def __init__(self, tables: StoredTables) -> None:
        super().__init__(tables.changes, tables.clock)
        self._tables = tables
        self.before: dict[str, Account] = {}
        self.sessions_before: dict[str, tuple[Session, ...]] = {}
        asked, changes = tables.asked, tables.changes
        self.users = Known(NeedKind.USER, asked, changes)
        self._sessions = Known(NeedKind.SESSION, asked, changes)
        self._skeletons = Known(NeedKind.LOOKALIKE, asked, changes)

    @property
    def known_sessions(self) -> Known[Session]:
        return self._sessions

    @property
    def known_skeletons(self) -> Known[str]:
        return self._skeletons

    def hold(self, user: User) -> None:
        """As it is stored."""
        self.users.put(user.name, user)
        self.before[user.name] = user.account
        if not user.account.deleted:
            self._names.append(user.name)

    def __len__(self) -> int:
        return int(self._tables.page(NeedKind.COUNTS)[0])

    @property
    def present_count(self) -> int:
        return int(self._tables.page(NeedKind.COUNTS)[1])

    def names(self) -> Iterator[str]:
        self._tables.must_have([Need(NeedKind.EVERYBODY, ())])
        return iter(list(self.users))

    def add(self, account: Account) -> None:
        self._names.sort()
        super().add(account)

    def remove(self, user: User) -> tuple[str, ...]:
        self._names.sort()
        return super().remove(user)

    def page(self, pattern: str, page_token: str, limit: int) -> tuple[list[str], str]:
        page_of_names("users", (), pattern, page_token, limit)  # Invalid before anything is loaded
        names = self._tables.page(NeedKind.NAMES, pattern, page_token)
        return page_of_names("users", names, pattern, page_token, limit)


class StoredConversations(Conversations):
    """`items` are those that began here."""

    __slots__ = ()
    by_id: Known[Message]

    def __init__(self, tables: StoredTables) -> None:
        super().__init__(tables.changes, tables.accounts, tables.usage)
        self.by_id = Known(NeedKind.MESSAGE, tables.asked, tables.changes)


class _ByName(Known[Room]):
    def _must_be_asked(self, key: str) -> None:
        """What does not begin as rooms' names do is none's."""
        if key.startswith(ROOM_MARK):
            super()._must_be_asked(key)


class _Skeletons(Known[None]):
    def add(self, skeleton: str) -> None:
        self[skeleton] = None


class StoredRooms(Rooms):
    """`items` are those that were made here."""

    __slots__ = ("_tables",)
    by_name: Known[Room]

    def __init__(self, tables: StoredTables) -> None:
        super().__init__(tables.changes, tables.accounts, tables.conversations)
        self._tables = tables
        self.by_name = _ByName(NeedKind.ROOM, tables.asked, tables.changes)
        skeletons = _Skeletons(NeedKind.ROOM_LOOKALIKE, tables.asked, tables.changes)
        self._skeletons = skeletons  # type: ignore[assignment]  # as much of a set as is used

    def known_skeleton(self, skeleton: str) -> None:
        assert isinstance(self._skeletons, _Skeletons)
        self._skeletons.put(skeleton, None)

    def page(
        self, user: str, pattern: str, page_token: str, limit: int
    ) -> tuple[list[RoomView], str]:
        pattern = pattern.removeprefix(ROOM_MARK)
        names, token = self._page("rooms", user, pattern, page_token, limit)
        self._tables.must_have([Need(NeedKind.ROOM, (name,)) for name in names])
        self._tables.must_have([Need(NeedKind.MEMBER, (name, user)) for name in names])
        return [self._view(user, self.by_name[name]) for name in names], token

    def all_page(self, pattern: str, page_token: str, limit: int) -> tuple[list[Room], str]:
        pattern = pattern.removeprefix(ROOM_MARK)
        names, token = self._page("all rooms", "", pattern, page_token, limit)
        self._tables.must_have([Need(NeedKind.ROOM, (name,)) for name in names])
        return [self.by_name[name] for name in names], token

    def _page(
        self, kind: str, user: str, pattern: str, page_token: str, limit: int
    ) -> tuple[list[str], str]:
        size = min(page_size(limit), ROOMS_A_PAGE)
        page_of_names(kind, (), pattern, page_token, size)  # Invalid before anything is loaded
        found = self._tables.page(NeedKind.ROOM_NAMES, kind, user, pattern, page_token)
        names, token = page_of_names(kind, found, pattern, page_token, size)
        return [ROOM_MARK + name for name in names], token

    def listed(self, user: str) -> list[Listed]:
        """Each is shown with its newest message, and who has read that."""
        names = self._heads(user)
        self._tables.must_have([Need(NeedKind.MEMBERS, (name,)) for name in names])
        lasts = [(name, len(self.by_name[name].messages)) for name in names]
        self._tables.must_have(
            [Need(NeedKind.MESSAGES, (name, last, last)) for name, last in lasts if last]
        )
        return super().listed(user)

    def unread_of(self, user: str) -> int:
        self._heads(user)
        return super().unread_of(user)

    def _heads(self, user: str) -> list[str]:
        names = sorted(self._accounts.known(user).rooms)
        self._tables.must_have(
            [Need(NeedKind.ROOM, (name,)) for name in names]
            + [Need(NeedKind.MEMBER, (name, user)) for name in names]
            + [Need(NeedKind.UNSENT, (name,)) for name in names]
        )
        return names


class StoredRequests(Requests):
    """`items` are those that were finished here."""

    __slots__ = ("_changes",)
    _by_id: Known[FinishedRequest]

    def __init__(self, tables: StoredTables) -> None:
        super().__init__(tables.clock)
        self._changes = tables.changes
        self._by_id = Known(NeedKind.REQUEST, tables.asked, tables.changes)

    def hold(self, request: FinishedRequest) -> None:
        """As it is stored, if it is not forgotten by now."""
        if request.at >= self._clock.age - limits.REQUEST_IDS_KEPT_MS:
            self._by_id.put(request.request_id, request)


class StoredAudit(Audit):
    __slots__ = ("_tables", "last")

    def __init__(self, tables: StoredTables) -> None:
        super().__init__(tables.clock)
        self._tables = tables
        self.last = 0  # the number of the newest entry that is stored

    def note(self, by: str, action: str, about: str) -> None:
        number = self.last + len(self.items) + 1
        self.items.append(AuditEntry(number, self._clock.now, by, action, about))

    def page(self, page_token: str, limit: int) -> tuple[list[AuditEntry], str]:
        self.items = self._tables.page(NeedKind.AUDIT)
        return super().page(page_token, limit)


class StoredInvites(Invites):
    """`before` is what is stored, None where it is not loaded."""

    __slots__ = ("_tables", "before")

    def __init__(self, tables: StoredTables) -> None:
        self.before: dict[str, Invite] | None = None
        self._tables = tables
        super().__init__(tables.clock)

    def hold(self, invites: list[Invite]) -> None:
        self.load(invites)
        self.before = {invite.code_hash: invite for invite in invites}

    def _must_be_loaded(self) -> None:
        if self.before is None:
            raise Missing(Need(NeedKind.INVITES, ()))

    def all(self) -> tuple[Invite, ...]:
        self._must_be_loaded()
        return super().all()

    def usable(self, code_hash: str) -> Invite:
        self._must_be_loaded()
        return super().usable(code_hash)

    def add(self, invite: Invite) -> None:
        self._must_be_loaded()
        self._tables.changes.any = True
        super().add(invite)

    def use(self, invite: Invite) -> None:
        self._tables.changes.any = True
        super().use(invite)

    def revoke(self, invite_id: str) -> None:
        self._must_be_loaded()
        self._tables.changes.any = True
        super().revoke(invite_id)
