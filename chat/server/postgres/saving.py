"""Saving: writes what a batch has changed in its tables, in the transaction that loaded them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, TypeVar

from chat.core.state.model import Account, Message
from chat.core.state.tables.records import Conversation, KeptEvent, User
from chat.core.state.tables.room_records import Room, RoomMember
from chat.server.postgres.forms import Row, array_of, row_of_message, text_of, text_of_event
from chat.server.postgres.loading import Connection
from chat.server.postgres.missing import place_of
from chat.server.postgres.partial import Members, UnknownSessions
from chat.server.postgres.tables import StoredTables

_R = TypeVar("_R")

_TURN: Final = (
    "UPDATE turn SET number = $1, clock = $2, age = $3, activity = $4, audit = $5,"
    " held_bytes = $6, user_quota = $7, all_quota = $8"
)


def _unnest(types: str) -> str:
    return ", ".join(f"${n}::{each}[]" for n, each in enumerate(types.split(), 1))


def _insert(table: str, columns: str, types: str, then: str = "") -> str:
    """Of rows whose columns come as arrays; in their order, which identities follow."""
    numbered = f"unnest({_unnest(types)}) WITH ORDINALITY AS w ({columns}, place_in_batch)"
    return (
        f"INSERT INTO {table} ({columns}) SELECT {columns} FROM {numbered}"
        f" ORDER BY place_in_batch {then}"
    )


def _upsert(table: str, columns: str, types: str, key: str, changing: str) -> str:
    sets = ", ".join(f"{each} = excluded.{each}" for each in changing.split(", "))
    return _insert(table, columns, types, f"ON CONFLICT ({key}) DO UPDATE SET {sets}")


_ACCOUNT: Final = _upsert(
    "account",
    "name, deleted, skeleton, record",
    "text bool text text",
    "name",
    "deleted, record",
)
_INBOX_NEW: Final = _insert(
    "inbox",
    "name, cursor, unread, held_messages, held_bytes",
    "text bigint bigint bigint bigint",
)
_INBOX: Final = (
    "UPDATE inbox i SET cursor = w.cursor, unread = w.unread, held_messages = w.held_messages,"
    " held_bytes = w.held_bytes FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::bigint[],"
    " $5::bigint[]) w (name, cursor, unread, held_messages, held_bytes) WHERE i.name = w.name"
)
_SESSION: Final = _upsert(
    "session", "token_hash, name, record", "text text text", "token_hash", "record"
)
_SESSION_GONE: Final = "DELETE FROM session WHERE token_hash = ANY($1::text[])"
_TALK: Final = _upsert(
    "conversation",
    "a, b, activity, messages, read_a, read_b, unread_a, unread_b, muted_a, muted_b,"
    " hidden_a, hidden_b",
    "text text bigint bigint bigint bigint bigint bigint bool bool bigint bigint",
    "a, b",
    "activity, messages, read_a, read_b, unread_a, unread_b, muted_a, muted_b, hidden_a, hidden_b",
)
_MESSAGE: Final = _upsert(
    "message",
    "id, place, sequence, sender, address, text, sent_at, unsent, extras",
    "text text bigint text text text bigint bool text",
    "id",
    "text, unsent, extras",
)
_ROOM: Final = _upsert(
    "room",
    "name, topic, access, owner, skeleton, activity, shown_from, messages, members, cursor",
    "text text text text text bigint bigint bigint bigint bigint",
    "name",
    "topic, access, owner, activity, shown_from, messages, members, cursor",
)
_MEMBER: Final = _upsert(
    "member",
    "room, name, since, first, came_after, read_through, own_after, muted",
    "text text bigint bigint bigint bigint bigint bool",
    "room, name",
    "since, first, came_after, read_through, own_after, muted",
)
_MEMBER_GONE: Final = (
    "DELETE FROM member m USING unnest($1::text[], $2::text[]) w (room, name)"
    " WHERE m.room = w.room AND m.name = w.name"
)
_EVENT: Final = _insert("event", "owner, cursor, what", "text bigint text")
_REQUEST: Final = _upsert(
    "request",
    "id, operation, username, about, marked, at",
    "text text text text bigint bigint",
    "id",
    "operation, username, about, marked, at",
)
_AUDIT: Final = _insert("audit", "number, at, by, action, about", "bigint bigint text text text")
_INVITE: Final = _upsert(
    "invite",
    "code_hash, by, made_at, expires_at, uses, uses_left",
    "text text bigint bigint bigint bigint",
    "code_hash",
    "uses_left",
)
_INVITE_GONE: Final = "DELETE FROM invite WHERE code_hash = ANY($1::text[])"


async def save(connection: Connection, tables: StoredTables, number: int) -> None:
    """Within a pipeline: nothing is waited for. `number` is the batch's."""
    for query, rows in _statements(tables):
        if rows:
            await connection.execute(query, tuple(map(array_of, zip(*rows, strict=True))))
    clock, usage = tables.clock, tables.usage
    await connection.execute(
        _TURN,
        (
            number,
            clock.now,
            clock.age,
            tables.conversations.activity,
            tables.audit.last + len(tables.audit.items),
            usage.all_bytes,
            usage.quota.user_bytes,
            usage.quota.all_bytes,
        ),
    )


