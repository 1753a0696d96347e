"""The window of what somebody settles about who may see and reach them."""

from __future__ import annotations

from typing import Any

from chat.client import events as ev
from tests.ui.conftest import Driver, signed_in, texts_of


def opened(driver: Driver, privacy: ev.PrivacyShown) -> Any:
    signed_in(driver)
    driver.app.windows.open_privacy()
    dialog = driver.app.windows.dialog
    assert driver.session.asked("account.get_privacy") == [()]
    driver.show(privacy)
    return dialog


def is_on(box: Any) -> bool:
    return "selected" in box.state()


def test_presence_is_hidden_by_the_keyboard(driver: Driver) -> None:
    box = opened(driver, ev.PrivacyShown(hides_presence=False)).shows_presence
    assert is_on(box)
    driver.key(box, "<space>")
    assert driver.session.asked("account.hide_presence") == [(True,)]
    driver.show(ev.PrivacyShown(hides_presence=True))
    assert not is_on(box)
    driver.key(box, "<space>")
    assert driver.session.asked("account.hide_presence") == [(True,), (False,)]


def test_nothing_is_chosen_before_it_is_known_how_it_is(driver: Driver) -> None:
    signed_in(driver)
    driver.app.windows.open_privacy()
    driver.settle()
    dialog: Any = driver.app.windows.dialog
    driver.key(dialog.shows_presence, "<space>")
    assert driver.session.asked("account.hide_presence") == []


def test_what_fails_is_told_there_and_the_box_is_as_it_was(driver: Driver) -> None:
    dialog = opened(driver, ev.PrivacyShown(hides_presence=False))
    driver.key(dialog.shows_presence, "<space>")
    driver.show(
        ev.PrivacyShown(hides_presence=False),
        ev.Failed("hide_presence", "No server can be reached."),
    )
    assert is_on(dialog.shows_presence)
    assert dialog.error.cget("text") == "No server can be reached."


def test_another_device_changes_it(driver: Driver) -> None:
    opened(driver, ev.PrivacyShown(hides_presence=False))
    driver.show(ev.PrivacyChanged())
    assert driver.session.asked("account.get_privacy") == [(), ()]
    driver.app.windows.close_dialog()
    driver.show(ev.PrivacyChanged())
    assert driver.session.asked("account.get_privacy") == [(), ()]


def test_who_deletes_an_account_is_told_what_stays(driver: Driver) -> None:
    signed_in(driver)
    driver.app.windows.open_delete_account()
    dialog: Any = driver.app.windows.dialog
    said = " ".join(texts_of(dialog.body))
    assert "What stays: your messages, under your name" in said
    assert "you leave all rooms" in said
