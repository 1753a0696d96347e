"""Loading: brings what is wanted into tables that hold a part, in one round trip for all of it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any, Final

import psycopg

from chat.core import limits
from chat.core.state.model import ROOM_MARK, Access, Session
from chat.core.state.tables.audit import AuditEntry
from chat.core.state.tables.invites import Invite
from chat.core.state.tables.names import BEYOND_ANY_NAME
from chat.core.state.tables.paging import read_token
from chat.core.state.tables.records import Conversation, FinishedRequest, Member, User
from chat.core.state.tables.room_records import Room, RoomMember
from chat.core.state.tables.usage import Quota
from chat.core.state.tables.wildcard import Wildcard
from chat.server.postgres.forms import Row, account_of, array_of, event_of, message_of, session_of
from chat.server.postgres.missing import Need, NeedKind, place_of
from chat.server.postgres.partial import (
    Joined,
    Members,
    SaidThere,
    Talks,
    UnknownSessions,
    Unsent,
    Window,
)
from chat.server.postgres.tables import StoredTables

Connection = psycopg.AsyncConnection[Row]
Cursor = psycopg.AsyncCursor[Row]
Keys = list[tuple[Any, ...]]

# What a transaction begins with: a batch has its turn, before which it has read nothing.
BATCH: Final = "BEGIN"
QUESTION: Final = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
_LOCK: Final = " FOR NO KEY UPDATE"

_TURN: Final = (
    "SELECT number, clock, age, activity, audit, held_bytes, user_quota, all_quota FROM turn"
)
_USER: Final = (
    "SELECT a.name, skeleton, record, cursor, unread, held_messages, held_bytes"
    " FROM account a JOIN inbox USING (name)"
)
_MESSAGE: Final = "m.id, m.place, m.sequence, sender, address, text, sent_at, unsent, extras"
_TALK: Final = (
    "SELECT a, b, activity, messages, read_a, read_b, unread_a, unread_b, muted_a, muted_b,"
    " hidden_a, hidden_b"
)
_MEMBER: Final = "room, name, since, first, came_after, read_through, own_after, muted"
# By kind: what finds it, for arrays of each part of its keys.
_QUERIES: Final[dict[NeedKind, str]] = {
    NeedKind.USER: f"{_USER} WHERE a.name = ANY($1::text[])",
    NeedKind.LOOKALIKE: f"{_USER} WHERE skeleton = ANY($1::text[]) AND skeleton <> ''",
    NeedKind.EVERYBODY: f"{_USER} ORDER BY number",
    NeedKind.SESSION: "SELECT token_hash, record FROM session WHERE token_hash = ANY($1::text[])",
    NeedKind.SESSIONS: (
        "SELECT token_hash, record FROM session WHERE name = ANY($1::text[]) ORDER BY number"
    ),
    NeedKind.REQUEST: (
        "SELECT id, operation, username, about, marked, at FROM request WHERE id = ANY($1::text[])"
    ),
    NeedKind.MESSAGE: f"SELECT {_MESSAGE} FROM message m WHERE id = ANY($1::text[])",
    NeedKind.TALK: (
        f"{_TALK} FROM unnest($1::text[], $2::text[]) w (a, b) JOIN conversation USING (a, b)"
    ),
    NeedKind.CONTACTS: (
        "SELECT a, b FROM conversation WHERE a = ANY($1::text[])"
        " UNION ALL SELECT b, a FROM conversation WHERE b = ANY($1::text[])"
    ),
    NeedKind.MESSAGES: (
        f"SELECT {_MESSAGE} FROM unnest($1::text[], $2::bigint[], $3::bigint[])"
        " w (place, first, last) JOIN message m ON m.place = w.place"
        " AND m.sequence BETWEEN w.first AND w.last"
    ),
    NeedKind.WAITING: (
        f"SELECT {_MESSAGE} FROM unnest($1::text[], $2::text[]) w (reader, other)"
        " JOIN conversation c ON c.a = least(reader, other) AND c.b = greatest(reader, other)"
        " JOIN message m ON m.place = c.a || ' ' || c.b"
        " AND m.sequence > CASE WHEN reader = c.a THEN c.read_a ELSE c.read_b END"
    ),
    NeedKind.ROOM: (
        "SELECT name, topic, access, owner, skeleton, activity, shown_from, messages, cursor,"
        " members FROM room WHERE name = ANY($1::text[])"
    ),
    NeedKind.ROOM_LOOKALIKE: "SELECT skeleton FROM room WHERE skeleton = ANY($1::text[])",
    NeedKind.ROOMS_OF: "SELECT name, room FROM member WHERE name = ANY($1::text[])",
    NeedKind.MEMBER: (
        f"SELECT {_MEMBER} FROM unnest($1::text[], $2::text[]) w (room, name)"
        " JOIN member USING (room, name)"
    ),
    NeedKind.MEMBERS: f"SELECT {_MEMBER} FROM member WHERE room = ANY($1::text[]) ORDER BY number",
    NeedKind.UNSENT: (
        "SELECT place, sequence FROM message WHERE unsent AND place = ANY($1::text[])"
        " ORDER BY place, sequence"
    ),
    NeedKind.EVENTS: (
        "SELECT e.owner, e.cursor, what FROM unnest($1::text[], $2::bigint[], $3::bigint[])"
        " w (owner, first, last) JOIN event e ON e.owner = w.owner"
        " AND e.cursor BETWEEN w.first AND w.last"
    ),
    NeedKind.INVITES: (
        "SELECT code_hash, by, made_at, expires_at, uses, uses_left FROM invite ORDER BY number"
    ),
    NeedKind.AUDIT: (
        "SELECT number, at, by, action, about FROM"
        f" (SELECT * FROM audit ORDER BY number DESC LIMIT {limits.AUDIT_ENTRIES_KEPT}) newest"
        " ORDER BY number"
    ),
    NeedKind.COUNTS: (
        "SELECT (SELECT count(*) FROM account), (SELECT count(*) FROM account WHERE NOT deleted),"
        " (SELECT count(*) FROM room), (SELECT coalesce(sum(held_messages), 0)::bigint FROM inbox)"
    ),
}
# Of these each key is looked for by itself.
_LISTED: Final = (
    f"{_TALK} FROM (SELECT * FROM conversation WHERE a = $1"
    " UNION ALL SELECT * FROM conversation WHERE b = $1) both_ways"
    " ORDER BY activity DESC LIMIT $2"
)
_NAMES: Final = (
    "SELECT name FROM account WHERE NOT deleted AND name >= $1 AND name > $2 AND name < $3"
    " ORDER BY name LIMIT $4"
)
_ROOM_NAMES: Final = (
    "SELECT name FROM room WHERE name >= $1 AND name > $2 AND name < $3 AND ($5 = '' OR"
    " access = 'open' OR EXISTS (SELECT FROM member m WHERE m.room = room.name AND m.name = $5))"
    " ORDER BY name LIMIT $4"
)
# What else a kind needs, so that there is something that it belongs to.
_OF_USERS: Final = (NeedKind.SESSIONS, NeedKind.CONTACTS, NeedKind.LISTED, NeedKind.ROOMS_OF)
_OF_ROOMS: Final = (NeedKind.MEMBER, NeedKind.MEMBERS, NeedKind.UNSENT)
_NO_KEY: Final = (NeedKind.EVERYBODY, NeedKind.INVITES, NeedKind.AUDIT, NeedKind.COUNTS)


class Loading:
    """Over one connection, in whose transaction all is read."""

    def __init__(self, connection: Connection, tables: StoredTables) -> None:
        self._connection = connection
        self._tables = tables
        self._take: dict[NeedKind, Callable[[list[Row], Keys], None]] = {
            NeedKind.USER: self._take_users,
            NeedKind.LOOKALIKE: self._take_look_alikes,
            NeedKind.EVERYBODY: self._take_users,
            NeedKind.SESSION: self._take_session,
            NeedKind.SESSIONS: self._take_sessions,
            NeedKind.REQUEST: self._take_requests,
            NeedKind.MESSAGE: self._take_messages,
            NeedKind.TALK: self._take_talks,
            NeedKind.CONTACTS: self._take_contacts,
            NeedKind.LISTED: self._take_listed,
            NeedKind.ROOM: self._take_rooms,
            NeedKind.ROOM_LOOKALIKE: self._take_room_look_alikes,
            NeedKind.ROOMS_OF: self._take_rooms_of,
            NeedKind.MEMBER: self._take_members,
            NeedKind.MEMBERS: self._take_all_members,
            NeedKind.UNSENT: self._take_unsent,
            NeedKind.MESSAGES: self._take_messages,
            NeedKind.WAITING: self._take_messages,
            NeedKind.EVENTS: self._take_events,
            NeedKind.INVITES: self._take_invites,
            NeedKind.AUDIT: self._take_audit,
            NeedKind.COUNTS: self._take_counts,
            NeedKind.NAMES: self._take_names,
            NeedKind.ROOM_NAMES: self._take_room_names,
        }  # in this order: what others belong to comes first

    async def begin(self, how: str, wanted: Iterable[Need]) -> None:
        """Begins a transaction; what counts for all of it comes before anything else."""
        async with self._connection.pipeline():
            await self._connection.execute(how)
            turn = await self._connection.execute(_TURN + _LOCK * (how == BATCH))
            asked = await self._ask(wanted)
            self._take_turn(await turn.fetchone())
            found = [(kind, keys, await cursor.fetchall()) for kind, keys, cursor in asked]
        self._take_all(found)

    async def load(self, wanted: Iterable[Need]) -> None:
        """All of it, and what belongs to it, in one round trip; what was asked for before is not
        asked for again."""
        async with self._connection.pipeline():
            asked = await self._ask(wanted)
            found = [(kind, keys, await cursor.fetchall()) for kind, keys, cursor in asked]
        self._take_all(found)

    async def _ask(self, wanted: Iterable[Need]) -> list[tuple[NeedKind, Keys, Cursor]]:
        by_kind = self._by_kind(wanted)
        asked = []
        for kind in self._take:
            for keys in _together(kind, by_kind.get(kind, [])):
                query, values = _question(kind, keys)
                asked.append((kind, keys, await self._connection.execute(query, values)))
        return asked

    def _take_all(self, found: Iterable[tuple[NeedKind, Keys, list[Row]]]) -> None:
        for kind, keys, rows in found:
            self._take[kind](rows, keys)

    def _take_turn(self, row: Row | None) -> None:
        assert row is not None, "a migration put it there"
        tables = self._tables
        tables.number, tables.clock.now, tables.clock.age, tables.conversations.activity = row[:4]
        tables.audit.last, tables.usage.all_bytes = row[4:6]
        tables.usage.quota = Quota(*row[6:])

    def _by_kind(self, wanted: Iterable[Need]) -> dict[NeedKind, Keys]:
        by_kind: dict[NeedKind, Keys] = defaultdict(list)
        asked = self._tables.asked
        for each in wanted:
            for one in (*_belonging(each), each):
                if one not in asked:
                    asked.add(one)
                    by_kind[one.kind].append(one.key)
        return by_kind

    # --- into the tables ------------------------------------------------------------------------

    def _take_users(self, rows: list[Row], _keys: Keys) -> None:
        tables = self._tables
        for row in rows:
            name = row[0]
            if not tables.accounts.users.has(name):
                user = User(account_of(row[2]))
                user.sessions = UnknownSessions.of(name)
                user.events = Window(name, row[3], tables.told)
                user.conversations = Talks(name, tables.asked, tables.talks)
                user.rooms = Joined(name)
                user.unread, user.held_messages, user.held_bytes = row[4:]
                tables.accounts.hold(user)

    def _take_look_alikes(self, rows: list[Row], keys: Keys) -> None:
        self._take_users(rows, keys)
        for row in rows:
            self._tables.accounts.known_skeletons.put(row[1], row[0])

    def _take_session(self, rows: list[Row], _keys: Keys) -> None:
        for token_hash, record in rows:
            self._tables.accounts.known_sessions.put(token_hash, session_of(record))

    def _take_sessions(self, rows: list[Row], keys: Keys) -> None:
        accounts = self._tables.accounts
        found: dict[str, list[Session]] = {name: [] for (name,) in keys}
        for row in rows:
            known = accounts.known_sessions.held(row[0]) or session_of(row[1])
            accounts.known_sessions.put(known.token_hash, known)
            found[known.username].append(known)
        for name, sessions in found.items():
            user = accounts.users.held(name)
            if user is not None:
                user.sessions = self._tables.accounts.sessions_before[name] = tuple(sessions)

    def _take_requests(self, rows: list[Row], _keys: Keys) -> None:
        for row in rows:
            self._tables.requests.hold(FinishedRequest(*row))

    def _take_messages(self, rows: list[Row], _keys: Keys) -> None:
        known, said = self._tables.conversations.by_id, self._tables.said
        for row in rows:
            message = known.held(row[0])
            if message is None:
                message = message_of(row)
                known.put(message.id, message)
            if row[1] in said:
                said[row[1]].here.setdefault(row[2], message)

    def _take_talks(self, rows: list[Row], _keys: Keys) -> None:
        for row in rows:
            self._talk(row)

    def _talk(self, row: Row) -> Conversation:
        tables = self._tables
        a, b, activity, count, *of_each = row
        read_a, read_b, unread_a, unread_b, muted_a, muted_b, hidden_a, hidden_b = of_each
        if (a, b) not in tables.talks:
            place = place_of(a, b)
            said = tables.said[place] = SaidThere(place, count)
            members = {
                a: Member(b, read_a, unread_a, muted_a, hidden_a),
                b: Member(a, read_b, unread_b, muted_b, hidden_b),
            }
            tables.talks[a, b] = Conversation(members, 0, activity, said)
        return tables.talks[a, b]

    def _take_contacts(self, rows: list[Row], keys: Keys) -> None:
        users = self._tables.accounts.users
        for (name,) in keys:
            user = users.held(name)
            if user is not None and isinstance(user.conversations, Talks):
                user.conversations.contacts = dict.fromkeys(user.conversations.here())
        for name, other in rows:
            user = users.held(name)
            if user is not None and isinstance(user.conversations, Talks):
                assert user.conversations.contacts is not None
                user.conversations.contacts[other] = None

    def _take_listed(self, rows: list[Row], keys: Keys) -> None:
        ((name, most),) = keys
        user = self._tables.accounts.users.held(name)
        if user is None or not isinstance(user.conversations, Talks):
            return
        talks = user.conversations
        talks.listed, talks.is_whole = [], len(rows) < most
        for row in rows:
            other = row[1] if row[0] == name else row[0]
            dict.__setitem__(talks, other, self._talk(row))
            talks.listed.append(other)

    def _take_rooms(self, rows: list[Row], _keys: Keys) -> None:
        tables = self._tables
        for row in rows:
            name, topic, access, owner, skeleton, activity, shown_from, count, cursor, members = row
            if not tables.rooms.by_name.has(name):
                room = Room(name, topic, Access(access), owner, skeleton, 0, activity, shown_from)
                room.members = Members(name, members, tables.asked)
                room.messages = tables.said[name] = SaidThere(name, count)
                room.unsent = Unsent(name)
                room.events = Window(name, cursor, tables.told)
                tables.rooms.by_name.put(name, room)

    def _take_room_look_alikes(self, rows: list[Row], _keys: Keys) -> None:
        for (skeleton,) in rows:
            self._tables.rooms.known_skeleton(skeleton)

    def _take_rooms_of(self, rows: list[Row], keys: Keys) -> None:
        users = self._tables.accounts.users
        for (name,) in keys:
            user = users.held(name)
            if user is not None and isinstance(user.rooms, Joined):
                user.rooms.is_loaded = True
        for name, room in rows:
            user = users.held(name)
            if user is not None:
                user.rooms.add(room)

    def _members(self, room: str) -> Members | None:
        found = self._tables.rooms.by_name.held(room)
        return found.members if found and isinstance(found.members, Members) else None

    def _take_members(self, rows: list[Row], _keys: Keys) -> None:
        for room, name, *rest in rows:
            members = self._members(room)
            if members is not None:
                members.put(name, RoomMember(*rest))

    def _take_all_members(self, rows: list[Row], keys: Keys) -> None:
        found: dict[str, list[tuple[str, RoomMember]]] = {room: [] for (room,) in keys}
        for room, name, *rest in rows:
            found[room].append((name, RoomMember(*rest)))
        for room, all_of_it in found.items():
            members = self._members(room)
            if members is not None:
                members.put_all(all_of_it)

    def _take_unsent(self, rows: list[Row], keys: Keys) -> None:
        rooms = self._tables.rooms.by_name
        for (name,) in keys:
            room = rooms.held(name)
            if room is not None and isinstance(room.unsent, Unsent):
                room.unsent.is_loaded = True
                room.unsent.extend(sequence for place, sequence in rows if place == name)

    def _take_events(self, rows: list[Row], _keys: Keys) -> None:
        tables = self._tables
        for owner, cursor, what in rows:
            whose = tables.accounts.users.held(owner) or tables.rooms.by_name.held(owner)
            if whose is not None and isinstance(whose.events, Window):
                whose.events.here[cursor] = event_of(what)

    def _take_invites(self, rows: list[Row], _keys: Keys) -> None:
        self._tables.invites.hold([Invite(*row) for row in rows])

    def _take_audit(self, rows: list[Row], _keys: Keys) -> None:
        self._tables.pages[Need(NeedKind.AUDIT, ())] = [AuditEntry(*row) for row in rows]

    def _take_counts(self, rows: list[Row], _keys: Keys) -> None:
        self._tables.pages[Need(NeedKind.COUNTS, ())] = list(rows[0])

    def _take_names(self, rows: list[Row], keys: Keys) -> None:
        self._tables.pages[Need(NeedKind.NAMES, keys[0])] = [name for (name,) in rows]

    def _take_room_names(self, rows: list[Row], keys: Keys) -> None:
        names = [name.removeprefix(ROOM_MARK) for (name,) in rows]
        self._tables.pages[Need(NeedKind.ROOM_NAMES, keys[0])] = names


def _belonging(wanted: Need) -> tuple[Need, ...]:
    """What it belongs to."""
    kind, key = wanted
    if kind in _OF_USERS:
        return (Need(NeedKind.USER, key[:1]),)
    if kind in _OF_ROOMS:
        return (Need(NeedKind.ROOM, key[:1]),)
    if kind is NeedKind.MESSAGES:
        one, _, other = str(key[0]).partition(" ")
        return (Need(NeedKind.TALK, (one, other)) if other else Need(NeedKind.ROOM, (one,)),)
    if kind is NeedKind.WAITING:
        one, other = sorted(map(str, key))
        return (Need(NeedKind.TALK, (one, other)),)
    return ()


def _together(kind: NeedKind, keys: Keys) -> Iterable[Keys]:
    """What one query finds."""
    if kind in _QUERIES:
        return [keys] if keys else []
    return [[key] for key in keys]


def _question(kind: NeedKind, keys: Keys) -> tuple[str, tuple[Any, ...]]:
    if kind in _NO_KEY:
        return _QUERIES[kind], ()
    if kind in _QUERIES:
        return _QUERIES[kind], tuple(map(array_of, zip(*keys, strict=True)))
    if kind is NeedKind.LISTED:
        return _LISTED, keys[0]
    if kind is NeedKind.NAMES:
        pattern, token = keys[0]
        return _NAMES, _range(pattern, read_token("users", token) if token else "", "")
    list_kind, user, pattern, token = keys[0]
    after = ROOM_MARK + read_token(list_kind, token) if token else ""
    return _ROOM_NAMES, (*_range(pattern, after, ROOM_MARK), user)


def _range(pattern: str, after: str, mark: str) -> tuple[Any, ...]:
    """From which name on, beyond which one, before which one; and how many are looked at."""
    wildcard = Wildcard(pattern or "*")
    first = mark + wildcard.prefix
    return first, after, first + BEYOND_ANY_NAME, limits.NAMES_COST_MAX // wildcard.cost + 1
