"""Rooms in the window: in the list and the transcript, and the dialogs that find or create one."""

from __future__ import annotations

from typing import Any

from chat.client import events as ev
from chat.ui import words
from chat.ui.room_dialogs import CreateRoomDialog, FindRoomDialog, named
from tests.ui.conftest import Driver, drawn_on, message, room_summary, signed_in
from tests.ui.test_notices import Told

LAB = ev.RoomInfo("#lab", "What we are at", False, "ada", 3, True)
TEA = ev.RoomInfo("#tea", "At four, in the kitchen", False, "grace", 12, False)


def in_room(driver: Driver, *messages: ev.ChatMessage, **about: Any) -> None:
    """bob is signed in, and the room is open."""
    signed_in(driver)
    driver.show(ev.ConversationUpdated(room_summary(**about)))
    driver.app.chat.open_conversation("#lab")
    driver.show(ev.PageLoaded("#lab", messages, newest=True, older=False))


def said(number: int, sender: str, text: str = "") -> ev.ChatMessage:
    return message(number, text, address="#lab", sender=sender, own=sender == "bob")


# --- list and transcript -----------------------------------------------------------------


def test_a_room_is_in_the_list_with_who_spoke_last(driver: Driver) -> None:
    signed_in(driver)
    driver.show(ev.ConversationUpdated(room_summary(unread=4)))
    shown = [text for text, _ in drawn_on(driver.app.chat.list.canvas)]
    assert {"#", "#lab", "ada: Hello", "4"} <= set(shown)
    assert driver.app.root.title() == "(6) Chat"
    own = room_summary()
    driver.show(ev.ConversationUpdated(ev.ConversationSummary(
        "#lab", "Yes", ev.Mark.SENT, own.last_activity, 0, False, False, room=own.room,
        preview_sender="bob",
    )))  # fmt: skip
    assert "✓ Yes" in [text for text, _ in drawn_on(driver.app.chat.list.canvas)]


def test_a_room_in_which_nothing_was_said_shows_its_topic() -> None:
    silent = ev.ConversationSummary("#lab", "", ev.Mark.RECEIVED, 0.0, 0, False, False, room=LAB)
    assert words.preview(silent, draft="") == "What we are at"


def test_everyone_has_name_and_disc_in_a_room(driver: Driver) -> None:
    in_room(driver, said(1, "ada"), said(2, "grace"), said(3, "grace"), said(4, "bob"))
    screen = driver.screen()
    assert screen.startswith("This is the beginning of #lab.\n")
    assert [screen.count(name) for name in ("ada ", "grace ", "You ")] == [1, 1, 1]
    assert driver.app.chat.transcript.gutter.shown == 3
    assert driver.app.chat.presence.cget("text") == "3 members · What we are at"
    driver.app.chat.composer.text.insert("1.0", "Hello all")
    driver.key(driver.app.chat.composer.text, "<Return>")
    assert driver.session.asked("send") == [("#lab", "Hello all")]


def test_an_empty_room_asks_for_the_first_message(driver: Driver) -> None:
    in_room(driver)
    hint = driver.app.chat.transcript.hint.cget("text")
    assert hint == "No messages in #lab yet. Write the first one."


def test_a_long_topic_leaves_the_buttons_in_sight(driver: Driver) -> None:
    in_room(driver, topic="word " * 51)
    chat = driver.app.chat
    assert chat.presence.cget("text").endswith("…")
    assert chat.menu_button.winfo_rootx() + chat.menu_button.winfo_width() <= 980


def test_a_notification_says_which_room(driver: Driver) -> None:
    signed_in(driver)
    driver.show(ev.ConversationUpdated(room_summary()))
    told = driver.app.notifier = Told()
    driver.show(ev.MessageArrived(said(1, "grace", "Tea is ready")))
    told.step(10.0**9)
    assert told.notices == [("grace in #lab", "Tea is ready")]
    driver.show(ev.MessageArrived(said(2, "ada", "Coming")))
    told.forget("#lab")
    assert told.is_calm


def test_who_is_no_longer_in_a_room_writes_nothing_there(driver: Driver) -> None:
    in_room(driver, said(1, "ada"))
    chat = driver.app.chat
    chat.composer.text.insert("1.0", "half a sen")
    driver.show(ev.RoomLeft("#lab"))
    assert chat.list.get("#lab") is None
    assert not chat.composer.enabled
    assert chat.composer.value == "half a sen"
    assert chat.composer.error.cget("text") == words.not_in_room("#lab")
    driver.show(ev.RoomBegun("#lab"), ev.ConversationUpdated(room_summary()))
    assert chat.composer.enabled
    assert not chat.composer.error.cget("text")


# --- creating ------------------------------------------------------------------------------


def creating(driver: Driver) -> CreateRoomDialog:
    signed_in(driver)
    driver.key(driver.app.chat.composer.text, "<Control-Shift-J>")
    dialog = driver.app.windows.dialog
    assert isinstance(dialog, CreateRoomDialog)
    return dialog


