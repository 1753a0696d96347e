"""KnownMessages: the rows that a session knows, as far as each has got.

Belongs to the timeline, whose lock guards it; what takes no lock says so.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Container, Iterator
from dataclasses import replace
from itertools import count

from chat.client.events import ChatMessage, Mark, Quote
from chat.client.rows import CHANGED

# Rows remembered so that a change can be told from a new message; older ones are reloaded.
KNOWN_MESSAGES_MAX = 20_000
# Changes that the stream has told of while an answer may be on its way.
CHANGES_KNOWN_MAX = 1_000
# More answers to one message show what it says by now at the stream's next heartbeat, and not at
# each of its edits: a thousand edits of what was answered a thousand times would be a million
# changes to be shown.
ANSWERS_AT_ONCE_MAX = 20


class KnownMessages:
    """By id; of those of the servers and of those that wait here."""

    def __init__(self) -> None:
        self._rows: OrderedDict[str, ChatMessage] = OrderedDict()
        self._unread: dict[str, dict[str, int]] = {}  # address -> own id -> sequence
        self._answers: dict[str, set[str]] = {}  # id -> ids of those that answer it
        self._late: dict[str, Quote] = {}  # what many answers show next, by its id
        self._numbers = count(1)  # of changes that the stream told of
        self._newest_change = 0
        # Which of these each of the last ones was.
        self._changes: OrderedDict[str, int] = OrderedDict()

    def clear(self) -> None:
        for each in (self._rows, self._unread, self._answers, self._late, self._changes):
            each.clear()

    def get(self, message_id: str) -> ChatMessage | None:
        """Takes no lock."""
        return self._rows.get(message_id)

    def __contains__(self, message_id: str) -> bool:
        return message_id in self._rows

    def after(self, address: str, sequence: int) -> list[ChatMessage]:
        """Those of a conversation beyond this place, in order."""
        rows = (row for row in self._rows.values() if row.address == address)
        return sorted((r for r in rows if r.sequence > sequence), key=lambda row: row.sequence)

    def until(self, address: str, through: int) -> list[ChatMessage]:
        """Those of a conversation that the servers had, up to this place."""
        return list(self.at(address, range(1, through + 1)))

    def at(self, address: str, sequences: Container[int]) -> Iterator[ChatMessage]:
        """Those at these places, the ones heard of last first; they may be changed meanwhile."""
        for row in [*reversed(self._rows.values())]:
            if row.address == address and row.sequence in sequences:
                yield row

    def unread_until(self, address: str, through: int) -> list[ChatMessage]:
        """Own messages up to this place that nobody was known to have read."""
        unread = self._unread.get(address, {})
        return [self._rows[key] for key, sequence in unread.items() if sequence <= through]

    def requoted(self, quote: Quote) -> list[ChatMessage]:
        """Those that answer this message and show something else of it, with the quote; none where
        there are many: they come with the next `requoted_late`."""
        if len(self._answers.get(quote.message_id, ())) > ANSWERS_AT_ONCE_MAX:
            self._late[quote.message_id] = quote
            return []
        return self._quoting(quote)

    def requoted_late(self) -> list[ChatMessage]:
        late, self._late = self._late, {}
        return [row for quote in late.values() for row in self._quoting(quote)]

    def _quoting(self, quote: Quote) -> list[ChatMessage]:
        rows = (self._rows[answer] for answer in sorted(self._answers.get(quote.message_id, ())))
        return [replace(row, quote=quote) for row in rows if row.quote != quote]

    # --- what is newer ----------------------------------------------------------------------

    @property
    def newest_change(self) -> int:
        """Takes no lock."""
        return self._newest_change

    def note_change(self, message_id: str) -> None:
        """The stream has told of one."""
        self._changes[message_id] = self._newest_change = next(self._numbers)
        self._changes.move_to_end(message_id)
        while len(self._changes) > CHANGES_KNOWN_MAX:
            self._changes.popitem(last=False)

    def furthest(self, row: ChatMessage, asked: int = -1) -> ChatMessage:
        """An answer may show an older state of a message than the stream has already delivered,
        also of its text and reactions: of these holds what the stream told since the answer was
        `asked` for, by `newest_change` (-1 = it is the stream itself, or nobody knows)."""
        known = self._rows.get(row.id)
        if known is None or not known.sequence:
            return row
        if known.mark is Mark.UNSENT or row.mark is Mark.UNSENT:
            return known if known.mark is Mark.UNSENT else row
        if known.mark is Mark.READ and row.mark is Mark.SENT:
            row = replace(row, mark=Mark.READ)
        if 0 <= asked < self._changes.get(row.id, 0):
            row = replace(row, **{name: getattr(known, name) for name in CHANGED})
        return replace(row, read_by=known.read_by) if known.read_by > row.read_by else row

    # --- changing -------------------------------------------------------------------------

    def remember(self, row: ChatMessage) -> None:
        """The newest one heard of."""
        self._rows[row.id] = row
        self._rows.move_to_end(row.id)
        unread = self._unread.setdefault(row.address, {})
        if row.mark is Mark.SENT:
            unread[row.id] = row.sequence
        else:
            unread.pop(row.id, None)
        if row.quote is not None:
            self._answers.setdefault(row.quote.message_id, set()).add(row.id)
        while len(self._rows) > KNOWN_MESSAGES_MAX:
            self.forget(next(iter(self._rows)))

    def forget(self, message_id: str) -> None:
        row = self._rows.pop(message_id, None)
        if row is None:
            return
        self._unread.get(row.address, {}).pop(message_id, None)
        if row.quote is not None:
            answers = self._answers.get(row.quote.message_id, set())
            answers.discard(message_id)
            if not answers:
                self._answers.pop(row.quote.message_id, None)

    def forget_sent(self, address: str = "") -> None:
        """All that the servers have, of one conversation or of all: they are to be asked anew."""
        for row in [*self._rows.values()]:
            if row.sequence and address in ("", row.address):
                self.forget(row.id)
