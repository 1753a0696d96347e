"""The window of devices: where the person is signed in, and signing out there."""

from __future__ import annotations

from typing import Any

from chat.client import events as ev
from tests.ui.conftest import NOW, Driver, signed_in, texts_of

DAY_S = 24 * 3600
HERE = ev.DeviceEntry("0" * 12, "laptop", NOW - 9 * DAY_S, NOW, True, True)
PHONE = ev.DeviceEntry("1" * 12, "phone", NOW - 2 * DAY_S, NOW - DAY_S, False, False)
DESK = ev.DeviceEntry("2" * 12, "desk", NOW, NOW, True, False)


def opened(driver: Driver, *devices: ev.DeviceEntry) -> Any:
    signed_in(driver)
    driver.app.windows.open_devices()
    dialog = driver.app.windows.dialog
    driver.show(ev.DevicesListed(devices))
    return dialog


def test_it_says_which_devices_there_are(driver: Driver) -> None:
    dialog = opened(driver, HERE, DESK, PHONE)
    assert driver.session.asked("account.list_devices") == [()]
    said = texts_of(dialog.rows)
    assert said[:2] == ["laptop", said[1]]
    assert said[1].startswith("This device, signed in on ")
    assert said[2:4] == ["desk", "Connected now, signed in today"]
    assert said[5] == "phone"
    assert said[6].startswith("Last used yesterday, signed in on ")
    assert len(dialog.buttons) == 2  # nobody signs out here by mistake


def test_one_is_signed_out_by_the_keyboard(driver: Driver) -> None:
    dialog = opened(driver, HERE, DESK, PHONE)
    driver.key(dialog.buttons[1], "<Return>")
    assert driver.session.asked("account.end_sessions") == [(PHONE.session_id,)]
    dialog.buttons[0].invoke()  # once more while it is asked for
    assert len(driver.session.asked("account.end_sessions")) == 1
    driver.show(ev.DevicesListed((HERE, DESK)))
    assert len(dialog.buttons) == 1
    assert not dialog.is_waiting


def test_all_others_are_signed_out_at_once(driver: Driver) -> None:
    dialog = opened(driver, HERE, DESK, PHONE)
    dialog.action_button.invoke()
    assert driver.session.asked("account.end_sessions") == [("",)]
    driver.show(ev.DevicesListed((HERE,)))
    driver.wait_until(lambda: not dialog.action_button.winfo_ismapped(), "nothing to sign out")


def test_what_fails_is_told_there(driver: Driver) -> None:
    dialog = opened(driver, HERE, PHONE)
    dialog.buttons[0].invoke()
    driver.show(ev.Failed("end_sessions", "No server can be reached."))
    assert dialog.error.cget("text") == "No server can be reached."
    dialog.buttons[0].invoke()
    assert len(driver.session.asked("account.end_sessions")) == 2
