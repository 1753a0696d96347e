"""What the client knows about its conversations: wire messages in, window events out, no
duplicates.

Called by the connection, the outbox thread and the calls thread; publishes inside its lock so that
the window hears of changes in the order in which they happened.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from dataclasses import replace
from itertools import count
from typing import Any

from chat.client import events
from chat.client.acts import Queued
from chat.client.events import (
    ChatMessage,
    ClientEvent,
    ConversationSummary,
    Mark,
)
from chat.client.known_messages import KnownMessages
from chat.client.known_rooms import KnownRooms, note_of
from chat.client.rows import (
    CHANGES,
    changed,
    quote_of,
    read_by,
    row_of_message,
    row_of_queued,
    what_changed,
    where,
)
from chat.client.waiting_rows import WaitingRows
from chat.rpc import chat_pb2


class Timeline:
    """`room_begun` is called with the address of a room that begins anew, inside the lock."""

    def __init__(
        self,
        publish: Callable[[ClientEvent], None],
        room_begun: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._publish = publish
        self._room_begun = room_begun
        # Guards everything below. First in the lock order; the outbox may be read inside it.
        self._lock = threading.RLock()
        self.me = ""
        self.cursor = -1  # the last event taken; -1 = the list was never loaded
        self._rooms = KnownRooms()
        self._counted = 0  # events up to this one are in the summaries already
        self._summaries: dict[str, ConversationSummary] = {}
        self._online: set[str] = set()
        self._known = KnownMessages()
        self._last: dict[str, ChatMessage] = {}  # the newest that the servers have
        self._ranks = count(1)  # of what happened, in the order in which it did
        self._waiting = WaitingRows(self._known, lambda: next(self._ranks))

    def begin(self, me: str, waiting: Callable[[str], tuple[Queued, ...]]) -> None:
        """Someone signed in (`me` empty: out); `waiting` lists an owner's outbox."""
        with self._lock:
            if me != self.me or not me:
                self.cursor, self._counted = -1, 0
                self._rooms.clear()
                self._summaries.clear()
                self._online.clear()
                self._known.clear()
                self._last.clear()
                self._waiting.forget_ranks()
            self.me = me
            self._waiting.begin(lambda: waiting(me))

    # --- lists and pages ---------------------------------------------------------------

    def load(self, conversations: Iterable[chat_pb2.Conversation], cursor: int) -> None:
        """The whole list as of `cursor`; no later event has been taken yet."""
        with self._lock:
            self._counted = cursor
            newest_first = tuple(conversations)
            self._summaries = {item.contact: self._summary(item) for item in reversed(newest_first)}
            self._waiting.forget_ranks()  # they will be newer than all of these
            self._list()

    def missed(self, item: chat_pb2.Conversation) -> int:
        """How many messages the servers have beyond the last one known here."""
        with self._lock:
            known = self._last.get(item.contact)
            return max(0, item.last_message.sequence - (known.sequence if known else 0))

    def start_over(self, cursor: int) -> None:
        """Events between the last one taken and `cursor` are gone: continue after it."""
        with self._lock:
            self.cursor = cursor

    def room_positions(self) -> dict[str, int]:
        """Of each room the last event that was taken."""
        with self._lock:
            return dict(self._rooms.positions)

    def forget(self) -> None:
        """The servers no longer know events already taken: start over as after signing in, except
        for what is waiting here."""
        with self._lock:
            self.cursor = -1
            self._rooms.clear()
            self._known.forget_sent()
            self._last.clear()

    def relist(self) -> None:
        with self._lock:
            self._list()

    def mark(self) -> int:
        """For `asked`: what the stream has told of before an answer was asked for is in it."""
        return self._known.newest_change

    def page(
        self,
        address: str,
        page: Iterable[chat_pb2.Message],
        newest: bool,
        older: bool,
        changes: Iterable[chat_pb2.RoomChange] = (),
        asked: int = -1,
    ) -> None:
        with self._lock:
            rows = [self._known.furthest(self._row(message), asked) for message in page]
            for row in rows:
                self._remember(row)
            if newest:
                # What the stream delivered while the page was on its way.
                rows += self._known.after(address, rows[-1].sequence if rows else 0)
            rows = self._waiting.with_changes(rows)
            if newest:
                rows += self._waiting.rows(address)
            notes = tuple(note_of(address, change) for change in changes)
            self._publish(events.PageLoaded(address, tuple(rows), newest, older, notes))

    def _tell_changed(self, row: ChatMessage) -> None:
        (row,) = self._waiting.with_changes((row,))
        self._publish(events.MessageChanged(row))

    def is_sent(self, message_id: str) -> bool:
        """The stream may deliver a message before the answer removes it from the outbox. Takes no
        lock."""
        known = self._known.get(message_id)
        return known is not None and known.sequence > 0

    def address_of(self, message_id: str) -> str:
        """Empty when unknown. Takes no lock: Tk asks this."""
        known = self._known.get(message_id)
        return known.address if known else ""

    def rows_of(self, messages: Iterable[chat_pb2.Message]) -> list[ChatMessage]:
        with self._lock:
            return [self._row(message) for message in messages]

    # --- the outbox's side ---------------------------------------------------------------

    def announce(self, row: ChatMessage) -> None:
        """A row of the outbox, new or changed."""
        with self._lock:
            row = self._waiting.quoting(row)
            new = row.id not in self._known
            self._remember(row)
            self._publish(events.MessageArrived(row) if new else events.MessageChanged(row))
            self._touch(row.address)

    def waits_differently(self, message_id: str) -> None:
        """A change of this message has come into the outbox, or out of it, or was refused."""
        with self._lock:
            row = self._known.get(message_id)
            if row is not None:
                self._tell_changed(row)

    def removed(self, address: str, message_id: str) -> None:
        with self._lock:
            if self.is_sent(message_id):
                return  # it came through after all, and stays
            self._known.forget(message_id)
            self._waiting.forget_rank(message_id)
            self._publish(events.MessageRemoved(address, message_id))
            self._touch(address)

    def take_answer(self, message: chat_pb2.Message, asked: int = -1) -> None:
        """A message from the answer to a call; the stream may have delivered it already, or not
        yet. What it has told of this message since it was `asked` is newer."""
        with self._lock:
            row = self._show(self._row(message), live=True, asked=asked)
            self._requote(row)
            self._preview(row)

    def refresh(self, messages: Iterable[chat_pb2.Message], asked: int) -> None:
        """Those that are known here, as they are by now."""
        with self._lock:
            for message in messages:
                if message.id in self._known:
                    self._show(self._row(message), live=False, asked=asked)

    def forget_presence(self) -> None:
        """A stream starts by saying who is online; until then nobody is known to be."""
        with self._lock:
            gone, self._online = self._online, set()
            for name in gone:
                self._presence(chat_pb2.Presence(username=name, online=False))

    # --- the stream's side -----------------------------------------------------------------

    def take(self, event: chat_pb2.Event, live: bool) -> bool:
        """False when events between the last one taken and this one are missing."""
        with self._lock:
            kind = event.WhichOneof("kind")
            if event.room:
                return self._take_of_room(event, live)
            if kind in _MOMENTARY:
                self._take_momentary(event)
                return True
            if kind == "heartbeat":
                self._tell_requoted(self._known.requoted_late())
                return event.cursor <= self.cursor
            if event.cursor <= self.cursor:
                return True
            if event.cursor > self.cursor + 1:
                return False
            self.cursor = event.cursor
            self._take_durable(event, event.cursor > self._counted, live)
            return True

    def _take_durable(self, event: chat_pb2.Event, counts: bool, live: bool) -> None:
        kind = event.WhichOneof("kind")
        if kind == "message":
            row = self._show(self._row(event.message), live)
            if counts:
                self._preview(row)
                self._count(row.address, 1 if row.mark is Mark.RECEIVED else 0)
        elif kind == "read":
            self._read(event.read, counts)
        elif kind == "deleted":
            self._delete(self._row(event.deleted), counts)
        elif kind in CHANGES:
            self._change(event)
        elif kind == "expired":
            self._expire(event.expired)
        elif kind in ("muted", "blocked", "presence_hidden"):
            self._take_settled(event)
        elif kind == "announcement":
            at = event.announcement.at.ToMilliseconds() / 1000
            self._publish(events.Announcement(event.announcement.text, at))
        elif kind == "account_deleted":
            name = event.account_deleted.username
            self._publish(events.AccountDeleted(name))
            if name in self._summaries:
                self._summaries[name] = replace(self._summaries[name], deleted=True, online=False)
                self._touch(name)

    def _take_of_room(self, event: chat_pb2.Event, live: bool) -> bool:
        name, kind = event.room, event.WhichOneof("kind")
        if kind == "room_begins":
            self._begin_room(event)
            return True
        if kind == "room_ends":
            self._end_room(name)
            return True
        if not self._rooms.is_news(event):
            return True
        if not self._rooms.take(event):
            return False
        if kind == "message":
            row = self._show(self._row(event.message), live)
            self._preview(row)
            self._count(name, 1 if row.mark is Mark.RECEIVED else 0)
        elif kind == "deleted":
            self._delete(self._row(event.deleted), counts=True)
        elif kind in CHANGES:
            self._change(event)
        elif kind == "expired":
            self._expire(event.expired)
        else:
            self._change_room(event, live)
        return True

    def _begin_room(self, event: chat_pb2.Event) -> None:
        name, item = event.room, event.room_begins.conversation
        if event.room_begins.expired:
            self._known.forget_sent(name)
        known = self._summaries.get(name)
        summary = self._summary(item)
        self._summaries[name] = replace(summary, rank=known.rank) if known else summary
        self._rooms.positions[name] = event.position
        self._publish(events.RoomBegun(name))
        self._touch(name)
        self._room_begun(name)

    def _end_room(self, name: str) -> None:
        self._rooms.drop(name)
        self._known.forget_sent(name)
        self._last.pop(name, None)
        if self._summaries.pop(name, None) is not None:
            self._publish(events.RoomLeft(name))
        if self._waiting.newest(name) is not None:
            self._touch(name)

    def _change_room(self, event: chat_pb2.Event, live: bool) -> None:
        name, last = event.room, self._last.get(event.room)
        note = self._rooms.note(event, last.sequence if last is not None else 0)
        if note is not None:
            self._publish(events.NoteArrived(note))
        told = self._rooms.change(event, live)
        if told is not None and name in self._summaries:
            self._summaries[name] = replace(self._summaries[name], room=self._rooms.info(name))
            self._publish(told)
            self._touch(name)

    def _delete(self, row: ChatMessage, counts: bool) -> None:
        # In a room one may be unsent that newcomers have behind them.
        was_read = self._rooms.is_read(row.address, row.sequence)
        self._remember(row)
        self._tell_changed(row)
        self._requote(row)
        if counts:
            self._preview(row)
            waited = row.sender != self.me and not was_read
            self._count(row.address, -1 if waited else 0)

    def _read(self, receipt: chat_pb2.ReadReceipt, counts: bool) -> None:
        by_me = receipt.reader == self.me
        address = where(self.me, receipt.reader, receipt.sender)
        through = receipt.through_sequence
        if not by_me:
            for row in self._known.unread_until(address, through):
                self._remember(replace(row, mark=Mark.READ))
        self._publish(events.ReadReceipt(address, through, by_me))
        if address in self._rooms:  # which says itself how far it was read when it was listed
            counts = not self._rooms.is_read(address, through)
            self._rooms.read(address, through)
        if counts and by_me:
            self._count(address, -receipt.marked)
        last = self._last.get(address)
        if not by_me and last is not None and last.mark is Mark.SENT and last.sequence <= through:
            self._preview(replace(last, mark=Mark.READ))

    def _change(self, event: chat_pb2.Event) -> None:
        """A message has another text, or other reactions."""
        message_id, address = what_changed(self.me, event)
        self._known.note_change(message_id)
        known = self._known.get(message_id)
        if known is not None and (row := changed(self.me, known, event)) != known:
            self._remember(row)
            self._tell_changed(row)
            self._requote(row)
        last = self._last.get(address)
        if last is not None and last.id == message_id:
            self._preview(changed(self.me, last, event))

    def _expire(self, expired: chat_pb2.Expired) -> None:
        """What may still wait is beyond it; that some of it is unsent, or one's own, shows when the
        list is loaded again."""
        address, through = (
            where(self.me, expired.sender, expired.recipient), expired.through_sequence,
        )  # fmt: skip
        for row in self._known.until(address, through):
            self._known.forget(row.id)
            self._publish(events.MessageRemoved(address, row.id))
        summary, last = self._summaries.get(address), self._last.get(address)
        if summary is None or last is None:
            return
        left = max(0, last.sequence - through)
        summary = replace(summary, unread=min(summary.unread, left))
        if not left:
            del self._last[address]
            summary = replace(summary, preview="", preview_mark=Mark.RECEIVED, preview_sender="")
        self._summaries[address] = summary
        self._touch(address)

    def _requote(self, original: ChatMessage) -> None:
        """What answers it shows it as it is by now, or a little later."""
        self._tell_requoted(self._known.requoted(quote_of(original)))

    def _tell_requoted(self, rows: Iterable[ChatMessage]) -> None:
        for row in rows:
            self._remember(row)
            self._tell_changed(row)

    def _take_settled(self, event: chat_pb2.Event) -> None:
        """What the person has settled for themselves, on this device or on another."""
        kind = event.WhichOneof("kind")
        if kind == "muted":
            self._set(event.muted.contact, muted=event.muted.muted)
            return
        if kind == "blocked":
            self._set(event.blocked.username, blocked=event.blocked.blocked)
        self._publish(events.PrivacyChanged())

    def _set(self, address: str, **settled: Any) -> None:
        before = self._summaries.get(address)
        if before is not None:
            after = replace(before, **settled)
            if after != before:
                self._summaries[address] = after
                self._touch(address)

    def _take_momentary(self, event: chat_pb2.Event) -> None:
        kind = event.WhichOneof("kind")
        if kind == "presence":
            self._presence(event.presence)
        elif kind == "typing":
            typing = event.typing
            self._publish(events.SomeoneTyping(typing.contact, typing.username))
        elif kind == "readers":
            self._read_by(event.readers)

    def _read_by(self, readers: chat_pb2.Readers) -> None:
        counts = {each.sequence: each.read_by for each in readers.messages}
        for row in self._known.at(readers.room, counts):
            now = read_by(row, counts[row.sequence])
            if now != row:
                self._remember(now)
                self._tell_changed(now)

    def _presence(self, presence: chat_pb2.Presence) -> None:
        name, online = presence.username, presence.online
        (self._online.add if online else self._online.discard)(name)
        self._publish(events.Presence(name, online))
        if name in self._summaries:
            self._summaries[name] = replace(self._summaries[name], online=online)

    # --- inside the lock -----------------------------------------------------------------

    def _row(self, message: chat_pb2.Message) -> ChatMessage:
        return row_of_message(self.me, message)

    def _show(self, row: ChatMessage, live: bool, asked: int = -1) -> ChatMessage:
        """Announces what is new in `row`; returns how far the message has got."""
        known = self._known.get(row.id)
        row = self._known.furthest(row, asked)
        self._remember(row)
        if known is None:
            self._publish(events.MessageArrived(row, live))
        elif known != row:
            self._tell_changed(row)
        return row

    def _remember(self, row: ChatMessage) -> None:
        self._known.remember(row)
        if row.sequence:
            self._waiting.forget_rank(row.id)

    def _summary(self, item: chat_pb2.Conversation) -> ConversationSummary:
        if item.HasField("room"):
            self._rooms.keep(item.room)
        self._last.pop(item.contact, None)
        if not item.HasField("last_message"):
            empty = self._empty(item.contact)
            return replace(empty, unread=item.unread_count, muted=item.muted)
        row = self._last[item.contact] = self._row(item.last_message)
        online = item.contact in self._online
        return ConversationSummary(
            item.contact,
            _one_line(row.text),
            row.mark,
            row.sent_at,
            item.unread_count,
            online,
            item.contact_deleted,
            next(self._ranks),
            self._rooms.info(item.contact),
            row.sender,
            item.muted,
            item.blocked,
        )

    def _preview(self, row: ChatMessage) -> None:
        last = self._last.get(row.address)
        if last is None or row.sequence >= last.sequence:
            self._last[row.address] = row
            old = self._summaries.get(row.address, self._empty(row.address))
            new = last is None or row.sequence > last.sequence
            self._summaries[row.address] = replace(
                old,
                preview=_one_line(row.text),
                preview_mark=row.mark,
                last_activity=row.sent_at,
                rank=next(self._ranks) if new else old.rank,
                preview_sender=row.sender,
            )
        self._touch(row.address)

    def _count(self, address: str, change: int) -> None:
        summary = self._summaries.get(address)
        if change and summary is not None:
            self._summaries[address] = replace(summary, unread=max(0, summary.unread + change))
            self._touch(address)

    def _touch(self, address: str) -> None:
        self._publish(events.ConversationUpdated(self._with_waiting(address)))

    def _with_waiting(self, address: str) -> ConversationSummary:
        summary = self._summaries.get(address, self._empty(address))
        newest = self._waiting.newest(address)
        if newest is None:
            return summary
        return replace(
            summary,
            preview=_one_line(newest.text),
            preview_mark=row_of_queued(newest).mark,
            last_activity=newest.queued_at,
            preview_sender=newest.owner,
            rank=max(summary.rank, self._waiting.rank(newest.id)),
        )

    def _empty(self, address: str) -> ConversationSummary:
        online = address in self._online
        room, rank = self._rooms.info(address), next(self._ranks) if address in self._rooms else 0
        return ConversationSummary(
            address, "", Mark.RECEIVED, 0.0, 0, online, False, rank=rank, room=room
        )

    def _list(self) -> None:
        waiting = self._waiting.messages()
        for item in waiting:
            self._waiting.rank(item.id)  # in the order in which they were written
        addresses = {*self._summaries, *(item.address for item in waiting)}
        shown = [self._with_waiting(address) for address in addresses]
        shown.sort(key=lambda item: -item.rank)
        self._publish(events.ConversationsLoaded(tuple(shown)))


# They are of no sequence.
_MOMENTARY = ("presence", "typing", "readers")


def _one_line(text: str) -> str:
    return " ".join(text[:200].split())
