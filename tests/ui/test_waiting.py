"""What a person sees whose password waits for its turn, and how to give up."""

from __future__ import annotations

import pytest

from chat.client import events as ev
from chat.ui import words
from chat.ui.dialogs import DeleteAccountDialog, PasswordDialog
from tests.ui.conftest import Driver, signed_in


@pytest.mark.parametrize(
    ("wait", "said"),
    [
        (ev.WaitChanged("login", 40), "Signing in… 40 before you"),
        (ev.WaitChanged("login", 1_240), "Signing in… 1,240 before you"),
        (ev.WaitChanged("login"), "Signing in… you are next"),
        (ev.WaitChanged("register", 1), "Creating the account… 1 before you"),
        (ev.WaitChanged("change_password", 2), "Changing the password… 2 before you"),
        (ev.WaitChanged("delete_account", 2), "Deleting the account… 2 before you"),
        (
            ev.WaitChanged("login", 3, wait_s=11.2),
            "Wrong passwords were tried for this name, so this one is checked in 12 seconds. "
            "Check that it is right, or just wait.",
        ),
        (
            ev.WaitChanged("login", wait_s=4.1, crowded=True),
            "Very many people are signing in. It is tried again in 5 seconds.",
        ),
    ],
)
def test_it_is_said_in_words(wait: ev.WaitChanged, said: str) -> None:
    assert words.waiting(wait) == said


def signing_in(driver: Driver) -> None:
    login = driver.app.login
    login.username.set("ada")
    login.password.set("correct horse")
    login.submit()


@pytest.mark.parametrize("by_key", [True, False])
def test_who_signs_in_sees_the_place_and_can_give_up(driver: Driver, by_key: bool) -> None:
    signing_in(driver)
    login = driver.app.login
    assert not login.cancel_button.winfo_manager()
    for before in (40, 39):
        driver.show(ev.WaitChanged("login", before))
        assert login.status.cget("text") == f"Signing in… {before} before you"
    driver.settle()
    assert login.status.winfo_viewable()
    assert login.submit_button.instate(["disabled"])
    if by_key:
        driver.key(login.fields["password"], "<Escape>")
    else:
        login.cancel_button.invoke()
    driver.settle()
    assert driver.session.asked("cancel_waiting") == [()]
    assert not login.busy
    assert not login.status.winfo_manager()
    assert not login.cancel_button.winfo_manager()
    assert login.password.get() == "correct horse"
    driver.show(ev.WaitChanged("login", 38))  # it was on its way
    assert not login.status.winfo_manager()
    login.submit()
    assert len(driver.session.asked("login")) == 2


def test_a_failure_ends_the_wait(driver: Driver) -> None:
    signing_in(driver)
    driver.show(ev.WaitChanged("login", 2), ev.Failed("login", "Not right.", "password"))
    assert not driver.app.login.status.winfo_manager()
    assert not driver.app.login.cancel_button.winfo_manager()


def test_a_new_password_waits_in_its_dialog(driver: Driver) -> None:
    signed_in(driver)
    driver.app.windows.open_password()
    dialog = driver.app.dialog
    assert isinstance(dialog, PasswordDialog)
    for entry, value in zip(
        dialog.fields.values(), ("old one!", "new one!", "new one!"), strict=True
    ):
        entry.insert(0, value)
    dialog.submit()
    driver.show(ev.WaitChanged("change_password", 12))
    driver.settle()
    assert dialog.status.cget("text") == "Changing the password… 12 before you"
    assert dialog.status.winfo_viewable()
    dialog.submit()  # once is enough
    assert len(driver.session.asked("change_password")) == 1
    driver.show(ev.Failed("change_password", "Not right.", "current_password"))
    assert not dialog.is_waiting
    dialog.submit()
    assert len(driver.session.asked("change_password")) == 2
    driver.app.cancel()
    assert driver.session.asked("cancel_waiting") == [()]


def test_a_deletion_waits_in_its_dialog(driver: Driver) -> None:
    signed_in(driver)
    driver.app.windows.open_delete_account()
    dialog = driver.app.dialog
    assert isinstance(dialog, DeleteAccountDialog)
    dialog.fields["name"].insert(0, driver.app.username)
    dialog.fields["password"].insert(0, "correct horse")
    for _ in range(2):
        dialog.submit()
    assert driver.session.asked("delete_account") == [("correct horse",)]
    driver.show(ev.WaitChanged("delete_account"))
    assert dialog.status.cget("text") == "Deleting the account… you are next"
    driver.app.windows.close_dialog()
    assert driver.session.asked("cancel_waiting") == [()]
