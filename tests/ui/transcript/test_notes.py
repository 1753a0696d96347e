"""What happens in a room besides messages, as lines between them."""

from __future__ import annotations

import pytest

from chat.client import events as ev
from chat.ui import words
from tests.ui.conftest import Driver, message, room_summary
from tests.ui.transcript.test_pane import the


def note(position: int, after: int, kind: str = "came", by: str = "ada", names: str = "ada",
         **rest: object) -> ev.RoomNote:  # fmt: skip
    return ev.RoomNote("#lab", position, after, kind, by, tuple(names.split()), **rest)  # type: ignore[arg-type]


def said(number: int, text: str = "", *, own: bool = False, **changes: object) -> ev.ChatMessage:
    return message(number, text, own=own, address="#lab", **changes)


def lab(driver: Driver, *messages: ev.ChatMessage, notes: tuple[ev.RoomNote, ...] = ()) -> None:
    driver.show(
        ev.SignedIn("bob"), ev.LinkChanged(ev.Link.CONNECTED, server_id=2),
        ev.ConversationsLoaded((room_summary(),)),
    )  # fmt: skip
    driver.app.chat.open_conversation("#lab")
    driver.show(ev.PageLoaded("#lab", messages, newest=True, older=False, notes=notes))


def lines(driver: Driver) -> list[str]:
    return [line for line in driver.screen().splitlines() if line]


@pytest.mark.parametrize(
    ("told", "sentence"),
    [
        (note(1, 0, "made"), "ada created the room."),
        (note(1, 0, "made", "bob"), "You created the room."),
        (note(1, 0), "ada joined."),
        (note(1, 0, names="bob"), "ada added you."),
        (note(1, 0, by="bob", names="cat dan"), "You added cat and dan."),
        (note(1, 0, names="a b c d e f g"), "ada added a, b, c, d and 3 others."),
        (note(1, 0, "went"), "ada left."),
        (note(1, 0, "went", names="cat"), "ada removed cat."),
        (note(1, 0, "changed", topic="Tea", changed=("topic",)), "ada changed the topic to “Tea”."),
        (note(1, 0, "changed", changed=("topic",)), "ada removed the topic."),
        (note(1, 0, "changed", private=True, owner="bob", changed=("access", "owner")),
         "ada made the room private and made you the owner."),
        (note(1, 0, "changed", topic="Tea"), "ada changed the room."),
    ],
)  # fmt: skip
def test_each_is_a_sentence(told: ev.RoomNote, sentence: str) -> None:
    assert words.note(told, "bob") == sentence


def test_notes_stand_between_the_messages_that_they_came_between(driver: Driver) -> None:
    lab(driver, said(1), said(2), notes=(note(1, 0, "made"), note(3, 1, names="bob"),
                                         note(4, 1, names="cat"), note(6, 2, "went")))  # fmt: skip
    shown = [line for line in lines(driver) if not line.startswith("ada   ")]
    assert shown == [
        "This is the beginning of #lab.", "ada created the room.", "Today", "message 1",
        "ada added you.", "ada added cat.", "message 2", "ada left.",
    ]  # fmt: skip
    assert sum(line.startswith("ada   ") for line in lines(driver)) == 2  # each has its header


def test_what_comes_stands_at_the_end_and_survives_a_page(driver: Driver) -> None:
    lab(driver, said(1))
    driver.show(ev.NoteArrived(note(2, 1)), ev.MessageArrived(said(2)))
    assert lines(driver)[-3:][0] == "ada joined."
    driver.show(ev.PageLoaded("#lab", (said(1), said(2)), True, False, (note(2, 1),)))
    assert lines(driver).count("ada joined.") == 1
    driver.show(ev.NoteArrived(note(9, 2)))
    driver.show(ev.NoteArrived(note(9, 2)))
    assert lines(driver).count("ada joined.") == 2


def test_what_comes_before_its_page_is_not_lost(driver: Driver) -> None:
    driver.show(ev.SignedIn("bob"), ev.ConversationsLoaded((room_summary(),)))
    driver.app.chat.open_conversation("#lab")
    driver.show(ev.NoteArrived(note(5, 2)))
    driver.show(ev.PageLoaded("#lab", (said(1), said(2)), True, False))
    assert lines(driver)[-1] == "ada joined."


def test_a_message_that_waits_stays_below(driver: Driver) -> None:
    lab(driver, said(1))
    driver.show(ev.MessageArrived(said(7, "waits", own=True, sequence=0, mark=ev.Mark.QUEUED)))
    driver.show(ev.NoteArrived(note(2, 1)))
    assert lines(driver).index("ada joined.") < lines(driver).index("waits   ⏳ queued")


def test_a_header_comes_and_goes_with_a_note_above(driver: Driver) -> None:
    lab(driver, said(1), said(2))
    assert sum(line.startswith("ada   ") for line in lines(driver)) == 1
    driver.show(ev.NoteArrived(note(2, 1)))
    assert sum(line.startswith("ada   ") for line in lines(driver)) == 2
    driver.show(ev.PageLoaded("#lab", tuple(said(n) for n in range(50, 60)), True, True))
    assert "ada joined." not in driver.screen()  # another stretch of the room


def test_older_pages_bring_theirs(driver: Driver) -> None:
    lab(driver)
    page = tuple(said(n) for n in range(11, 16))
    driver.show(ev.PageLoaded("#lab", page, True, True, (note(20, 15),)))
    older = tuple(said(n) for n in range(6, 11))
    driver.show(ev.PageLoaded("#lab", older, False, True, (note(8, 7, "went"), note(12, 10))))
    order = [line for line in lines(driver) if not line.startswith("ada   ")]
    assert order.index("ada left.") == order.index("message 7") + 1
    assert order.index("message 11") - order.index("message 10") == 2


def test_the_arrow_keys_pass_notes(driver: Driver) -> None:
    lab(driver, said(1), said(2), notes=(note(2, 1), note(4, 2)))
    text = the(driver).text
    driver.key(text, "<Up>")
    driver.key(text, "<Up>")
    assert driver.app.chat.hands.in_hand in ("m1", "m2")
    driver.key(text, "<Up>")
    assert driver.app.chat.hands.in_hand == "m1"


def test_notes_are_not_copied(driver: Driver) -> None:
    lab(driver, said(1), said(2), notes=(note(2, 1),))
    the(driver).text.tag_add("sel", "1.0", "end")
    assert "joined" not in driver.app.chat.hands.selected_text()
