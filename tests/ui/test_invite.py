"""Where the servers ask for an invite, "Create an account" has a field for it."""

from __future__ import annotations

from typing import Any

from chat.client import events as ev
from tests.ui.conftest import Driver

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
    assert page.errors["invite"].cget("text") == "Enter the code of your invite."
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
