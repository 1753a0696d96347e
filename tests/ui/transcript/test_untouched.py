"""What a change leaves alone: the selection, the place of the reader, and all other rows."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace

import pytest

from chat.client import events as ev
from chat.ui.transcript import pane
from tests.ui.conftest import NOW, Driver, message, signed_in
from tests.ui.transcript.test_pane import clipboard, primary, select, tagged, the

DAY_S = 86_400.0
OWN = range(1_001, 1_041, 2)


def a_conversation(driver: Driver) -> None:
    """Of own and received messages in turn, over two days, with more before it."""
    signed_in(driver)
    page = tuple(
        message(n, f"🎉 ß message {n}", own=n in OWN, sent_at=NOW - (n < 1_020) * DAY_S)
        for n in range(1_001, 1_041)
    )
    driver.show(ev.PageLoaded("ada", page, newest=True, older=True))


def page_before(driver: Driver) -> None:
    page = tuple(message(n) for n in range(951, 1_001))
    driver.show(ev.PageLoaded("ada", page, newest=False, older=True))


def page_again(driver: Driver) -> None:
    """After a reconnection: the same, some of it read by now, and two more."""
    page = tuple(
        replace(m, mark=ev.Mark.READ) if m.mark is ev.Mark.SENT else m
        for m in the(driver).messages[5:]
    )
    more = (message(1_041), message(1_042, own=True))
    driver.show(ev.PageLoaded("ada", (*page, *more), newest=True, older=True))


def changed(number: int, **changes: object) -> Callable[[Driver], None]:
    def change(driver: Driver) -> None:
        before = the(driver).message(f"m{number}")
        assert before is not None
        driver.show(ev.MessageChanged(replace(before, **changes)))  # type: ignore[arg-type]

    return change


def queued_and_sent(driver: Driver) -> None:
    waiting = message(1_050, own=True, sequence=0, mark=ev.Mark.QUEUED)
    driver.show(ev.MessageArrived(waiting), ev.MessageArrived(message(1_041)))
    driver.show(ev.MessageChanged(replace(waiting, mark=ev.Mark.SENT, sequence=1_042)))


def found(driver: Driver) -> None:
    the(driver).draw.show_found("m1021", "SS")


CHANGES: dict[str, Callable[[Driver], None]] = {
    "its own mark": changed(1_021, mark=ev.Mark.READ),
    "all marks": lambda d: d.show(ev.ReadReceipt("ada", 1_040, by_me=False)),
    "a mark above": changed(1_001, mark=ev.Mark.READ),
    "a mark below": changed(1_039, mark=ev.Mark.READ),
    "a text above unsent": changed(1_019, mark=ev.Mark.UNSENT),
    "the next text unsent": changed(1_022, mark=ev.Mark.UNSENT),
    "a message received": lambda d: d.show(ev.MessageArrived(message(1_041))),
    "many received": lambda d: d.show(*map(ev.MessageArrived, map(message, range(1_041, 1_140)))),
    "one from another device": lambda d: d.show(ev.MessageArrived(message(1_041, own=True))),
    "one queued and sent": queued_and_sent,
    "older messages": page_before,
    "the page once more": page_again,
    "the text found": found,
    "a message found above": lambda d: the(d).draw.show_found("m1002", "message"),
    "one taken out above": lambda d: d.show(ev.MessageRemoved("ada", "m1020")),
    "presence": lambda d: d.show(ev.Presence("ada", False), ev.Presence("ada", True)),
    "trouble and its end": lambda d: d.show(ev.LinkChanged(ev.Link.WAITING),
                                            ev.LinkChanged(ev.Link.CONNECTED, 2)),
    "dark": lambda d: d.app.change_setting("theme", "dark"),
}  # fmt: skip


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_a_selection_and_the_readers_place_survive(
    driver: Driver, change: Callable[[Driver], None]
) -> None:
    a_conversation(driver)
    shown = the(driver)
    shown.let_go()
    shown.text.yview("m:m1015.first")
    driver.settle()
    select(driver, "t:m1021.first + 3 chars", "t:m1021.last - 2 chars")
    shown.text.mark_set("insert", "t:m1021.first + 5 chars")
    said = shown.text.get("sel.first", "sel.last")
    at_cursor = shown.text.get("insert", "insert + 6 chars")
    top = shown.draw.top_message()
    place = top, shown.text.bbox(f"m:{top}.first")
    change(driver)
    driver.settle()
    assert shown.text.get("sel.first", "sel.last") == said
    assert shown.text.get("insert", "insert + 6 chars") == at_cursor
    assert (shown.draw.top_message(), shown.text.bbox(f"m:{top}.first")) == place
    driver.key(shown.text, "<Control-c>")
    assert clipboard(driver) == said
    assert primary(driver) == said


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_a_selection_over_several_messages_has_no_gaps_afterwards(
    driver: Driver, change: Callable[[Driver], None]
) -> None:
    a_conversation(driver)
    shown = the(driver)
    select(driver, "t:m1003.first", "t:m1037.last")
    change(driver)
    driver.settle()
    ranges = shown.text.tag_ranges("sel")
    assert len(ranges) == 2
    assert shown.text.compare(ranges[0], "==", "t:m1003.first")
    assert shown.text.compare(ranges[1], "==", "t:m1037.last")


def test_a_selection_in_a_large_new_type_stays(driver: Driver) -> None:
    a_conversation(driver)
    select(driver, "t:m1021.first", "t:m1021.last")
    driver.app.change_setting("scale_percent", 150)
    driver.settle()
    assert tagged(driver, "sel") == ["🎉 ß message 1021"]
    assert the(driver).is_at_end


def test_what_is_selected_is_not_taken_out_of_the_widget_at_once(
    driver: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pane, "TRANSCRIPT_MESSAGES_MAX", 40)
    monkeypatch.setattr(pane, "_TRIM_SLACK", 10)
    a_conversation(driver)
    select(driver, "t:m1005.first", "t:m1006.last")
    driver.show(*(ev.MessageArrived(message(n)) for n in range(1_041, 1_070)))
    assert "m1001" in the(driver).rows.drawn
    assert "🎉 ß message 1006" in "".join(tagged(driver, "sel"))
    driver.show(*(ev.MessageArrived(message(n)) for n in range(1_070, 1_100)))
    assert len(the(driver).rows.drawn) <= 50


def test_after_any_changes_the_same_stands_there_as_if_it_were_drawn_at_once(
    driver: Driver,
) -> None:
    """The fewest changes must lead to the very same text, tag by tag."""
    a_conversation(driver)
    shown, chance = the(driver), random.Random(7)
    marks = (ev.Mark.SENT, ev.Mark.READ, ev.Mark.UNSENT, ev.Mark.FAILED, ev.Mark.QUEUED)
    for step in range(150):
        number = chance.randrange(990, 1_080)
        known = shown.message(f"m{number}")
        if known is None:
            driver.app.chat.transcript.add(message(number, own=chance.random() < 0.5), seen=False)
        elif chance.random() < 0.2:
            shown.remove(known.id)
        elif chance.random() < 0.1:
            shown.rows.show_around(known.id, chance.randrange(1, 60))
            shown.draw.draw()
        else:
            waits = chance.random() < 0.2
            shown.change(replace(known, mark=chance.choice(marks), text=f"now {step} 🎉",
                                 sequence=0 if waits else number,
                                 sent_at=NOW - chance.choice((0, 600, DAY_S))))  # fmt: skip
        if chance.random() < 0.1:
            shown.forget_new()
    assert written(driver) == at_once(driver)


def written(driver: Driver) -> list[tuple[str, frozenset[str]]]:
    """Each letter with its tags."""
    letters: list[tuple[str, frozenset[str]]] = []
    tags: set[str] = set()
    for kind, value, _ in the(driver).text.dump("1.0", "end"):
        if kind == "tagon":
            tags.add(value)
        elif kind == "tagoff":
            tags.discard(value)
        elif kind == "text":
            letters += [(letter, frozenset(tags)) for letter in value]
    return letters


def at_once(driver: Driver) -> list[tuple[str, frozenset[str]]]:
    shown = the(driver)
    rows, bounds = list(shown.rows.order), (shown.rows.first, shown.rows.last)
    shown.rows.first = shown.rows.last = 0
    shown.draw.draw()
    assert shown.text.get("1.0", "end") == "\n"
    shown.rows.first, shown.rows.last = bounds
    shown.draw.draw()
    assert rows == shown.rows.order
    return written(driver)
