"""Messages that live: answered, edited, reacted to, read; who is typing; names; what is muted."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from chat.client import events as ev
from chat.client.acts import Act
from chat.core.limits import EDIT_WITHIN_MS, TYPING_SHOWN_S
from chat.ui import emoji, words
from chat.ui.dialogs import NoteDialog
from chat.ui.react_dialog import ReactDialog
from chat.ui.typing_line import PEOPLE_MAX, TypingLine
from tests.ui.conftest import NOW, Driver, message, room_summary, signed_in, summary
from tests.ui.transcript.test_pane import the


def said(number: int, text: str = "", *, own: bool = False, **changes: Any) -> ev.ChatMessage:
    return message(number, text, own=own, address="#lab", **{"sent_at": NOW - 60, **changes})


def lab(driver: Driver, *messages: ev.ChatMessage, older: bool = False) -> Driver:
    driver.show(
        ev.SignedIn("bob"), ev.LinkChanged(ev.Link.CONNECTED, server_id=2),
        ev.ConversationsLoaded((room_summary(), summary("grace"))),
    )  # fmt: skip
    driver.app.chat.open_conversation("#lab")
    driver.show(ev.PageLoaded("#lab", messages, newest=True, older=older))
    return driver


def write(driver: Driver, text: str) -> None:
    driver.app.chat.composer.text.insert("insert", text)
    driver.key(driver.app.chat.composer.text, "<Return>")


def composer(driver: Driver) -> Any:
    return driver.app.chat.composer.text


# --- answers -------------------------------------------------------------------------


def test_an_answer_is_sent_with_what_it_answers(driver: Driver) -> None:
    lab(driver, said(1, "who?"))
    driver.key(composer(driver), "<Control-Shift-R>")
    assert "Replying to ada: who?" in str(driver.app.chat.about.label.cget("text"))
    write(driver, "me")
    assert driver.session.asked("send") == [("#lab", "me", "m1")]
    assert driver.app.chat.about.message is None
    write(driver, "and this")
    assert driver.session.asked("send")[1:] == [("#lab", "and this")]


def test_escape_leaves_an_answer_and_keeps_the_text(driver: Driver) -> None:
    lab(driver, said(1))
    driver.app.living.answer("m1")
    composer(driver).insert("insert", "half")
    driver.key(composer(driver), "<Escape>")
    assert driver.app.chat.about.message is None
    assert driver.app.chat.composer.value == "half"


def test_another_conversation_ends_what_was_begun(driver: Driver) -> None:
    lab(driver, said(1))
    driver.app.living.answer("m1")
    driver.app.chat.open_conversation("grace")
    assert driver.app.chat.about.message is None


def test_what_was_unsent_meanwhile_is_not_answered(driver: Driver) -> None:
    lab(driver, said(1))
    driver.app.living.answer("m1")
    driver.show(ev.MessageChanged(said(1, mark=ev.Mark.UNSENT)))
    assert driver.app.chat.about.message is None


def test_what_is_answered_stands_above_and_a_click_leads_there(driver: Driver) -> None:
    quote = ev.Quote("m1", 1, "ada", "the *original*")
    lab(driver, said(1, "the *original*"), *(said(n) for n in range(2, 60)), said(60, quote=quote))
    assert "ada: the *original*\nmessage 60" in driver.screen()
    driver.click_tag(the(driver).text, "goto")
    assert driver.app.chat.hands.in_hand == "m1"
    assert the(driver).text.bbox("m:m1.first")


def test_an_original_further_back_is_loaded(driver: Driver) -> None:
    quote = ev.Quote("m1", 1, "ada", "original")
    lab(driver, said(60, quote=quote), older=True)
    driver.session.calls.clear()
    shown = the(driver).message("m60")
    assert shown is not None
    driver.app.chat.hands.go_to_original(shown)
    assert driver.session.asked("load_older") == [("#lab", True)]
    driver.show(ev.PageLoaded("#lab", tuple(said(n) for n in range(1, 60)), False, False))
    assert driver.app.chat.hands.in_hand == "m1"


@pytest.mark.parametrize(
    ("quote", "line"),
    [
        (ev.Quote("x", 1, "", ""), "an earlier message"),
        (ev.Quote("x", 1, "ada", ""), "ada: message unsent"),
        (ev.Quote("x", 1, "ada", "a\nb"), "ada: a b"),
    ],
)
def test_a_quote_is_one_line(quote: ev.Quote, line: str) -> None:
    assert words.quoted(quote, 100) == line


def test_what_nobody_may_see_leads_nowhere(driver: Driver) -> None:
    lab(driver, said(2, quote=ev.Quote("m1", 1, "", "")))
    assert not the(driver).text.tag_ranges("goto")


# --- edits ---------------------------------------------------------------------------


def test_up_in_an_empty_field_edits_ones_last(driver: Driver) -> None:
    lab(driver, said(1, "mien", own=True), said(2))
    driver.key(composer(driver), "<Up>")
    assert driver.app.chat.composer.value == "mien"
    composer(driver).delete("1.0", "end")
    write(driver, "mine")
    assert driver.session.asked("change") == [("m1", Act.EDIT, "mine")]
    assert not driver.session.asked("send")
    assert driver.app.chat.composer.value == ""


def test_a_half_written_text_comes_back_after_an_edit(driver: Driver) -> None:
    lab(driver, said(1, "mine", own=True))
    composer(driver).insert("insert", "half")
    driver.settle()
    driver.key(composer(driver), "<Up>")
    assert driver.app.chat.composer.value == "half"  # Up moves in a text
    driver.key(composer(driver), "<Control-Shift-E>")
    assert driver.app.chat.composer.value == "mine"
    assert driver.profile.draft("bob", "#lab") == "half"
    driver.key(composer(driver), "<Return>")
    assert driver.app.chat.composer.value == "half"
    assert driver.profile.draft("bob", "#lab") == "half"
    assert not driver.session.asked("change")  # nothing was changed


def test_escape_leaves_an_edit(driver: Driver) -> None:
    lab(driver, said(1, "mine", own=True))
    driver.key(composer(driver), "<Up>")
    composer(driver).insert("end", " and more")
    driver.key(composer(driver), "<Escape>")
    assert driver.app.chat.composer.value == ""
    assert not driver.session.asked("change")


def test_what_is_too_old_or_somebody_elses_is_not_edited(driver: Driver) -> None:
    lab(driver, said(1, own=True, sent_at=NOW - EDIT_WITHIN_MS / 1_000 - 5), said(2))
    driver.key(composer(driver), "<Up>")
    driver.key(composer(driver), "<Control-Shift-E>")
    assert driver.app.chat.about.message is None


def test_an_edited_text_is_said_to_be(driver: Driver) -> None:
    lab(driver, said(1, "first", own=True))
    changed = said(1, "second", own=True, edited_at=NOW)
    driver.show(ev.MessageChanged(changed))
    assert "second   edited   ✓ sent\n" in driver.screen()
    assert "first" not in driver.screen()


# --- reactions, readers --------------------------------------------------------------


def test_a_frequent_emoji_is_one_press(driver: Driver) -> None:
    lab(driver, said(1))
    driver.key(composer(driver), "<Control-e>")
    dialog = driver.app.windows.dialog
    assert isinstance(dialog, ReactDialog)
    dialog.buttons[0].invoke()
    driver.settle()
    assert driver.session.asked("change") == [("m1", Act.REACT, "👍")]


def test_any_emoji_is_found_by_its_name(driver: Driver) -> None:
    lab(driver, said(1))
    driver.app.living.pick("m1")
    dialog: Any = driver.app.windows.dialog
    dialog.entry.insert(0, "rocket")
    driver.settle()
    driver.key(dialog.entry, "<Return>")
    assert driver.session.asked("change") == [("m1", Act.REACT, "🚀")]
    driver.app.living.pick("m1")
    dialog = driver.app.windows.dialog
    dialog.entry.insert(0, "no such thing")
    driver.settle()
    assert "No emoji" in dialog.note.cget("text")
    dialog.choose()


def test_names_of_emoji() -> None:
    assert emoji.found("thumbs up")[0][0] == "👍"
    assert emoji.found("")[0][0] == "👍"
    assert [sign for sign, _ in emoji.found("🚀")] == ["🚀"]
    assert len(emoji.found("")) == emoji.FOUND_MAX


def test_a_click_on_a_reaction_adds_or_takes_away(driver: Driver) -> None:
    thumbs = ev.ReactionInfo("👍", ("ada", "cat"), 2, False)
    party = ev.ReactionInfo("🎉", ("bob",), 1, True)
    lab(driver, said(1, reactions=(thumbs, party)))
    text = the(driver).text
    driver.click_tag(text, "pill")
    assert driver.session.asked("change") == [("m1", Act.REACT, "👍")]
    driver.click_tag(text, "mine")
    assert driver.session.asked("change")[1:] == [("m1", Act.UNREACT, "🎉")]


def test_who_has_reacted_is_said() -> None:
    several = ev.ReactionInfo("👍", ("ada", "cat"), 30, False)
    assert words.reaction(several) == "👍  ada, cat and 28 others – add yours"


def test_readers_are_counted_and_named(driver: Driver) -> None:
    lab(driver, said(1, "hello", own=True, mark=ev.Mark.READ, read_by=2))
    assert "hello   ✓✓ read by 2\n" in driver.screen()
    driver.click_tag(the(driver).text, "readers")
    assert driver.session.asked("rooms.list_readers") == [("m1",)]
    driver.show(ev.ReadersListed("m1", ("ada", "cat")))
    assert isinstance(driver.app.windows.dialog, NoteDialog)
    assert "Read by 2" in driver.app.windows.dialog.headline.cget("text")


# --- what waits ----------------------------------------------------------------------


def test_what_waits_and_what_failed_is_shown_with_its_message(driver: Driver) -> None:
    edit = ev.WaitingChange("w1", Act.EDIT, "new", "It is too late to edit it.")
    react = ev.WaitingChange("w2", Act.REACT, "👍", "You are not in the room.")
    waits = ev.WaitingChange("w3", Act.UNREACT, "🎉")
    lab(driver, said(1, "old", own=True, waiting=(edit, react, waits)))
    assert "! not changed – It is too late to edit it.  Retry  Delete\n" in driver.screen()
    assert "! 👍 not added – You are not in the room.  Retry  Delete\n" in driver.screen()
    assert "⏳ 🎉 to be taken away\n" in driver.screen()
    text = the(driver).text
    ranges = text.tag_ranges("retry")
    for nth in (0, 1):
        text.tag_add("here", str(ranges[2 * nth]), str(ranges[2 * nth + 1]))
        driver.click_tag(text, "here")
        text.tag_delete("here")
    assert driver.session.asked("retry") == [("w1",), ("w2",)]


# --- typing --------------------------------------------------------------------------


def test_who_is_typing_is_said_until_they_write(driver: Driver) -> None:
    lab(driver, said(1))
    line = driver.app.chat.typing
    driver.show(ev.SomeoneTyping("#lab", "ada"))
    assert line.shown == "ada is typing…"
    driver.show(ev.SomeoneTyping("#lab", "cat"), ev.SomeoneTyping("#else", "dan"))
    assert line.shown == "ada and cat are typing…"
    driver.show(ev.MessageArrived(said(2)))
    assert line.shown == "cat is typing…"
    driver.app.chat.open_conversation("grace")
    assert line.shown == ""


def test_typing_is_forgotten_after_a_while(driver: Driver) -> None:
    clock = [0.0]
    line = TypingLine(driver.app.root, driver.app.theme, lambda: clock[0])
    line.heard("ada")
    clock[0] = TYPING_SHOWN_S + 0.1
    line._wane()
    assert line.shown == ""
    for n in range(2 * PEOPLE_MAX):
        line.heard(f"user{n}")
    assert line.shown == "Several people are typing…"
    assert len(line._until) == PEOPLE_MAX
    line.destroy()


def test_others_are_told_unless_the_person_does_not_want_it(driver: Driver) -> None:
    lab(driver, said(1))
    composer(driver).insert("insert", "h")
    driver.settle()
    assert driver.session.asked("conversations.typing") == [("#lab",)]
    driver.app.change_setting("tells_typing", False)
    composer(driver).insert("insert", "i")
    driver.settle()
    assert len(driver.session.asked("conversations.typing")) == 1


# --- names ---------------------------------------------------------------------------


def begin_name(driver: Driver, text: str) -> Any:
    composer(driver).focus_force()
    composer(driver).insert("insert", text)
    driver.app.chat.completion.look()
    driver.settle()
    names = ("ada", "bob", "grace", "grant")
    driver.show(ev.MembersListed("#lab", tuple(ev.MemberEntry(n, True, False) for n in names)))
    return driver.app.chat.completion


def test_names_are_offered_and_put_in(driver: Driver) -> None:
    lab(driver, said(1))
    completion = begin_name(driver, "hello @g")
    assert driver.session.asked("rooms.list_members") == [("#lab",)]
    assert completion.offered == ("grace", "grant")
    driver.key(composer(driver), "<Down>")
    driver.key(composer(driver), "<Tab>")
    assert driver.app.chat.composer.value == "hello @grant "
    assert not completion.is_open
    assert not driver.session.asked("send")


def test_enter_puts_a_name_in_and_the_next_one_sends(driver: Driver) -> None:
    lab(driver, said(1))
    begin_name(driver, "@ad")
    driver.key(composer(driver), "<Return>")
    assert driver.app.chat.composer.value == "@ada "
    driver.key(composer(driver), "<Return>")
    assert len(driver.session.asked("send")) == 1


def test_escape_refuses_a_name(driver: Driver) -> None:
    lab(driver, said(1))
    completion = begin_name(driver, "@g")
    driver.key(composer(driver), "<Escape>")
    assert not completion.is_open
    assert driver.app.chat.composer.value == "@g"


def test_an_address_is_no_name_and_two_people_have_none(driver: Driver) -> None:
    lab(driver, said(1))
    assert not begin_name(driver, "post@g").is_open
    driver.app.chat.open_conversation("grace")
    driver.session.calls.clear()
    composer(driver).insert("insert", "@g")
    driver.app.chat.completion.look()
    assert not driver.session.asked("rooms.list_members")


def test_ones_own_name_is_marked(driver: Driver) -> None:
    lab(driver, said(1, "look *@bob*, and `@bob`", mentions_me=True), said(2, "@bobby"))
    text = the(driver).text
    ranges = text.tag_ranges("mention")
    assert [text.get(a, b) for a, b in zip(ranges[::2], ranges[1::2], strict=True)] == ["@bob"]


# --- muted ---------------------------------------------------------------------------


def test_a_muted_room_is_dimmed_and_silent_but_for_ones_name(driver: Driver) -> None:
    lab(driver, said(1))
    muted = replace(room_summary(unread=4), muted=True)
    driver.show(ev.ConversationUpdated(muted))
    assert driver.app.root.title() == "Chat"
    assert "muted" in driver.app.chat.presence.cget("text")
    driver.app.chat.open_conversation("grace")
    driver.show(ev.MessageArrived(said(2)))
    assert driver.app.notifier.is_calm
    driver.show(ev.MessageArrived(said(3, "@bob", mentions_me=True)))
    assert not driver.app.notifier.is_calm


def test_the_details_mute_and_unmute(driver: Driver) -> None:
    lab(driver, said(1))
    driver.app.rooms.toggle_details()
    details = driver.app.rooms.details
    assert details.mute_button.cget("text") == "Mute"
    details.mute_button.invoke()
    driver.show(ev.ConversationUpdated(replace(room_summary(), muted=True)))
    assert details.mute_button.cget("text") == "Unmute"
    details.mute_button.invoke()
    assert driver.session.asked("conversations.mute") == [("#lab", True), ("#lab", False)]


# --- hands ---------------------------------------------------------------------------


def labels(driver: Driver, number: int) -> list[str]:
    shown = the(driver).message(f"m{number}")
    assert shown is not None
    menu: Any = driver.app.chat.hands.menu_for(shown)
    return [menu.entrycget(n, "label") for n in range(menu.index("end") + 1)
            if menu.type(n) == "command"]  # fmt: skip


def test_the_menu_offers_what_can_be_done(driver: Driver) -> None:
    party = ev.ReactionInfo("🎉", ("bob",), 1, True)
    lab(driver, said(1, reactions=(party,)), said(2, own=True), said(3, mark=ev.Mark.UNSENT))
    assert {"Reply", "React…", "🎉  bob – take yours away", "Who has read it…"} <= set(
        labels(driver, 1)
    )
    assert "Edit" not in labels(driver, 1)
    assert {"Reply", "Edit", "Unsend…"} <= set(labels(driver, 2))
    assert not {"Reply", "React…", "Edit"} & set(labels(driver, 3))


def test_keys_are_about_the_message_in_hand(driver: Driver) -> None:
    lab(driver, said(1, "first"), said(2, "second", own=True))
    driver.app.chat.hands.take("m1")
    driver.key(the(driver).text, "<Control-Shift-R>")
    assert driver.app.chat.about.answers == "m1"
    driver.app.chat.about.leave()
    driver.app.chat.hands.take("m2")
    driver.key(the(driver).text, "<Delete>")
    assert driver.app.windows.is_open


def test_two_people_answer_and_react_too(driver: Driver) -> None:
    signed_in(driver, message(1), message(2, own=True, mark=ev.Mark.READ))
    driver.key(composer(driver), "<Control-Shift-R>")
    write(driver, "yes")
    assert driver.session.asked("send") == [("ada", "yes", "m2")]
    assert "read by" not in driver.screen()
