"""What whoever runs the servers tells everybody stands at the top until it is closed."""

from __future__ import annotations

from chat.client import events as ev
from tests.ui.conftest import Driver, signed_in


def test_announcements_stand_until_they_are_closed(driver: Driver) -> None:
    signed_in(driver)
    bar = driver.app.announcements
    assert not bar.winfo_ismapped()
    height = driver.app.root.winfo_height()
    for text in ("We move tonight.", "Tomorrow, that is."):
        driver.app.show(ev.Announcement(text, 1_800_000_000.0))
    driver.wait_until(bar.winfo_ismapped, "the bar")
    assert bar.text.endswith(": Tomorrow, that is.")
    bar.button.invoke()
    assert bar.text.endswith(": We move tonight.")
    bar.button.invoke()
    driver.wait_until(lambda: not bar.winfo_ismapped(), "no bar")
    assert bar.master.winfo_reqheight() <= 1 or not bar.text
    assert driver.app.root.winfo_height() == height


def test_who_signs_out_leaves_none_behind(driver: Driver) -> None:
    signed_in(driver)
    driver.app.show(ev.Announcement("We move tonight.", 1_800_000_000.0))
    driver.app.show(ev.SignedOut("ada", ended=False))
    driver.wait_until(lambda: not driver.app.announcements.winfo_ismapped(), "no bar")


def test_a_long_one_goes_over_lines_and_the_button_stays(driver: Driver) -> None:
    signed_in(driver)
    driver.app.show(ev.Announcement("word " * 51, 1_800_000_000.0))
    bar = driver.app.announcements
    driver.wait_until(bar.winfo_ismapped, "the bar")
    driver.wait_until(lambda: bar.winfo_height() > 60, "several lines")
    right = bar.button.winfo_rootx() + bar.button.winfo_width()
    assert right <= driver.app.root.winfo_rootx() + driver.app.root.winfo_width()
