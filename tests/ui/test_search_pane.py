"""The pane that searches everything: its keys, its results, and the way to a message."""

from __future__ import annotations

from typing import Any

import pytest

from chat.client import events as ev
from chat.client.search_wish import FILTERS, SearchWish
from chat.ui import words
from chat.ui.search_pane import SearchPane, excerpt
from tests.ui.conftest import Driver, message, signed_in

FAR = message(7, "the folder of grace", address="grace", sender="grace")
NEAR = message(3, "a Folder for ada")


def pane(driver: Driver, typed: str = "fold") -> SearchPane:
    """Opened by its key, with something typed into it, and asked for."""
    signed_in(driver, *(message(n) for n in (1, 2)), NEAR)
    driver.key(driver.app.chat.composer.text, "<Control-Shift-F>")
    search = driver.app.search
    search.entry.insert("end", typed)
    driver.key(search.entry, "<Return>")
    return search


def found(*messages: ev.ChatMessage, **changes: Any) -> ev.MessagesFound:
    values = {"wish": SearchWish("fold"), "messages": messages, "first": True, "more": False,
              "incomplete": False}  # fmt: skip
    return ev.MessagesFound(**{**values, **changes})


def shown(search: SearchPane) -> list[str]:
    return search.results.get("1.0", "end").rstrip("\n").split("\n")


def marked(search: SearchPane) -> list[str]:
    ranges = [str(each) for each in search.results.tag_ranges("word")]
    return [search.results.get(*ends) for ends in zip(ranges[::2], ranges[1::2], strict=True)]


def test_a_key_opens_it_and_escape_closes_it(driver: Driver) -> None:
    search = pane(driver)
    assert search.winfo_ismapped()
    assert driver.session.asked("searches.find") == [(SearchWish("fold"),)]
    driver.key(search.entry, "<Escape>")
    assert not search.winfo_ismapped()
    assert driver.app.root.focus_get() is driver.app.chat.composer.text
    driver.key(driver.app.chat.composer.text, "<Control-Shift-F>")
    assert search.entry.get() == "fold", "it is as it was"
    search.close_button.invoke()
    driver.settle()
    assert not search.is_open


def test_results_say_who_where_and_when_with_the_words_marked(driver: Driver) -> None:
    search = pane(driver)
    own = message(9, "FOLDERS, plural", own=True, address="#lab")
    driver.show(found(FAR, NEAR, own))
    lines = shown(search)
    assert lines[0].startswith("grace  ")
    assert lines[1] == "the folder of grace"
    assert lines[4].startswith("You  in #lab · ")
    assert marked(search) == ["fold", "Fold", "FOLD"]
    assert search.status.cget("text") == "3 messages"


def test_enter_opens_the_conversation_at_the_message(driver: Driver) -> None:
    search = pane(driver)
    driver.show(found(FAR, NEAR))
    driver.key(search.entry, "<Down>")
    assert driver.app.root.focus_get() is search.results
    driver.key(search.results, "<Return>")
    chat = driver.app.chat
    assert chat.address == "grace"
    assert driver.session.asked("open_conversation")[-1] == ("grace",)
    newest = tuple(message(n, address="grace", sender="grace") for n in range(50, 60))
    driver.show(ev.PageLoaded("grace", newest, newest=True, older=True))
    assert driver.session.asked("load_older")[-1] == ("grace", True)
    older = tuple(message(n, address="grace", sender="grace") for n in range(8, 50))
    driver.show(ev.PageLoaded("grace", (FAR, *older), newest=False, older=True))
    text = chat.transcript.text
    first, last = map(str, text.tag_ranges("found"))
    assert text.get(first, last) == "fold"
    assert text.bbox(first) is not None, "it is in sight"
    assert search.is_open


def test_a_message_of_the_open_conversation_is_shown_at_once(driver: Driver) -> None:
    search = pane(driver)
    driver.show(found(FAR, NEAR))
    driver.key(search.entry, "<Down>")
    driver.key(search.results, "<Down>")
    driver.key(search.results, "<Return>")
    assert driver.app.chat.address == "ada"
    assert driver.app.chat.transcript.text.tag_ranges("found")