def _statements(tables: StoredTables) -> Iterable[tuple[str, Sequence[Row]]]:
    """In an order in which each may be written."""
    accounts, known = tables.accounts, tables.conversations.by_id
    new = [accounts.users[name] for name in sorted(accounts.users.changed)]
    old = [user for user in _changed(tables, User) if user.name in accounts.before]
    yield _ACCOUNT, [_account_row(u.account) for u in (*new, *old) if _is_other(tables, u)]
    yield _INBOX_NEW, [_inbox_row(user) for user in new]
    yield _INBOX, [_inbox_row(user) for user in old]
    ended, opened = _sessions(tables, (*new, *old))
    yield _SESSION_GONE, ended
    yield _SESSION, opened
    talks = _each_once((*tables.conversations.items, *_changed(tables, Conversation)))
    yield _TALK, [_talk_row(talk) for talk in talks]
    said = [known[message_id] for message_id in sorted(known.changed)]
    yield _MESSAGE, [row_of_message(message, _place(tables, message)) for message in said]
    rooms = _each_once((*tables.rooms.items, *_changed(tables, Room)))
    yield _ROOM, [_room_row(room) for room in rooms]
    gone, here = _members(rooms)
    yield _MEMBER_GONE, gone
    yield _MEMBER, here
    told = (*tables.told, *_told_to_new(new), *_told_to_new(tables.rooms.items))
    yield _EVENT, [(owner, cursor, text_of_event(event)) for owner, cursor, event in told]
    requests = {each.request_id: each for each in tables.requests.items}.values()
    yield (
        _REQUEST,
        [(r.request_id, r.operation, r.username, r.about, r.marked, r.at) for r in requests],
    )
    yield _AUDIT, [(a.number, a.at, a.by, a.action, a.about) for a in tables.audit.items]
    yield from _invites(tables)


def _changed(tables: StoredTables, kind: type[_R]) -> list[_R]:
    return [each for each in tables.changes.records.values() if isinstance(each, kind)]


def _each_once(records: Iterable[_R]) -> list[_R]:
    return list({id(each): each for each in records}.values())


def _is_other(tables: StoredTables, user: User) -> bool:
    return tables.accounts.before.get(user.name) is not user.account


def _account_row(account: Account) -> Row:
    return account.username, account.deleted, account.skeleton, text_of(account)


def _inbox_row(user: User) -> Row:
    return user.name, user.events.cursor, user.unread, user.held_messages, user.held_bytes


def _sessions(tables: StoredTables, users: Iterable[User]) -> tuple[list[Row], list[Row]]:
    """Those that have ended, and those that were opened or used."""
    ended: list[Row] = []
    opened: list[Row] = []
    for user in users:
        if isinstance(user.sessions, UnknownSessions):
            continue
        before = tables.accounts.sessions_before.get(user.name, ())
        kept = {session.token_hash for session in user.sessions}
        ended += [(s.token_hash,) for s in before if s.token_hash not in kept]
        opened += [(s.token_hash, s.username, text_of(s)) for s in user.sessions if s not in before]
    return ended, opened


def _talk_row(talk: Conversation) -> Row:
    a, b = sorted(talk.members)
    one, other = talk.members[a], talk.members[b]
    return (
        a, b, talk.activity, len(talk.messages), one.read_through, other.read_through,
        one.unread, other.unread, one.muted, other.muted, one.hidden, other.hidden,
    )  # fmt: skip


def _place(tables: StoredTables, message: Message) -> str:
    if tables.rooms.by_name.has(message.address):
        return message.address
    return place_of(message.sender, message.address)


def _room_row(room: Room) -> Row:
    return (
        room.name, room.topic, room.access.value, room.owner, room.skeleton, room.activity,
        room.shown_from, len(room.messages), len(room.members), room.events.cursor,
    )  # fmt: skip


def _members(rooms: Iterable[Room]) -> tuple[list[Row], list[Row]]:
    """Those whose rows go, and those that are written. Who went and came again has a new row, as
    the rows are in the order in which people came."""
    gone: list[Row] = []
    here: list[Row] = []
    for room in rooms:
        members, before = room.members, getattr(room.members, "before", {})
        for name in getattr(members, "changed", members):
            now, then = members.get(name), before.get(name)
            if then is not None and (now is None or now.since != then.since):
                gone.append((room.name, name))
        here += [_member_row(room, name) for name in _in_order(members) if name in members]
    return gone, here


def _in_order(members: dict[str, RoomMember]) -> list[str]:
    if isinstance(members, Members):
        return sorted(members.changed, key=members.place)
    return list(members)


def _member_row(room: Room, name: str) -> Row:
    m = room.members[name]
    return room.name, name, m.since, m.first, m.came_after, m.read_through, m.own_after, m.muted


def _told_to_new(records: Iterable[User | Room]) -> Iterable[tuple[str, int, KeptEvent]]:
    """What was told to those that were made here."""
    for each in records:
        first = each.events.cursor - len(each.events.items) + 1
        for cursor, event in enumerate(each.events.items, first):
            yield each.name, cursor, event


def _invites(tables: StoredTables) -> Iterable[tuple[str, Sequence[Row]]]:
    before = tables.invites.before
    if before is None:
        return
    now = {invite.code_hash: invite for invite in tables.invites.all()}
    yield _INVITE_GONE, [(code_hash,) for code_hash in before if code_hash not in now]
    yield (
        _INVITE,
        [
            (i.code_hash, i.by, i.made_at, i.expires_at, i.uses, i.uses_left)
            for i in now.values()
            if before.get(i.code_hash) != i
        ],
    )
