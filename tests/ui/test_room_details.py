"""The pane of a room's details: who is in it, and what can be changed."""

from __future__ import annotations

import tkinter as tk
from typing import Any

import pytest

from chat.client import events as ev
from chat.ui import words
from chat.ui.details import DetailsPane
from chat.ui.dialogs import ConfirmDialog
from chat.ui.room_dialogs import AddMembersDialog, EditRoomDialog
from tests.ui.conftest import Driver, room_summary
from tests.ui.test_rooms import in_room, said

MEMBERS = tuple(
    ev.MemberEntry(name, name != "grace", name == "bob") for name in ("ada", "bob", "grace")
)


def pane(driver: Driver, *, owner: str = "bob", **about: Any) -> DetailsPane:
    """Opened by its key, with the keyboard's focus in it."""
    in_room(driver, said(1, "ada"), owner=owner, **about)
    driver.key(driver.app.chat.composer.text, "<Control-i>")
    driver.show(ev.MembersListed("#lab", MEMBERS))
    return driver.app.rooms.details


def choose(driver: Driver, name: str) -> None:
    driver.app.rooms.details.list.selection_set(name)
    driver.settle()


def confirm(driver: Driver) -> str:
    """Says yes; the question that was asked."""
    dialog = driver.app.windows.dialog
    assert isinstance(dialog, ConfirmDialog)
    question = str(dialog.headline.cget("text"))
    dialog.confirm()
    driver.settle()
    return question


def labels(menu: tk.Menu) -> list[str]:
    return [menu.entrycget(n, "label") for n in range(int(menu.index("end") or 0) + 1)]


def test_a_key_opens_it_and_escape_closes_it(driver: Driver) -> None:
    details = pane(driver)
    root, chat = driver.app.root, driver.app.chat
    assert details.winfo_ismapped()
    assert root.focus_get() is details.list
    assert driver.session.asked("rooms.list_members") == [("#lab",)]
    driver.key(details.list, "<Escape>")
    assert not details.winfo_ismapped()
    assert root.focus_get() is chat.composer.text
    chat.details_button.invoke()
    driver.settle()
    assert details.winfo_ismapped()
    details.close_button.invoke()
    assert not details.is_open


def test_it_says_what_the_room_is_about_and_who_is_in_it(driver: Driver) -> None:
    details = pane(driver)
    assert details.topic.cget("text") == "What we are at"
    assert details.access.cget("text") == "Open: anyone can join."
    assert details.count.cget("text") == "3 members"
    shown = [
        (details.list.item(name, "text").strip(), *details.list.item(name, "values"),
         *details.list.item(name, "tags"))
        for name in details.list.get_children()
    ]  # fmt: skip
    assert shown == [("ada", ""), ("bob (you)", "owner"), ("grace", "", "offline")]
    driver.show(ev.Presence("grace", True))
    assert not details.list.item("grace", "tags")


def test_it_follows_what_happens_in_the_room(driver: Driver) -> None:
    details = pane(driver)
    choose(driver, "grace")
    driver.session.calls.clear()
    driver.show(
        ev.MembersCame("#lab", "ada", ("alan",)),
        ev.ConversationUpdated(room_summary(members=4, topic="Another", owner="ada")),
    )
    assert driver.session.asked("rooms.list_members") == [("#lab",)]
    driver.show(ev.MembersListed("#lab", (*MEMBERS, ev.MemberEntry("alan", True, False))))
    assert details.topic.cget("text") == "Another"
    assert details.count.cget("text") == "4 members"
    assert details.chosen == "grace"
    assert not details.can_remove  # bob is its owner no more
    driver.show(ev.LinkChanged(ev.Link.RECONNECTING), ev.LinkChanged(ev.Link.CONNECTED, 2))
    assert len(driver.session.asked("rooms.list_members")) == 2
    driver.show(ev.MembersCame("#other", "ada", ("alan",)))
    assert len(driver.session.asked("rooms.list_members")) == 2


def test_it_stays_open_from_room_to_room_and_goes_with_a_person(driver: Driver) -> None:
    details = pane(driver)
    driver.show(ev.ConversationUpdated(room_summary("#tea", "At four")))
    driver.app.chat.open_conversation("ada")
    driver.settle()
    assert not details.winfo_ismapped()
    assert not driver.app.chat.details_button.winfo_ismapped()
    driver.key(driver.app.chat.composer.text, "<Control-i>")  # there is nothing to open
    assert not details.is_open
    driver.app.chat.open_conversation("#tea")
    driver.settle()
    assert details.winfo_ismapped()
    assert details.topic.cget("text") == "At four"
    assert not details.members
    assert driver.session.asked("rooms.list_members")[-1] == ("#tea",)


@pytest.mark.parametrize(("place", "covers"), [("980x640", False), ("640x420", True)])
def test_it_covers_the_transcript_only_where_there_is_no_room(
    driver: Driver, place: str, covers: bool
) -> None:
    details = pane(driver)
    driver.app.root.geometry(place)
    driver.settle()
    assert (details.winfo_width() == driver.app.chat.right.winfo_width()) is covers
    assert details.leave_button.winfo_ismapped()
    bottom = details.leave_button.winfo_rooty() + details.leave_button.winfo_height()
    assert bottom <= driver.app.strip.winfo_rooty()


