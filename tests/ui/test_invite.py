"""The field for an invitation: where the servers ask for one, and in a client that knows none."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from chat.client import events as ev
from tests.ui.conftest import Driver

CODE = "00000-11111-AAAAA-BBBBB"
TEXT = f"chat-invite:10.0.0.11:8001?sha256={64 * 'a'}&code={CODE}&check=01234567"
NEEDED = "An account here needs an invite. Ask whoever runs the servers."


def creating(driver: Driver) -> Any:
    page = driver.app.sign_in
    page.switch()
    page.username.set("ada")
    page.password.set("correct horse")
    page.repeated.set("correct horse")
    driver.settle()
    return page


def registered(driver: Driver) -> list[tuple[Any, ...]]:
    return [call[1:] for call in driver.session.calls if call[0] == "register"]


def test_it_is_asked_for_once_the_servers_ask(driver: Driver) -> None:
    page = creating(driver)
    assert not page.fields["invite"].winfo_ismapped()
    page.submit()
    driver.show(ev.Failed("register", NEEDED, "invite"))
    driver.wait_until(page.fields["invite"].winfo_ismapped, "the field")
    assert page.errors["invite"].cget("text") == NEEDED
    page.submit()
    assert page.errors["invite"].cget("text") == "Enter your invitation, or the code in it."
    page.invite.set(" 00000-11111-AAAAA-BBBBB ")
    page.submit()
    assert registered(driver) == [
        ("ada", "correct horse"),
        ("ada", "correct horse", "00000-11111-AAAAA-BBBBB"),
    ]


def test_whoever_signs_in_is_not_asked(driver: Driver) -> None:
    page = creating(driver)
    driver.show(ev.Failed("register", NEEDED, "invite"))
    page.switch()
    driver.wait_until(lambda: not page.fields["invite"].winfo_ismapped(), "no field")
    page.switch()
    driver.wait_until(page.fields["invite"].winfo_ismapped, "the field")


@pytest.fixture
def newcomer(display: str, tmp_path: Path) -> Iterator[Driver]:
    """A window that knows no servers."""
    made = Driver(tmp_path, knows_servers=False)
    yield made
    made.close()


def filled_in(driver: Driver) -> Any:
    page = driver.app.sign_in
    page.username.set("ada")
    page.password.set("correct horse")
    page.repeated.set("correct horse")
    return page


def test_a_new_client_asks_for_an_invitation_first(newcomer: Driver) -> None:
    page = newcomer.app.sign_in
    newcomer.wait_until(page.fields["invite"].winfo_ismapped, "the field")
    assert page.creating
    assert newcomer.app.root.focus_get() is page.fields["invite"]
    filled_in(newcomer).submit()
    assert "knows no servers yet" in page.errors["invite"].cget("text")
    page.invite.set(CODE)
    page.submit()
    assert "knows no servers yet" in page.errors["invite"].cget("text")
    assert newcomer.session.asked("join") == registered(newcomer) == []


def test_one_paste_then_the_account(newcomer: Driver) -> None:
    page = filled_in(newcomer)
    page.invite.set(TEXT)
    page.submit()
    assert newcomer.session.asked("join") == [(TEXT,)]
    assert registered(newcomer) == []  # nothing is said to anybody before it is known who it is
    newcomer.show(ev.Done("join", CODE))
    assert registered(newcomer) == [("ada", "correct horse", CODE)]
    newcomer.show(ev.Failed("register", "That name is taken.", "username"))
    page.username.set("ada2")
    page.submit()
    assert registered(newcomer)[1:] == [("ada2", "correct horse", CODE)]
    assert len(newcomer.session.asked("join")) == 1


def test_an_invitation_that_is_refused_says_why_beside_the_field(newcomer: Driver) -> None:
    page = filled_in(newcomer)
    page.invite.set(TEXT)
    page.submit()
    newcomer.show(ev.Failed("join", "This invitation is damaged.", "invite"))
    assert page.errors["invite"].cget("text") == "This invitation is damaged."
    assert not page.busy
    assert registered(newcomer) == []


def test_whoever_gave_up_meanwhile_is_not_registered(newcomer: Driver) -> None:
    page = filled_in(newcomer)
    page.invite.set(TEXT)
    page.submit()
    newcomer.app.cancel()
    newcomer.show(ev.Done("join", CODE))
    assert registered(newcomer) == []
    page.submit()
    assert registered(newcomer) == [("ada", "correct horse", CODE)]


def test_it_is_of_use_for_a_second_computer_too(newcomer: Driver) -> None:
    page = filled_in(newcomer)
    page.switch()
    page.invite.set(TEXT)
    page.submit()
    newcomer.show(ev.Done("join", CODE))
    assert newcomer.session.asked("sign_in") == [("ada", "correct horse")]
    newcomer.wait_until(lambda: not page.fields["invite"].winfo_ismapped(), "no field")


def test_whoever_has_servers_may_use_one_as_well(driver: Driver) -> None:
    page = filled_in(driver)
    assert not page.fields["invite"].winfo_ismapped()
    page.invite_button.invoke()
    driver.wait_until(page.fields["invite"].winfo_ismapped, "the field")
    page.invite.set(CODE)
    page.submit()
    assert "paste the whole invitation" in page.errors["invite"].cget("text")
    page.invite.set(TEXT)
    page.submit()
    assert driver.session.asked("join") == [(TEXT,)]
