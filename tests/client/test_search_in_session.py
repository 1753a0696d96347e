"""A search over everything, by a session on real servers."""

from __future__ import annotations

import pytest

from chat.client import events
from chat.client.events import MessagesFound
from chat.client.search_calls import PAGE_SIZE
from tests.client.person import Person


def found(person: Person, words: str, first: bool = True) -> MessagesFound:
    return person.window.expect(
        MessagesFound, lambda e: e.words == words and e.first is first and not e.incomplete
    )


def test_what_was_said_anywhere_is_found_page_by_page(ada: Person, bob: Person, lab: str) -> None:
    texts = [f"note {number}" for number in range(PAGE_SIZE + 5)]
    ada.sends("bob", *texts)
    bob.sends(lab, "note in the lab")
    ada.hears(lab, "note in the lab")
    ada.hears("bob", *texts)
    ada.session.searches.find("NOTE")
    event = found(ada, "NOTE")
    assert event.more
    assert [(m.address, m.sender, m.text) for m in event.messages[:2]] == [
        (lab, "bob", "note in the lab"), ("bob", "ada", texts[-1]),
    ]  # fmt: skip
    assert len(event.messages) == PAGE_SIZE
    ada.session.searches.find_more()
    event = found(ada, "NOTE", first=False)
    assert [m.text for m in event.messages] == texts[:6][::-1]
    assert not event.more
    bob.session.searches.find("note 7")
    expected = [("ada", f"note {number}") for number in (37, 27, 17, 7)]
    assert [(m.address, m.text) for m in found(bob, "note 7").messages] == expected
    bob.session.searches.find("no such word")
    assert found(bob, "no such word").messages == ()


def test_what_cannot_be_searched_for_is_said(ada: Person) -> None:
    ada.session.searches.find("x" * 1_000)
    failed = ada.window.expect(events.Failed, lambda e: e.action == "find_messages")
    assert "256" in failed.message


@pytest.mark.parametrize("words", ["", "ada"])
def test_nothing_is_told_of_a_search_that_is_over(ada: Person, words: str) -> None:
    ada.session.searches.find("first")
    ada.session.searches.find(words)
    ada.session.searches.find_more()
    ada.session.searches.find("last")
    found(ada, "last")
    assert ada.window.of(MessagesFound)[-1].words == "last"
