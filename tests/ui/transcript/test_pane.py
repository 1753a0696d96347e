"""The transcript with real widgets: what stands in it, and what hands do there."""

from __future__ import annotations

from typing import Any

import pytest

from chat.client import events as ev
from chat.core import limits
from chat.ui.transcript import hands, pane
from chat.ui.transcript.pane import Transcript
from tests.ui.conftest import NOW, Driver, message, signed_in, summary

DAY_S = 86_400.0


def the(driver: Driver) -> Transcript:
    return driver.app.chat.transcript


def tagged(driver: Driver, tag: str) -> list[str]:
    text = the(driver).text
    ranges = text.tag_ranges(tag)
    return [text.get(a, b) for a, b in zip(ranges[::2], ranges[1::2], strict=True)]


def scroll_to_top(driver: Driver) -> None:
    the(driver).page(-1)
    the(driver).text.yview_moveto(0.0)
    driver.settle()


# --- what stands there --------------------------------------------------------------


def test_each_day_has_its_line(driver: Driver) -> None:
    signed_in(driver, message(1, sent_at=NOW - DAY_S), message(2, sent_at=NOW))
    screen = driver.screen()
    assert screen.index("Yesterday") < screen.index("message 1")
    assert screen.index("message 1") < screen.index("Today") < screen.index("message 2")


def test_the_beginning_of_a_conversation_is_told(driver: Driver) -> None:
    signed_in(driver, message(1))
    assert "This is the beginning of your conversation with ada." in driver.screen()
    driver.show(ev.PageLoaded("ada", (message(2),), newest=True, older=True))
    assert "beginning" not in driver.screen()


def test_one_header_for_what_is_said_together(driver: Driver) -> None:
    signed_in(driver, message(1), message(2), message(3, own=True), message(4, sent_at=NOW + 9_999))
    assert tagged(driver, "name") == ["ada", "You", "ada"]
    assert the(driver).gutter.shown == 3


def test_a_header_goes_when_the_message_before_it_comes_late(driver: Driver) -> None:
    signed_in(driver, message(1, own=True), message(3))
    assert tagged(driver, "name") == ["You", "ada"]
    driver.show(ev.MessageArrived(message(2)))
    assert tagged(driver, "name") == ["You", "ada"]
    screen = driver.screen()
    assert screen.index("message 2") < screen.index("message 3")
    driver.show(ev.MessageRemoved("ada", "m2"))
    assert tagged(driver, "name") == ["You", "ada"]
    assert "message 2" not in driver.screen()


def test_a_failed_message_says_why_and_what_to_do(driver: Driver) -> None:
    signed_in(driver)
    failed = message(1, "lost", own=True, sequence=0, mark=ev.Mark.FAILED, reason="ada is gone.")
    driver.show(ev.MessageArrived(failed))
    assert "lost   ! not sent – ada is gone.  Retry  Delete" in driver.screen()
    driver.click_tag(the(driver).text, "retry")
    driver.click_tag(the(driver).text, "discard")
    assert driver.session.asked("retry") == [("m1",)]
    assert driver.session.asked("discard") == [("m1",)]


def test_read_marks_reach_only_what_was_read(driver: Driver) -> None:
    signed_in(driver, *(message(n, own=True) for n in range(1, 5)))
    driver.show(ev.ReadReceipt("ada", 2, by_me=False))
    marks = [m.mark for m in the(driver).messages]
    assert marks == [ev.Mark.READ, ev.Mark.READ, ev.Mark.SENT, ev.Mark.SENT]
    assert driver.screen().count("✓✓ read") == 2
    driver.show(ev.ReadReceipt("ada", 4, by_me=True))  # this reads what ada wrote
    assert driver.screen().count("✓✓ read") == 2


