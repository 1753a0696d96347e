"""What is shown in which order does not depend on what time anybody's clock says."""

from __future__ import annotations

from pathlib import Path

from chat.client import events
from chat.client.acts import Queued
from chat.client.outbox import Outbox
from chat.client.rows import row_of_queued
from chat.client.timeline import Timeline
from chat.rpc import chat_pb2 as pb

DAY_S = 24 * 3600
NOW_S = 1_800_000_000


class Shown:
    """A timeline of ada's, and the order of her conversations as the window has it."""

    def __init__(self) -> None:
        self.summaries: dict[str, events.ConversationSummary] = {}
        self.waiting: list[Queued] = []
        self.cursor = 0
        self.timeline = Timeline(self.see)
        self.timeline.begin("ada", lambda _owner: tuple(self.waiting))

    def see(self, event: events.ClientEvent) -> None:
        if isinstance(event, events.ConversationsLoaded):
            self.summaries = {item.address: item for item in event.conversations}
        elif isinstance(event, events.ConversationUpdated):
            self.summaries[event.conversation.address] = event.conversation

    def load(self, *newest_first: pb.Message) -> None:
        conversations = [pb.Conversation(contact=m.sender, last_message=m) for m in newest_first]
        self.timeline.load(conversations, self.cursor)
        self.timeline.start_over(self.cursor)

    def take(self, message: pb.Message) -> None:
        self.cursor += 1
        assert self.timeline.take(pb.Event(cursor=self.cursor, message=message), live=True)

    def write(self, address: str, queued_at: float) -> None:
        queued = Queued(f"{address} {queued_at}", "ada", address, "hi", queued_at)
        self.waiting.append(queued)
        self.timeline.announce(row_of_queued(queued))

    @property
    def order(self) -> list[str]:
        return sorted(self.summaries, key=lambda address: -self.summaries[address].rank)


def message(sender: str, sequence: int, ahead_s: int = 0) -> pb.Message:
    found = pb.Message(id=f"{sender} {sequence}", sender=sender, recipient="ada", text="hi")
    found.sequence = sequence
    found.sent_at.FromSeconds(NOW_S + ahead_s)
    return found


def test_the_list_is_in_the_order_in_which_things_happened() -> None:
    shown = Shown()
    shown.load(message("cat", 1), message("bob", 1, ahead_s=40 * DAY_S))
    assert shown.order == ["cat", "bob"], "as the servers list them"
    shown.take(message("dan", 1, ahead_s=-DAY_S))
    assert shown.order == ["dan", "cat", "bob"]
    shown.take(message("bob", 2))
    assert shown.order == ["bob", "dan", "cat"]


def test_what_waits_is_newest_whatever_this_computers_clock_says() -> None:
    shown = Shown()
    shown.load(message("bob", 1), message("cat", 1))
    shown.write("cat", queued_at=NOW_S - DAY_S)
    assert shown.order == ["cat", "bob"]
    shown.write("dan", queued_at=NOW_S - 2 * DAY_S)
    assert shown.order == ["dan", "cat", "bob"]
    shown.load(message("bob", 1), message("cat", 1))
    assert shown.order == ["dan", "cat", "bob"]
    shown.take(message("bob", 2))
    assert shown.order == ["bob", "dan", "cat"]


def test_an_old_message_that_changes_moves_nothing() -> None:
    shown = Shown()
    shown.load(message("bob", 1), message("cat", 1))
    shown.cursor += 1
    gone = message("cat", 1)
    gone.status = pb.STATUS_DELETED
    assert shown.timeline.take(pb.Event(cursor=shown.cursor, deleted=gone), live=True)
    assert shown.order == ["bob", "cat"]


def test_messages_wait_in_the_order_in_which_they_will_be_sent(tmp_path: Path) -> None:
    """The window orders what waits by its time."""
    outbox = Outbox(tmp_path / "outbox")
    outbox.open()
    times = [NOW_S + 40 * DAY_S, NOW_S, NOW_S - 1, NOW_S + 41 * DAY_S]
    added = [outbox.add(Queued(str(at), "ada", "bob", "hi", at)) for at in times]
    assert list(outbox.messages("ada")) == added
    assert [queued.queued_at for queued in added] == sorted(queued.queued_at for queued in added)
    outbox.close()
    again = Outbox(tmp_path / "outbox")
    again.open()
    assert list(again.messages("ada")) == added
    again.close()
