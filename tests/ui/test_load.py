"""Much at once: what is drawn stays bounded, and the event loop goes on turning."""

from __future__ import annotations

import pytest

from chat.client import events as ev
from chat.core import limits
from chat.ui import pump
from chat.ui.transcript.blocks import Block
from tests.ui.conftest import Driver, drawn_on, message, signed_in, summary

BURST = 500


class SlowEvents:
    """A clock that moves only while an event is shown."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def monotonic(self) -> float:
        return self.now_s

    def show(self, _event: object) -> None:
        self.now_s += 0.008


def test_a_tick_ends_when_its_time_is_up(driver: Driver, monkeypatch: pytest.MonkeyPatch) -> None:
    slow = SlowEvents()
    with monkeypatch.context() as patched:
        patched.setattr(pump, "time", slow)
        patched.setattr(driver.app._pump, "_show", slow.show)
        for n in range(1, 6):
            driver.session.publish(ev.MessageArrived(message(n)))
        # Two of 8 ms each: the second is begun before the 12 ms are over, the third is not.
        assert [driver.app.drain() for _ in range(4)] == [2, 2, 1, 0]


def test_a_burst_draws_the_list_once_a_turn_and_each_message_once(driver: Driver) -> None:
    signed_in(driver, message(1))
    driver.app.chat.has_focus = False
    writes, arranged = [0], [0]
    write, arrange = driver.app.chat.transcript.draw._write_block, driver.app.chat.list._arrange

    def count_write(new: Block) -> None:
        writes[0] += 1
        write(new)

    def count_arrange() -> None:
        arranged[0] += 1
        arrange()

    driver.app.chat.transcript.draw._write_block = count_write  # type: ignore[method-assign]
    driver.app.chat.list._arrange = count_arrange  # type: ignore[method-assign]
    for n in range(2, BURST + 2):
        driver.session.publish(ev.MessageArrived(message(n)))
        driver.session.publish(ev.ConversationUpdated(summary("ada", n)))
    turns = 0
    while driver.app.drain():
        turns += 1
        driver.app.root.update_idletasks()
    driver.settle()
    assert len(driver.app.chat.transcript.rows) == BURST + 1
    assert writes[0] <= BURST
    assert arranged[0] <= turns + 1
    assert f"{BURST} new messages" in driver.screen()
    assert f"message {BURST + 1}\n" in driver.screen()


def test_only_the_newest_page_of_a_long_conversation_is_asked_for(driver: Driver) -> None:
    signed_in(driver)
    page = tuple(message(n) for n in range(49_951, 50_001))
    driver.show(ev.PageLoaded("ada", page, newest=True, older=True))
    assert not driver.session.asked("load_older")
    assert len(driver.app.chat.transcript.rows.drawn) == limits.PAGE_SIZE_DEFAULT


def test_only_rows_in_sight_are_drawn_in_the_list(driver: Driver) -> None:
    signed_in(driver)
    row = ev.ConversationSummary
    many = tuple(row(f"person{n}", "Hi", ev.Mark.RECEIVED, 1e9 - n, 1, False, False)
                 for n in range(10_000))  # fmt: skip
    driver.show(ev.ConversationsLoaded(many))
    chat = driver.app.chat
    assert len(chat.list.canvas.find_all()) < 300
    assert driver.app.root.title() == "(10000) Chat"
    chat.list.select("person9999")
    driver.settle()
    assert "person9999" in [text for text, _ in drawn_on(chat.list.canvas)]