WILD = {
    "emoji": "👩‍👩‍👧‍👦🎉🏳️‍🌈" * 20,
    "right to left": "שלום עולם مرحبا " * 20,
    "controls": "\x1b[31m\u202e\u2066\ufeff\x7f",
    "outside every font": "\U0010ffff\U000e0001\u0fff",
    "one long line": "a" * limits.TEXT_BYTES_MAX,
    "long with spaces": "ab " * (limits.TEXT_BYTES_MAX // 3),
    "many lines": "\n" * (limits.TEXT_BYTES_MAX - 1) + ".",
    "a long link": "https://example.org/" + "x" * 16_000,
    "words of Tcl": '[exit] $x {\\ "}',
}


@pytest.mark.parametrize("text", WILD.values(), ids=WILD.keys())
def test_whatever_is_received_is_shown(driver: Driver, text: str) -> None:
    signed_in(driver, message(1))
    driver.show(ev.MessageArrived(message(2, text)), ev.MessageArrived(message(3)))
    driver.show(ev.ConversationUpdated(summary("ada", 1)))
    assert text in driver.screen()
    assert driver.app.chat.transcript.is_at_end


# --- more than is drawn ----------------------------------------------------------------


def long_conversation(driver: Driver, count: int = 50) -> None:
    """The newest page of a long conversation; `older_page` has the rest."""
    signed_in(driver)
    page = tuple(message(n) for n in range(1_001 - count, 1_001))
    driver.show(ev.PageLoaded("ada", page, newest=True, older=True))


def older_page(driver: Driver, first: int, last: int) -> None:
    page = tuple(message(n) for n in range(first, last + 1))
    driver.show(ev.PageLoaded("ada", page, newest=False, older=first > 1))


def far_back(driver: Driver, first: int) -> None:
    """The reader has scrolled up to the message `first`, page by page."""
    long_conversation(driver)
    for begin in range(901, first - 1, -50):
        scroll_to_top(driver)
        older_page(driver, begin, begin + 49)


def test_reading_back_shows_that_more_is_coming(driver: Driver) -> None:
    long_conversation(driver)
    scroll_to_top(driver)
    assert driver.session.asked("load_older") == [("ada", False)]
    assert the(driver).progress.winfo_ismapped()
    older_page(driver, 901, 950)
    assert not the(driver).progress.winfo_ismapped()
    assert the(driver).draw.top_message() in ("m950", "m951")  # where the reader was


def test_a_page_that_does_not_come_may_be_asked_for_again(driver: Driver) -> None:
    long_conversation(driver)
    scroll_to_top(driver)
    driver.show(ev.Failed("load_older", "No server can be reached.", address="ada"))
    assert not the(driver).progress.winfo_ismapped()
    assert len(driver.session.asked("load_older")) == 1
    the(driver).page(1)
    driver.settle()
    scroll_to_top(driver)
    assert len(driver.session.asked("load_older")) == 2


def test_the_widget_stays_small_while_somebody_reads_far_back(
    driver: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pane, "TRANSCRIPT_MESSAGES_MAX", 200)
    far_back(driver, 1)
    rows = the(driver).rows
    assert len(rows) == 1_000
    assert len(rows.drawn) <= 300
    scroll_to_top(driver)
    assert rows.drawn[0] == "m1"
    assert "message 1000\n" not in driver.screen()
    while not rows.reaches_end:  # down again, step by step, with nothing left out
        the(driver).text.yview_moveto(1.0)
        driver.settle()
        assert len(rows.drawn) <= 300
    assert "message 1000\n" in driver.screen()
    numbers = [int(id_[1:]) for id_ in rows.drawn]
    assert numbers == list(range(numbers[0], 1_001))
    assert all(f"message {n}\n" in driver.screen() for n in numbers)


def test_what_comes_while_somebody_reads_far_back_is_not_lost(
    driver: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pane, "TRANSCRIPT_MESSAGES_MAX", 200)
    far_back(driver, 401)
    driver.show(ev.MessageArrived(message(1_001, "the new one")))
    assert "the new one" not in driver.screen()
    assert the(driver).jump_text == "1 new"
    the(driver).to_end()
    driver.settle()
    assert "the new one" in driver.screen()
    assert the(driver).jump_text == ""


def test_too_many_for_the_memory_begin_anew(
    driver: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pane, "TRANSCRIPT_LOADED_MAX", 60)
    long_conversation(driver)
    driver.show(*(ev.MessageArrived(message(n)) for n in range(1_001, 1_013)))
    assert driver.session.asked("open_conversation") == [("ada",), ("ada",)]
    page = tuple(message(n) for n in range(963, 1_013))
    driver.show(ev.PageLoaded("ada", page, newest=True, older=True))
    assert len(the(driver).rows) == 50


def test_a_page_after_a_reconnection_joins_what_is_there(driver: Driver) -> None:
    long_conversation(driver)
    scroll_to_top(driver)
    older_page(driver, 901, 950)
    page = tuple(message(n) for n in range(960, 1_011))
    driver.show(ev.PageLoaded("ada", page, newest=True, older=True))
    assert [m.sequence for m in the(driver).messages] == list(range(901, 1_011))
    assert not the(driver).is_at_end


def test_a_short_window_fills_itself_from_above(driver: Driver) -> None:
    signed_in(driver)
    driver.show(ev.PageLoaded("ada", (message(9),), newest=True, older=True))
    driver.wait_until(lambda: bool(driver.session.asked("load_older")), "nothing older was asked")


def test_the_button_leads_to_the_newest(driver: Driver) -> None:
    long_conversation(driver)
    the(driver).page(-1)
    driver.settle()
    assert the(driver).jump_text == "Newest"
    the(driver)._jump.invoke()
    driver.settle()
    assert the(driver).is_at_end
    assert the(driver).jump_text == ""


# --- searching ---------------------------------------------------------------------------


def search(driver: Driver, text: str, *hits: ev.ChatMessage) -> None:
    driver.app.chat.show_search()
    row = driver.app.chat.search
    row.entry.delete(0, "end")
    row.entry.insert(0, text)
    driver.key(row.entry, "<Return>")
    driver.show(ev.SearchResults("ada", text, hits))


def test_searching_counts_and_steps(driver: Driver) -> None:
    hits = (message(1, "A needle"), message(3, "needles (two needles)"))
    signed_in(driver, hits[0], message(2), hits[1])
    search(driver, "needle", *hits)
    row = driver.app.chat.search
    assert driver.session.asked("search") == [("ada", "needle")]
    assert row.status.cget("text") == "1 of 2"
    assert tagged(driver, "found") == ["needle", "needle"]
    driver.key(row.entry, "<Return>")
    assert row.status.cget("text") == "2 of 2"
    assert tagged(driver, "found") == ["needle"]
    driver.key(row.entry, "<Shift-Return>")
    assert row.status.cget("text") == "1 of 2"
    driver.key(row.entry, "<Escape>")
    assert not row.is_open
    assert tagged(driver, "found") == []


@pytest.mark.parametrize(
    ("text", "wanted", "found"),
    [
        ("🎉🎉 Die Straße 🎉 in der Straße", "STRASSE", ["Straße", "Straße"]),
        ("🎉 cafe\u0301 🎉 café", "CAFÉ", ["cafe\u0301", "café"]),
        ("👩‍👩‍👧 needle 🎉needle", "NEEDLE", ["needle", "needle"]),
        ("a https://example.org/straße.", "strasse", ["straße"]),
    ],
)
def test_what_was_found_is_coloured(
    driver: Driver, text: str, wanted: str, found: list[str]
) -> None:
    hit = message(1, text)
    signed_in(driver, hit)
    search(driver, wanted, hit)
    assert tagged(driver, "found") == found
    driver.show(ev.MessageArrived(message(2)), ev.MessageChanged(message(1, f"🎉 {text}")))
    assert tagged(driver, "found") == found


def test_searching_in_vain_is_told(driver: Driver) -> None:
    signed_in(driver, message(1))
    search(driver, "needle")
    assert driver.app.chat.search.status.cget("text") == "Nothing found"


def test_a_hit_far_back_is_fetched(driver: Driver) -> None:
    long_conversation(driver)
    search(driver, "message 777", message(777))
    for first in (751, 551):
        assert driver.session.asked("load_older")[-1] == ("ada", True)
        older_page(driver, first, first + 199)
    assert tagged(driver, "found") == ["message 777"]
    assert "m777" in the(driver).rows.drawn
    assert not the(driver).is_at_end


# --- hands -----------------------------------------------------------------------------


def select(driver: Driver, first: str, last: str) -> None:
    the(driver).text.tag_add("sel", first, last)


def clipboard(driver: Driver) -> str:
    return str(driver.app.root.clipboard_get())


def primary(driver: Driver) -> str:
    """What a click with the middle button puts in elsewhere."""
    text: Any = the(driver).text
    return str(text.selection_get(selection="PRIMARY"))


def test_a_part_of_one_message_is_copied_as_it_is(driver: Driver) -> None:
    signed_in(driver, message(1, "🎉 one two three", own=True))
    text = the(driver).text
    select(driver, "t:m1.first", "t:m1.last - 6 chars")
    driver.key(text, "<Control-c>")
    assert clipboard(driver) == "🎉 one two"
    assert primary(driver) == "🎉 one two"


def test_several_messages_are_copied_with_who_and_when(driver: Driver) -> None:
    signed_in(driver, message(1, "Hello 🎉"), message(2, "Well?"), message(3, "Yes", own=True))
    driver.key(the(driver).text, "<Control-a>")
    driver.key(the(driver).text, "<Control-c>")
    lines = clipboard(driver).splitlines()
    assert [line[8:] for line in lines] == ["ada: Hello 🎉", "ada: Well?", "bob: Yes"]
    assert all(line[0] == "[" and line[6:8] == "] " for line in lines)


def test_the_arrow_keys_take_up_one_message_after_another(driver: Driver) -> None:
    signed_in(driver, message(1, "first"), message(2, "second"), message(3, "third"))
    text, hands = the(driver).text, driver.app.chat.hands
    driver.key(text, "<Up>")
    driver.key(text, "<Up>")
    assert hands.in_hand == "m2"
    assert tagged(driver, "current") == ["second\n"]
    driver.key(text, "<Control-c>")
    assert clipboard(driver) == "second"
    driver.key(text, "<Home>")
    assert hands.in_hand == "m1"
    driver.key(text, "<End>")
    assert hands.in_hand == "m3"
    driver.app.chat.composer.text.focus_force()
    driver.settle()
    assert tagged(driver, "current") == []


def labels(driver: Driver, shown: ev.ChatMessage) -> list[str]:
    menu = driver.app.chat.hands.menu_for(shown)
    entries = range(int(menu.index("end") or 0) + 1)
    return [menu.entrycget(n, "label") for n in entries if menu.type(n) == "command"][1:]


def test_a_message_offers_what_can_be_done_with_it(driver: Driver) -> None:
    signed_in(driver)
    mark = ev.Mark
    living = ["Copy message", "Reply", "React…"]
    assert labels(driver, message(1)) == living
    assert labels(driver, message(1, own=True)) == [*living, "Edit", "Unsend…"]
    assert labels(driver, message(1, own=True, mark=mark.READ)) == [*living, "Edit"]
    queued = message(1, own=True, mark=mark.QUEUED, sequence=0)
    assert labels(driver, queued) == ["Copy message", "Edit", "Delete"]
    failed = message(1, own=True, mark=mark.FAILED, sequence=0)
    assert labels(driver, failed) == ["Copy message", "Edit", "Retry", "Delete"]
    assert labels(driver, message(1, own=True, mark=mark.UNSENT)) == []


def test_a_link_opens_at_a_click(driver: Driver, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    monkeypatch.setattr(hands, "open_link", opened.append)
    signed_in(driver, message(1, "🎉 see https://example.org/a and http://example.org/b."))
    assert tagged(driver, "url") == ["https://example.org/a", "http://example.org/b"]
    driver.click_tag(the(driver).text, "url")
    assert opened == ["https://example.org/a"]


def test_a_message_in_hand_stays_in_hand_when_its_mark_changes(driver: Driver) -> None:
    signed_in(driver, message(1, "first", own=True))
    driver.key(the(driver).text, "<Up>")
    driver.show(ev.ReadReceipt("ada", 1, by_me=False))
    assert tagged(driver, "current") == ["first   ✓✓ read\n"]


def test_waiting_for_a_page_is_told_after_a_moment(driver: Driver) -> None:
    signed_in(driver)
    driver.app.chat.open_conversation("grace")
    assert the(driver).hint.cget("text") == ""
    driver.wait_until(lambda: the(driver).hint.cget("text") == "Loading…", "no word")
    driver.show(ev.Failed("open_conversation", "No server can be reached.", address="grace"))
    assert "once a server answers" in the(driver).hint.cget("text")
    driver.show(ev.LinkChanged(ev.Link.RECONNECTING), ev.LinkChanged(ev.Link.CONNECTED))
    assert driver.session.asked("open_conversation") == [("ada",), ("grace",), ("grace",)]
    driver.show(ev.PageLoaded("grace", (), newest=True, older=False))
    assert the(driver).hint.cget("text") == "No messages with grace yet. Say hello."
