"""What the client knows about its conversations: wire messages in, window events out, no
duplicates.

Called by the connection, the outbox thread and the calls thread; publishes inside its lock so that
the window hears of changes in the order in which they happened.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import replace
from itertools import count

from chat.client import events
from chat.client.events import ChatMessage, ClientEvent, ConversationSummary, Mark
from chat.client.known_rooms import KnownRooms, note_of
from chat.client.outbox import Queued
from chat.rpc import chat_pb2

# Rows remembered so that a change can be told from a new message; older ones are reloaded.
KNOWN_MESSAGES_MAX = 20_000


def row_of_queued(queued: Queued) -> ChatMessage:
    mark = Mark.FAILED if queued.failure else Mark.QUEUED
    return ChatMessage(
        queued.id,
        queued.address,
        queued.owner,
        queued.text,
        queued.queued_at,
        0,
        mark,
        queued.failure,
    )


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
        self._known: OrderedDict[str, ChatMessage] = OrderedDict()
        self._unread: dict[str, dict[str, int]] = {}  # address -> own id -> sequence
        self._last: dict[str, ChatMessage] = {}  # the newest that the servers have
        self._ranks = count(1)  # of what happened, in the order in which it did
        self._waiting_ranks: dict[str, int] = {}  # of own messages that wait, by id
        self._waiting: Callable[[str], tuple[Queued, ...]] = lambda _: ()

    def begin(self, me: str, waiting: Callable[[str], tuple[Queued, ...]]) -> None:
        """Someone signed in (`me` empty: out); `waiting` lists an owner's outbox."""
        with self._lock:
            if me != self.me or not me:
                self.cursor, self._counted = -1, 0
                self._rooms.clear()
                self._summaries.clear()
                self._online.clear()
                self._known.clear()
                self._unread.clear()
                self._last.clear()
                self._waiting_ranks.clear()
            self.me = me
            self._waiting = waiting

    # --- lists and pages ---------------------------------------------------------------

    def load(self, conversations: Iterable[chat_pb2.Conversation], cursor: int) -> None:
        """The whole list as of `cursor`; no later event has been taken yet."""
        with self._lock:
            self._counted = cursor
            newest_first = tuple(conversations)
            self._summaries = {item.contact: self._summary(item) for item in reversed(newest_first)}
            self._waiting_ranks.clear()  # they will be newer than all of these
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
            for row in [row for row in self._known.values() if row.sequence]:
                del self._known[row.id]
            self._unread.clear()
            self._last.clear()

    def relist(self) -> None:
        with self._lock:
            self._list()

    def page(
        self, address: str, page: Iterable[chat_pb2.Message], newest: bool, older: bool,
        changes: Iterable[chat_pb2.RoomChange] = (),
    ) -> None:  # fmt: skip
        with self._lock:
            rows = [self._furthest(self._row(message)) for message in page]
            for row in rows:
                self._remember(row)
            if newest:
                rows += self._after(address, rows) + self._waiting_rows(address)
            notes = tuple(note_of(address, change) for change in changes)
            self._publish(events.PageLoaded(address, tuple(rows), newest, older, notes))

    def _after(self, address: str, page: list[ChatMessage]) -> list[ChatMessage]:
        """What the stream delivered while the page was on its way."""
        last = page[-1].sequence if page else 0
        known = self._known.values()
        rows = [row for row in known if row.address == address and row.sequence > last]
        return sorted(rows, key=lambda row: row.sequence)

    def _waiting_rows(self, address: str) -> list[ChatMessage]:
        return [
            row_of_queued(item)
            for item in self._waiting(self.me)
            if item.address == address and not self.is_sent(item.id)
        ]

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
            new = row.id not in self._known
            self._remember(row)
            self._publish(events.MessageArrived(row) if new else events.MessageChanged(row))
            self._touch(row.address)

    def removed(self, address: str, message_id: str) -> None:
        with self._lock:
            if self.is_sent(message_id):
                return  # it came through after all, and stays
            self._known.pop(message_id, None)
            self._waiting_ranks.pop(message_id, None)
            self._publish(events.MessageRemoved(address, message_id))
            self._touch(address)

    def take_answer(self, message: chat_pb2.Message) -> None:
        """A message from the answer to a call; the stream may have delivered it already, or not
        yet."""
        with self._lock:
            self._preview(self._show(self._row(message), live=True))

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
            if kind == "presence":
                self._presence(event.presence)
                return True
            if kind == "heartbeat" or kind is None:
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
        else:
            self._change_room(event, live)
        return True

    def _begin_room(self, event: chat_pb2.Event) -> None:
        name, item = event.room, event.room_begins.conversation
        if event.room_begins.expired:
            self._forget_rows(name)
        known = self._summaries.get(name)
        summary = self._summary(item)
        self._summaries[name] = replace(summary, rank=known.rank) if known else summary
        self._rooms.positions[name] = event.position
        self._publish(events.RoomBegun(name))
        self._touch(name)
        self._room_begun(name)

    def _forget_rows(self, address: str) -> None:
        rows = [row.id for row in self._known.values() if row.address == address and row.sequence]
        for message_id in rows:
            del self._known[message_id]
        self._unread.pop(address, None)

    def _end_room(self, name: str) -> None:
        self._rooms.drop(name)
        self._forget_rows(name)
        self._last.pop(name, None)
        if self._summaries.pop(name, None) is not None:
            self._publish(events.RoomLeft(name))
        if self._waiting_rows(name):
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
        self._publish(events.MessageChanged(row))
        if counts:
            self._preview(row)
            waited = row.sender != self.me and not was_read
            self._count(row.address, -1 if waited else 0)

    def _read(self, receipt: chat_pb2.ReadReceipt, counts: bool) -> None:
        by_me = receipt.reader == self.me
        address = self._where(receipt.reader, receipt.sender)
        through = receipt.through_sequence
        if not by_me:
            unread = self._unread.get(address, {})
            for message_id in [key for key, sequence in unread.items() if sequence <= through]:
                self._remember(replace(self._known[message_id], mark=Mark.READ))
        self._publish(events.ReadReceipt(address, through, by_me))
        if address in self._rooms:  # which says itself how far it was read when it was listed
            counts = not self._rooms.is_read(address, through)
            self._rooms.read(address, through)
        if counts and by_me:
            self._count(address, -receipt.marked)
        last = self._last.get(address)
        if not by_me and last is not None and last.mark is Mark.SENT and last.sequence <= through:
            self._preview(replace(last, mark=Mark.READ))

    def _presence(self, presence: chat_pb2.Presence) -> None:
        name, online = presence.username, presence.online
        (self._online.add if online else self._online.discard)(name)
        self._publish(events.Presence(name, online))
        if name in self._summaries:
            self._summaries[name] = replace(self._summaries[name], online=online)

    # --- inside the lock -----------------------------------------------------------------

    def _where(self, author: str, address: str) -> str:
        """Where I find what somebody did at this address of theirs: what is between two people,
        each finds under the other's name, and a room is at one address for all."""
        return author if address == self.me else address

    def _row(self, message: chat_pb2.Message) -> ChatMessage:
        mine = message.sender == self.me
        if message.status == chat_pb2.STATUS_DELETED:
            mark = Mark.UNSENT
        elif not mine:
            mark = Mark.RECEIVED
        elif message.status == chat_pb2.STATUS_READ:
            mark = Mark.READ
        else:
            mark = Mark.SENT
        address = self._where(message.sender, message.recipient)
        sent_at = message.sent_at.ToNanoseconds() / 1e9
        return ChatMessage(
            message.id, address, message.sender, message.text, sent_at, message.sequence, mark,
            read_by=message.read_by,
        )  # fmt: skip

    def _show(self, row: ChatMessage, live: bool) -> ChatMessage:
        """Announces what is new in `row`; returns how far the message has got."""
        known = self._known.get(row.id)
        row = self._furthest(row)
        self._remember(row)
        if known is None:
            self._publish(events.MessageArrived(row, live))
        elif known != row:
            self._publish(events.MessageChanged(row))
        return row

    def _furthest(self, row: ChatMessage) -> ChatMessage:
        """An answer may show an older state of a message than the stream has already delivered."""
        known = self._known.get(row.id)
        if known is None or not known.sequence:
            return row
        return known if _further(known.mark, row.mark) else row

    def _remember(self, row: ChatMessage) -> None:
        self._known[row.id] = row
        self._known.move_to_end(row.id)
        if row.sequence:
            self._waiting_ranks.pop(row.id, None)
        unread = self._unread.setdefault(row.address, {})
        if row.mark is Mark.SENT:
            unread[row.id] = row.sequence
        else:
            unread.pop(row.id, None)
        while len(self._known) > KNOWN_MESSAGES_MAX:
            gone, old = self._known.popitem(last=False)
            self._unread.get(old.address, {}).pop(gone, None)

    def _summary(self, item: chat_pb2.Conversation) -> ConversationSummary:
        if item.HasField("room"):
            self._rooms.keep(item.room)
        self._last.pop(item.contact, None)
        if not item.HasField("last_message"):
            return replace(self._empty(item.contact), unread=item.unread_count)
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
        newest = next((item for item in reversed(self._waiting(self.me))
                       if item.address == address and not self.is_sent(item.id)), None)  # fmt: skip
        if newest is None:
            return summary
        return replace(
            summary,
            preview=_one_line(newest.text),
            preview_mark=row_of_queued(newest).mark,
            last_activity=newest.queued_at,
            preview_sender=newest.owner,
            rank=max(summary.rank, self._waiting_rank(newest)),
        )

    def _waiting_rank(self, queued: Queued) -> int:
        if queued.id not in self._waiting_ranks:
            self._waiting_ranks[queued.id] = next(self._ranks)
        return self._waiting_ranks[queued.id]

    def _empty(self, address: str) -> ConversationSummary:
        online = address in self._online
        room, rank = self._rooms.info(address), next(self._ranks) if address in self._rooms else 0
        return ConversationSummary(
            address, "", Mark.RECEIVED, 0.0, 0, online, False, rank=rank, room=room
        )

    def _list(self) -> None:
        waiting = self._waiting(self.me)
        for item in waiting:
            self._waiting_rank(item)  # in the order in which they were written
        addresses = {*self._summaries, *(item.address for item in waiting)}
        shown = [self._with_waiting(address) for address in addresses]
        shown.sort(key=lambda item: -item.rank)
        self._publish(events.ConversationsLoaded(tuple(shown)))


def _further(known: Mark, shown: Mark) -> bool:
    return (known is Mark.UNSENT and shown is not known) or (
        known is Mark.READ and shown is Mark.SENT
    )


def _one_line(text: str) -> str:
    return " ".join(text[:200].split())