def test_the_words_of_a_search_are_marked_wherever_they_are(driver: Driver) -> None:
    search = pane(driver, "ada fold")
    driver.show(found(NEAR, wish=SearchWish("ada fold")))
    driver.key(search.entry, "<Return>")
    text = driver.app.chat.transcript.text
    ranges = [str(each) for each in text.tag_ranges("found")]
    assert [text.get(*ends) for ends in zip(ranges[::2], ranges[1::2], strict=True)] == [
        "Fold", "ada",
    ]  # fmt: skip


def test_older_results_follow_below(driver: Driver) -> None:
    search = pane(driver)
    driver.show(found(FAR, more=True))
    assert search.more_button.winfo_ismapped()
    search.more_button.invoke()
    assert driver.session.asked("searches.find_more") == [()]
    driver.show(found(FAR, NEAR, first=False))
    assert len(shown(search)) == 4, "what comes twice is shown once"
    assert not search.more_button.winfo_ismapped()


def test_a_search_is_narrowed_down_by_what_is_typed(driver: Driver) -> None:
    search = pane(driver, "fold from:me in:#lab")
    wish = SearchWish("fold", "#lab", "bob")
    assert driver.session.asked("searches.find") == [(wish,)]
    driver.show(found(NEAR, wish=wish))
    assert marked(search) == ["Fold"]


@pytest.mark.parametrize(
    ("typed", "said"),
    [("fold after:yesterday", "as in after:2026-03-17"), ("from:ada", "a word"),
     ("x" * 257, "256"), ("", FILTERS["from"])],
)  # fmt: skip
def test_what_is_not_whole_is_said_below_the_field(driver: Driver, typed: str, said: str) -> None:
    search = pane(driver)
    driver.show(found(NEAR))
    search.entry.delete(0, "end")
    search.entry.insert("end", typed)
    driver.key(search.entry, "<Return>")
    assert said in search.status.cget("text")
    assert shown(search) == [""]
    assert driver.session.asked("searches.find")[1:] == [(SearchWish(),)]


def test_what_is_told_of_an_older_search_is_ignored(driver: Driver) -> None:
    search = pane(driver)
    driver.show(found(FAR, wish=SearchWish("other")))
    assert shown(search) == [""]
    assert search.status.cget("text") == "Searching…"


@pytest.mark.parametrize("incomplete", [False, True])
def test_nothing_found_and_failures_are_said(driver: Driver, *, incomplete: bool) -> None:
    search = pane(driver)
    driver.show(found(incomplete=incomplete))
    assert search.status.cget("text").startswith("Nothing found")
    assert ("still" in search.status.cget("text")) is incomplete
    driver.show(ev.Failed("find_messages", "This server cannot search."))
    assert search.status.cget("text") == "This server cannot search."
    driver.key(search.entry, "<Return>")
    assert driver.session.asked("searches.find") == [(SearchWish("fold"),)] * 2


def test_nobody_else_sees_what_was_found(driver: Driver) -> None:
    search = pane(driver)
    driver.show(found(FAR), ev.SignedOut("bob", ended=False, deleted=False))
    assert not search.is_open
    assert shown(search) == [""]
    assert search.entry.get() == ""
    assert driver.session.asked("searches.find")[-1] == (SearchWish(),)


def test_in_a_narrow_window_it_makes_way_for_the_message(driver: Driver) -> None:
    driver.app.root.geometry("640x600")
    search = pane(driver)
    driver.show(found(FAR))
    assert search.covers
    driver.key(search.entry, "<Return>")
    assert not search.is_open
    assert driver.app.chat.address == "grace"


def test_one_pane_is_open_at_a_time(driver: Driver) -> None:
    search = pane(driver)
    assert driver.app.chat.beside() == (search.entry,)
    driver.app.rooms.on_details()
    assert not search.is_open


def test_an_excerpt_is_around_the_first_word() -> None:
    text = "x" * 300 + " needle " + "y" * 300
    pieces = excerpt(text, "needle")
    assert pieces[0] == ("…", False)
    assert [piece for piece, is_word in pieces if is_word] == ["needle"]
    assert len("".join(piece for piece, _ in pieces)) < 200
    assert excerpt("no such\nthing", "word") == [("no such thing", False)]
    assert words.searched("", 0, waits=False, more=False, incomplete=False).startswith("Words")