def test_a_room_is_created_by_keys_alone(driver: Driver) -> None:
    dialog = creating(driver)
    assert driver.app.root.focus_get() is dialog.fields["name"]
    dialog.fields["name"].insert(0, " lab ")
    dialog.fields["topic"].insert(0, "What we are at")
    dialog.setvar("chat_room_access", "private")
    driver.key(dialog.fields["topic"], "<Return>")
    driver.key(dialog.fields["topic"], "<Return>")  # once more, in haste
    assert driver.session.asked("rooms.create") == [("#lab", "What we are at", True)]
    driver.show(ev.Done("create_room", "#lab"))
    assert not driver.app.windows.is_open
    assert driver.app.chat.address == "#lab"
    assert driver.app.root.focus_get() is driver.app.chat.composer.text


def test_what_is_refused_stands_at_its_field(driver: Driver) -> None:
    dialog = creating(driver)
    driver.key(dialog.fields["name"], "<Return>")
    assert dialog.error.cget("text") == "Enter a name for the room."
    dialog.fields["name"].insert(0, "#lab")
    dialog.fields["topic"].insert(0, "x" * 257)
    driver.key(dialog.fields["name"], "<Return>")
    assert dialog.error.cget("text") == "Too long for a topic, by 1 character."
    assert dialog.fields["topic"].instate(["invalid"])
    assert not driver.session.asked("rooms.create")
    dialog.fields["topic"].delete(0, "end")
    driver.key(dialog.fields["name"], "<Return>")
    driver.show(ev.Failed("create_room", "This name is taken.", "name", "#lab"))
    assert dialog.error.cget("text") == "This name is taken."
    assert dialog.fields["name"].instate(["invalid"])
    assert driver.app.root.focus_get() is dialog.fields["name"]
    dialog.submit()
    assert len(driver.session.asked("rooms.create")) == 2


def test_a_name_has_its_mark_once() -> None:
    assert [named(text) for text in ("lab", " #lab", "")] == ["#lab", "#lab", ""]


# --- finding -------------------------------------------------------------------------------


def finding(driver: Driver) -> FindRoomDialog:
    signed_in(driver)
    driver.key(driver.app.chat.list.room_button, "<Return>")
    dialog = driver.app.windows.dialog
    assert isinstance(dialog, FindRoomDialog)
    driver.show(ev.RoomsListed("**", (LAB, TEA), False))
    return dialog


def test_a_room_is_found_and_joined(driver: Driver) -> None:
    dialog = finding(driver)
    assert dialog.names == ("#lab", "#tea")
    assert dialog.list.item("1", "values") == ("At four, in the kitchen", "12 members")
    assert dialog.action_button is not None
    assert dialog.action_button.cget("text") == "Open"  # bob is in the first one
    driver.key(dialog.entry, "<Down>")
    assert dialog.action_button.cget("text") == "Join"
    driver.key(dialog.entry, "<Return>")
    assert driver.session.asked("rooms.join") == [("#tea",)]
    driver.show(ev.Failed("join_room", "There are 500 people in this room already.", "", "#tea"))
    assert "500 people" in dialog.error.cget("text")
    driver.key(dialog.entry, "<Return>")
    driver.show(ev.Done("join_room", "#tea"))
    assert not driver.app.windows.is_open
    assert driver.app.chat.address == "#tea"


def test_a_room_one_is_in_is_just_opened(driver: Driver) -> None:
    dialog = finding(driver)
    driver.key(dialog.entry, "<Return>")
    assert driver.app.chat.address == "#lab"
    assert not driver.session.asked("rooms.join")


def test_rooms_are_filtered_with_or_without_their_mark(driver: Driver) -> None:
    dialog = finding(driver)
    for typed in ("te", "#te"):
        dialog.entry.delete(0, "end")
        dialog.entry.insert(0, typed)
        driver.wait_until(lambda: dialog.asked == "*te*", "the filter")
        driver.show(ev.RoomsListed("**", (LAB,), False))  # late
        driver.show(ev.RoomsListed("*te*", (TEA,), False))
        assert dialog.names == ("#tea",)
        dialog.entry.delete(0, "end")
        driver.wait_until(lambda: dialog.asked == "**", "all again")
    assert driver.session.asked("rooms.find").count(("*te*",)) == 2


def test_what_is_not_found_can_be_created(driver: Driver) -> None:
    dialog = finding(driver)
    dialog.entry.insert(0, "#chess")
    driver.wait_until(lambda: dialog.asked == "*chess*", "the filter")
    driver.show(ev.RoomsListed("*chess*", (), False))
    assert "create one" in dialog.note.cget("text")
    dialog.create_button.invoke()
    driver.settle()
    made = driver.app.windows.dialog
    assert isinstance(made, CreateRoomDialog)
    assert made.fields["name"].get() == "chess"
