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
        (ev.WaitChanged("sign_in", 40), "Signing in… 40 ahead of you"),
        (ev.WaitChanged("sign_in", 1_240), "Signing in… 1,240 ahead of you"),
        (ev.WaitChanged("sign_in"), "Signing in… you are next"),
        (ev.WaitChanged("register", 1), "Creating the account… 1 ahead of you"),
        (ev.WaitChanged("change_password", 2), "Changing the password… 2 ahead of you"),
        (ev.WaitChanged("delete_account", 2), "Deleting the account… 2 ahead of you"),
        (
            ev.WaitChanged("sign_in", 3, wait_s=11.2),
            "Wrong passwords were tried for this name, so yours will be checked in 12 seconds. "
            "Make sure it is right, or just wait.",
        ),
        (
            ev.WaitChanged("sign_in", wait_s=4.1, crowded=True),
            "Very many people are signing in right now. Trying again in 5 seconds.",
        ),
    ],
)
def test_it_is_said_in_words(wait: ev.WaitChanged, said: str) -> None:
    assert words.waiting(wait) == said


def signing_in(driver: Driver) -> None:
    page = driver.app.sign_in
    page.username.set("ada")
    page.password.set("correct horse")
    page.submit()


@pytest.mark.parametrize("by_key", [True, False])
def test_who_signs_in_sees_the_place_and_can_give_up(driver: Driver, by_key: bool) -> None:
    signing_in(driver)
    page = driver.app.sign_in
    assert not page.cancel_button.winfo_manager()
    for before in (40, 39):
        driver.show(ev.WaitChanged("sign_in", before))
        assert page.status.cget("text") == f"Signing in… {before} ahead of you"
    driver.settle()
    assert page.status.winfo_viewable()
    assert page.submit_button.instate(["disabled"])
    if by_key:
        driver.key(page.fields["password"], "<Escape>")
    else:
        page.cancel_button.invoke()
    driver.settle()
    assert driver.session.asked("cancel_waiting") == [()]
    assert not page.busy
    assert not page.status.winfo_manager()
    assert not page.cancel_button.winfo_manager()
    assert page.password.get() == "correct horse"
    driver.show(ev.WaitChanged("sign_in", 38))  # it was on its way
    assert not page.status.winfo_manager()
    page.submit()
    assert len(driver.session.asked("sign_in")) == 2


def test_a_failure_ends_the_wait(driver: Driver) -> None:
    signing_in(driver)
    driver.show(ev.WaitChanged("sign_in", 2), ev.Failed("sign_in", "Not right.", "password"))
    assert not driver.app.sign_in.status.winfo_manager()
    assert not driver.app.sign_in.cancel_button.winfo_manager()


def test_a_new_password_waits_in_its_dialog(driver: Driver) -> None:
    signed_in(driver)
    driver.app.windows.open_password()
    dialog = driver.app.windows.dialog
    assert isinstance(dialog, PasswordDialog)
    for entry, value in zip(
        dialog.fields.values(), ("old one!", "new one!", "new one!"), strict=True
    ):
        entry.insert(0, value)
    dialog.submit()
    driver.show(ev.WaitChanged("change_password", 12))
    driver.settle()
    assert dialog.status.cget("text") == "Changing the password… 12 ahead of you"
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
    dialog = driver.app.windows.dialog
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