def test_f6_gets_there(driver: Driver) -> None:
    details = pane(driver)
    driver.key(driver.app.chat.composer.text, "<F6>")
    assert driver.app.root.focus_get() is details.list
    driver.key(details.list, "<F6>")
    assert driver.app.root.focus_get() is driver.app.chat.list.canvas


# --- changes -------------------------------------------------------------------------------


def test_people_are_added(driver: Driver) -> None:
    details = pane(driver, owner="ada")
    details.add_button.invoke()
    driver.settle()
    dialog = driver.app.windows.dialog
    assert isinstance(dialog, AddMembersDialog)
    users = tuple(ev.UserEntry(name, True) for name in ("ada", "alan", "bob", "linus"))
    driver.show(ev.UsersListed("**", users, False))
    assert dialog.names == ("alan", "linus")  # the others are in the room
    dialog.list.selection_set("0", "1")
    driver.key(dialog.entry, "<Return>")
    driver.key(dialog.entry, "<Return>")  # once more, in haste
    assert driver.session.asked("rooms.add") == [("#lab", ("alan", "linus"))]
    driver.show(ev.Failed("add_members", "linus has deleted the account.", "", "#lab"))
    assert "linus" in dialog.error.cget("text")
    dialog.choose()
    driver.show(ev.Done("add_members", "#lab"))
    assert not driver.app.windows.is_open


def test_a_member_is_removed_by_keys_alone(driver: Driver) -> None:
    details = pane(driver)
    choose(driver, "grace")
    assert details.remove_button.winfo_ismapped()
    driver.key(details.list, "<Delete>")
    assert confirm(driver) == "Remove grace from #lab?"
    assert driver.session.asked("rooms.remove") == [("#lab", "grace")]
    driver.show(ev.Failed("remove_member", "grace is not in this room.", "", "#lab"))
    assert details.error.cget("text") == "grace is not in this room."
    choose(driver, "bob")
    assert not details.remove_button.winfo_ismapped()
    driver.key(details.list, "<Delete>")
    assert not driver.app.windows.is_open


def test_the_menu_of_a_member(driver: Driver, monkeypatch: pytest.MonkeyPatch) -> None:
    popped: list[list[str]] = []
    monkeypatch.setattr(tk.Menu, "tk_popup", lambda menu, *_: popped.append(labels(menu)))
    details = pane(driver)
    choose(driver, "grace")
    driver.key(details.list, "<Menu>")
    choose(driver, "bob")
    driver.key(details.list, "<Shift-F10>")
    assert popped == [["Write to grace", "Make owner…", "Remove…"], ["Leave room…"]]
    choose(driver, "grace")
    menu = details.menu()
    menu.invoke(1)
    assert confirm(driver) == "Make grace the owner of #lab?"
    assert driver.session.asked("rooms.update") == [("#lab", ("owner", "grace"))]
    driver.key(details.list, "<Return>")
    assert driver.app.chat.address == "grace"


def test_others_than_the_owner_change_nothing(driver: Driver) -> None:
    details = pane(driver, owner="ada")
    choose(driver, "grace")
    assert labels(details.menu()) == ["Write to grace"]
    assert not details.edit_button.winfo_ismapped()
    assert not details.remove_button.winfo_ismapped()


def test_topic_and_access_are_edited(driver: Driver) -> None:
    details = pane(driver)
    details.edit_button.invoke()
    driver.settle()
    dialog = driver.app.windows.dialog
    assert isinstance(dialog, EditRoomDialog)
    assert driver.app.root.focus_get() is dialog.fields["topic"]
    assert dialog.topic == "What we are at"
    dialog.fields["topic"].insert("end", " now")
    dialog.setvar("chat_room_access", "private")
    driver.key(dialog.fields["topic"], "<Return>")
    assert driver.session.asked("rooms.update") == [("#lab", "What we are at now", True)]
    driver.show(ev.Failed("update_room", "A topic is one line.", "topic", "#lab"))
    assert dialog.fields["topic"].instate(["invalid"])
    dialog.submit()
    driver.show(ev.Done("update_room", "#lab"))
    assert not driver.app.windows.is_open


def test_who_leaves_is_asked_and_the_room_closes(driver: Driver) -> None:
    details = pane(driver)
    details.leave_button.invoke()
    driver.settle()
    assert confirm(driver) == "Leave #lab?"
    assert driver.session.asked("rooms.remove") == [("#lab", "bob")]
    driver.show(ev.Done("remove_member", "#lab"), ev.RoomLeft("#lab"))
    assert not driver.app.chat.address
    assert not details.winfo_ismapped()
    assert driver.app.chat.list.get("#lab") is None


def test_who_is_removed_meanwhile_is_told(driver: Driver) -> None:
    details = pane(driver, owner="ada")
    driver.show(ev.RoomLeft("#lab"))
    assert driver.app.chat.address == "#lab"
    assert not driver.app.chat.composer.enabled
    assert not details.winfo_ismapped()


def test_what_leaving_means_is_said() -> None:
    open_, private = (ev.RoomInfo("#lab", "", private, "bob", 3, True) for private in (False, True))
    assert words.leaving(open_, "ada") == "You can join it again at any time."
    assert words.leaving(private, "bob") == (
        "Its oldest member will be its owner. Only a member can add you again."
    )
