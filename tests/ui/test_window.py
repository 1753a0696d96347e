"""The window with real widgets: what a person sees and does."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from tkinter import ttk

import pytest

from chat.client import events as ev
from chat.ui import words
from tests.ui.conftest import Driver, drawn_on, message, signed_in, summary


def test_signs_in_and_shows_where(driver: Driver) -> None:
    page = driver.app.sign_in
    page.username.set("bob")
    page.password.set("correct horse")
    page.submit()
    assert driver.session.asked("sign_in") == [("bob", "correct horse")]
    signed_in(driver)
    assert driver.app.strip.connection == "Connected to server 2 as bob"
    assert driver.app.root.title() == "(2) Chat"


def test_a_refused_sign_in_stands_beside_the_field(driver: Driver) -> None:
    driver.show(ev.Failed("sign_in", "User name or password is not right.", "password"))
    page = driver.app.sign_in
    assert page.errors["password"].cget("text") == "User name or password is not right."


@pytest.mark.parametrize(
    ("password", "again", "field"),
    [
        ("short", "short", "password"),
        ("e\u0301" * 7, "e\u0301" * 7, "password"),  # seven letters, each in two pieces
        ("long enough", "differs!", "repeated"),
    ],
)
def test_a_new_account_is_checked_first(
    driver: Driver, password: str, again: str, field: str
) -> None:
    page = driver.app.sign_in
    page.switch()
    page.username.set("bob")
    page.password.set(password)
    page.repeated.set(again)
    page.submit()
    assert page.errors[field].cget("text")
    assert not driver.session.asked("register")


def test_a_new_account_signs_in_by_itself(driver: Driver) -> None:
    page = driver.app.sign_in
    page.switch()
    page.username.set("Bob")
    page.password.set("correct horse")
    page.repeated.set("correct horse")
    page.submit()
    driver.show(ev.Done("register", "bob"))
    assert driver.session.asked("sign_in") == [("bob", "correct horse")]


def test_enter_sends_and_shift_enter_does_not(driver: Driver) -> None:
    signed_in(driver)
    composer = driver.app.chat.composer
    composer.text.insert("1.0", "one")
    driver.key(composer.text, "<Shift-Return>")
    composer.text.insert("insert", "two")
    driver.key(composer.text, "<Return>")
    assert driver.session.asked("send") == [("ada", "one\ntwo")]
    assert composer.value == ""


def test_the_composer_grows_to_six_lines(driver: Driver) -> None:
    signed_in(driver)
    composer = driver.app.chat.composer
    composer.text.insert("1.0", "\n" * 20)
    driver.settle()
    assert int(composer.text.cget("height")) == 6


def test_a_mark_follows_the_message(driver: Driver) -> None:
    signed_in(driver, message(1, "hi 🎉", own=True, mark=ev.Mark.QUEUED, sequence=0))
    assert "⏳ queued" in driver.screen()
    driver.show(ev.MessageChanged(message(1, "hi 🎉", own=True)))
    assert "✓ sent" in driver.screen()
    driver.show(ev.ReadReceipt("ada", 1, by_me=False))
    assert "✓✓ read" in driver.screen()
    assert "queued" not in driver.screen()


def test_an_unsent_message_shows_no_text(driver: Driver) -> None:
    signed_in(driver, message(1, "secret", own=True), message(2))
    driver.show(ev.MessageChanged(message(1, "", own=True, mark=ev.Mark.UNSENT)))
    assert "secret" not in driver.screen()
    assert "message unsent" in driver.screen()


def test_messages_stand_in_the_servers_order(driver: Driver) -> None:
    signed_in(driver, message(1), message(9, "mine", own=True, sequence=0, mark=ev.Mark.QUEUED))
    driver.show(ev.MessageArrived(message(2, "theirs")))
    screen = driver.screen()
    assert screen.index("theirs") < screen.index("mine")


def test_new_messages_stand_under_a_line(driver: Driver) -> None:
    signed_in(driver, *(message(n) for n in range(1, 6)), unread=2)
    screen = driver.screen()
    assert "2 new messages" in screen
    assert screen.index("message 3") < screen.index("2 new messages") < screen.index("message 4")


def test_reading_back_is_not_disturbed(driver: Driver) -> None:
    signed_in(driver, *(message(n) for n in range(1, 200)))
    transcript = driver.app.chat.transcript
    transcript.page(-2)
    driver.settle()
    driver.show(ev.MessageArrived(message(200)))
    assert not transcript.is_at_end
    assert transcript.unseen == 1


def test_older_messages_come_at_the_top(driver: Driver) -> None:
    signed_in(driver)
    page = tuple(message(n) for n in range(100, 160))
    driver.show(ev.PageLoaded("ada", page, newest=True, older=True))
    driver.app.chat.transcript.text.yview_moveto(0.0)
    driver.settle()
    driver.wait_until(lambda: bool(driver.session.asked("load_older")), "nothing older was asked")
    older = tuple(message(n) for n in range(50, 100))
    driver.show(ev.PageLoaded("ada", older, newest=False, older=False))
    assert [m.sequence for m in driver.app.chat.transcript.messages] == list(range(50, 160))


def test_the_transcript_keeps_the_newest_two_thousand(driver: Driver) -> None:
    signed_in(driver, *(message(n) for n in range(1, 2_001)))
    driver.show(*(ev.MessageArrived(message(n)) for n in range(2_001, 2_151)))
    rows = driver.app.chat.transcript.rows
    assert rows.drawn[-1] == "m2150"
    assert len(rows.drawn) < 2_100
    assert f"message {rows.drawn[0][1:]}\n" in driver.screen()
    assert "message 1\n" not in driver.screen()


def test_what_is_seen_is_marked_as_read_once(driver: Driver) -> None:
    signed_in(driver, message(1), unread=1)
    driver.wait_until(lambda: driver.app.chat.has_focus, "the window has no focus")
    assert driver.session.asked("mark_read") == [("ada", 0)]


def test_deliberate_reading_reads_the_next_few(driver: Driver) -> None:
    driver.app.change_setting("reading", "deliberate")
    signed_in(driver, message(1), unread=9)
    assert not driver.session.asked("mark_read")
    driver.app.chat.read_button.invoke()
    assert driver.session.asked("mark_read") == [("ada", 5)]


def test_what_cannot_be_seen_is_not_sent(driver: Driver) -> None:
    signed_in(driver, message(1))
    composer = driver.app.chat.composer
    composer.text.insert("1.0", "\u200b\u2060")
    driver.key(composer.text, "<Return>")
    assert not driver.session.asked("send")
    assert composer.error.cget("text") == "Write something first."


def test_what_cannot_be_seen_is_shown_as_something(driver: Driver) -> None:
    signed_in(driver, message(1))
    driver.show(ev.MessageArrived(message(2, "\u200b")), ev.MessageArrived(message(3, " ")))
    assert driver.screen().count(words.BLANK) == 2
    blank = replace(summary("ada"), preview="\u200b")
    assert words.preview(blank, draft="") == words.BLANK
    assert words.preview(blank, draft="\u200b") == words.BLANK
    nothing_yet = replace(summary("eve", activity=0.0), preview="")
    assert words.preview(nothing_yet, draft="") == ""


def test_a_deleted_account_cannot_be_written_to(driver: Driver) -> None:
    signed_in(driver, message(1))
    chat = driver.app.chat
    chat.composer.text.insert("1.0", "half a sen")
    driver.show(ev.AccountDeleted("ada"))
    sentence = "ada has deleted their account; messages can no longer be sent."
    assert chat.composer.error.cget("text") == sentence
    driver.key(chat.composer.text, "<Return>")
    driver.key(chat.transcript.text, "<x>")
    assert not driver.session.asked("send")
    assert chat.composer.value == driver.profile.draft("bob", "ada") == "half a sen"
    chat.open_conversation("grace")
    driver.settle()
    assert chat.composer.enabled
    assert not chat.composer.error.winfo_ismapped()
    driver.profile.set_draft("bob", "ada", "")
    chat.open_conversation("ada")
    driver.settle()
    assert not chat.composer.enabled
    assert chat.composer._placeholder.cget("text") == sentence


def test_unsend_asks_first(driver: Driver) -> None:
    signed_in(driver, message(1, own=True))
    driver.app.windows.unsend("m1")
    assert not driver.session.asked("unsend")
    driver.app.windows.dialog.confirm()  # type: ignore[union-attr]
    assert driver.session.asked("unsend") == [("m1",)]


def test_the_picker_filters_and_opens(driver: Driver) -> None:
    signed_in(driver)
    driver.app.windows.new_conversation()
    driver.show(ev.UsersListed("**", (ev.UserEntry("bob", True), ev.UserEntry("eve", True)), False))
    picker = driver.app.windows.dialog
    assert picker.names == ("eve",)  # type: ignore[union-attr]
    picker.choose()  # type: ignore[union-attr]
    assert driver.app.chat.address == "eve"


def test_deleting_the_account_needs_the_name(driver: Driver) -> None:
    signed_in(driver)
    driver.app.windows.open_delete_account()
    dialog = driver.app.windows.dialog
    assert dialog is not None
    dialog.fields["password"].insert(0, "correct horse")
    dialog.submit()  # type: ignore[attr-defined]
    assert not driver.session.asked("delete_account")
    dialog.fields["name"].insert(0, "bob")
    dialog.submit()  # type: ignore[attr-defined]
    assert driver.session.asked("delete_account") == [("correct horse",)]


def test_a_draft_is_kept_and_shown(driver: Driver) -> None:
    signed_in(driver)
    driver.app.chat.composer.text.insert("1.0", "half a thought")
    driver.settle()
    driver.app.chat.open_conversation("grace")
    assert driver.app.chat.composer.value == ""
    driver.app.chat.open_conversation("ada")
    assert driver.app.chat.composer.value == "half a thought"


def test_a_draft_survives_a_restart(driver: Driver, tmp_path: Path) -> None:
    signed_in(driver)
    driver.app.chat.open_conversation("grace")
    driver.app.chat.composer.text.insert("1.0", "half a\nthought 🎉")
    driver.settle()
    driver.close()
    again = Driver(tmp_path)
    signed_in(again)
    canvas = again.app.chat.list.canvas
    danger = again.app.theme.palette.danger
    assert ("Draft: half a thought 🎉", danger) in drawn_on(canvas)
    again.app.chat.open_conversation("grace")
    assert again.app.chat.composer.value == "half a\nthought 🎉"
    again.close()


def test_a_long_name_leaves_the_buttons_in_the_window(driver: Driver) -> None:
    driver.app.change_setting("scale_percent", 200)
    signed_in(driver)
    driver.app.chat.open_conversation("w" * 32)
    driver.settle()
    button = driver.app.chat.menu_button
    assert button.winfo_rootx() + button.winfo_width() <= driver.app.root.winfo_width()
    assert driver.app.chat.name.cget("text").endswith("…")


def test_the_smallest_window_shows_every_button_of_the_search(driver: Driver) -> None:
    driver.app.change_setting("scale_percent", 200)
    driver.app.root.geometry("640x420")
    signed_in(driver, message(1))
    driver.wait_until(lambda: driver.app.root.winfo_width() == 640, "the smallest window")
    driver.app.chat.show_search()
    driver.settle()
    search = driver.app.chat.search
    edge = driver.app.root.winfo_rootx() + 640
    for part in (search.entry, *search._buttons.values()):
        assert part.winfo_viewable()
        assert part.winfo_width() >= part.winfo_reqwidth()
        assert part.winfo_rootx() + part.winfo_width() <= edge


def test_a_session_that_ended_keeps_the_draft(driver: Driver) -> None:
    signed_in(driver)
    driver.app.chat.composer.text.insert("1.0", "half a thought")
    driver.settle()
    driver.show(ev.SignedOut("bob", ended=True))
    assert "You were signed out" in driver.app.sign_in.notice.cget("text")
    assert driver.profile.draft("bob", "ada") == "half a thought"
    driver.show(ev.SignedIn("bob"))
    assert driver.app.chat.address == "ada"
    assert driver.app.chat.composer.value == "half a thought"


def test_a_new_start_opens_the_conversation_that_was_open(driver: Driver) -> None:
    driver.profile.update(last_username="bob", last_contact="ada")
    driver.show(ev.SignedIn("bob"))
    assert driver.app.chat.address == "ada"
    driver.show(ev.SignedOut("bob", ended=False), ev.SignedIn("bob"))
    assert driver.app.chat.address == ""


def test_it_is_opened_for_the_same_person_only(driver: Driver) -> None:
    driver.profile.update(last_username="bob", last_contact="ada")
    driver.show(ev.SignedIn("eve"))
    assert driver.app.chat.address == ""


def test_an_old_client_is_told_so(driver: Driver) -> None:
    driver.show(ev.VersionMismatch("1.4", "2.0", "1.6"))
    driver.show(ev.SignedIn("bob"))
    assert driver.app.blocked is not None
    assert driver.app.blocked.winfo_ismapped()
    assert not driver.app.chat.winfo_ismapped()


def test_the_cluster_window_shows_every_server(driver: Driver) -> None:
    servers = (ev.ServerInfo(1, "a:1", "down", 0, 0, -1, "refused the connection"),
               ev.ServerInfo(2, "a:2", "leader", 4, 90, 12, ""))  # fmt: skip
    driver.show(ev.ClusterChanged(2, 4, True, servers))
    assert driver.app.strip.text == "1 down · 2 leader"
    driver.app.windows.open_cluster()
    window = driver.app.windows.cluster_window
    assert window is not None
    assert set(window.cards) == {1, 2}
    assert driver.session.asked("refresh_cluster")


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("scale", [80, 100, 200])
def test_every_look_can_be_worn(driver: Driver, theme: str, scale: int) -> None:
    signed_in(driver, message(1), message(2, own=True))
    driver.app.change_setting("theme", theme)
    driver.app.change_setting("scale_percent", scale)
    driver.settle()
    assert "message 1" in driver.screen()


def test_damaged_files_are_told_and_nothing_else_is_in_the_way(driver: Driver) -> None:
    driver.show(ev.DamageFound("The sign-in (session.json) cannot be read."))
    dialog = driver.app.windows.dialog
    assert dialog is not None
    labels = [each for each in dialog.body.winfo_children() if isinstance(each, ttk.Label)]
    assert "The sign-in (session.json) cannot be read." in [each.cget("text") for each in labels]
    driver.app.windows.close_dialog()
    driver.show(ev.SignedIn("bob"))
    assert driver.app.chat.winfo_ismapped()
