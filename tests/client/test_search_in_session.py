"""A search over everything, by a session on real servers."""

from __future__ import annotations

import pytest

from chat.client import events
from chat.client.events import MessagesFound
from chat.client.search_calls import PAGE_SIZE
from chat.client.search_wish import wish_of
from tests.client.person import Person


def find(person: Person, typed: str) -> None:
    person.session.searches.find(wish_of(typed, person.name))


def found(person: Person, typed: str, first: bool = True) -> MessagesFound:
    wish = wish_of(typed, person.name)
    return person.window.expect(
        MessagesFound, lambda e: e.wish == wish and e.first is first and not e.incomplete
    )


def test_what_was_said_anywhere_is_found_page_by_page(ada: Person, bob: Person, lab: str) -> None:
    texts = [f"note {number}" for number in range(PAGE_SIZE + 5)]
    ada.sends("bob", *texts)
    bob.sends(lab, "note in the lab")
    ada.hears(lab, "note in the lab")
    ada.hears("bob", *texts)
    find(ada, "NOTE")
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
    find(bob, "note 7")
    expected = [("ada", f"note {number}") for number in (37, 27, 17, 7)]
    assert [(m.address, m.text) for m in found(bob, "note 7").messages] == expected
    find(bob, "no such word")
    assert found(bob, "no such word").messages == ()


def test_what_cannot_be_searched_for_is_said(ada: Person) -> None:
    find(ada, "x" * 1_000)
    failed = ada.window.expect(events.Failed, lambda e: e.action == "find_messages")
    assert "256" in failed.message


@pytest.mark.parametrize("words", ["", "ada"])
def test_nothing_is_told_of_a_search_that_is_over(ada: Person, words: str) -> None:
    find(ada, "first")
    find(ada, words)
    ada.session.searches.find_more()
    find(ada, "last")
    found(ada, "last")
    assert ada.window.of(MessagesFound)[-1].wish.words == "last"


def test_a_search_is_narrowed_down(ada: Person, bob: Person, lab: str) -> None:
    ada.sends("bob", "note one")
    bob.sends("ada", "note two")
    bob.sends(lab, "note three")
    ada.hears(lab, "note three")
    for typed, texts in {
        "note in:bob": ["note two", "note one"], "note from:bob": ["note three", "note two"],
        f"note in:{lab} from:ada": [], "note in:bob from:me": ["note one"],
        "note before:2020-01-01": [], "note after:2020-01-01 in:bob from:bob": ["note two"],
    }.items():  # fmt: skip
        find(ada, typed)
        assert [m.text for m in found(ada, typed).messages] == texts
