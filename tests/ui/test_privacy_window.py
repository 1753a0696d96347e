"""The window of what somebody settles about who may see and reach them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from chat.client import events as ev
from chat.ui.conversations import EMPTY
from tests.ui.conftest import Driver, message, room_summary, signed_in, texts_of


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


# --- people who are blocked -----------------------------------------------------------------


def entries(driver: Driver) -> dict[str, tuple[int, str]]:
    """Of the main menu: where each is, and its state."""
    menu: Any = driver.app.windows.fill_menu(driver.app.actions())
    rows = [n for n in range(int(menu.index("end")) + 1) if menu.type(n) == "command"]
    return {menu.entrycget(n, "label"): (n, str(menu.entrycget(n, "state"))) for n in rows}


def test_the_menu_blocks_whose_conversation_is_open(driver: Driver) -> None:
    signed_in(driver)
    place, state = entries(driver)["Block ada…"]
    assert state == "normal"
    driver.app.windows.menu.invoke(place)
    dialog: Any = driver.app.windows.dialog
    assert "ada is not told" in " ".join(texts_of(dialog.body))
    assert driver.session.asked("account.block") == []
    dialog.confirm()
    assert driver.session.asked("account.block") == [("ada",)]


def test_a_room_is_nobody_to_block(driver: Driver) -> None:
    signed_in(driver)
    driver.show(ev.ConversationUpdated(room_summary()))
    driver.app.chat.open_conversation("#lab")
    assert entries(driver)["Block…"][1] == "disabled"


def test_who_is_blocked_leaves_the_list_and_comes_back(driver: Driver) -> None:
    signed_in(driver, unread=3)
    ada = driver.app.chat.list.get("ada")
    assert ada is not None
    driver.show(ev.ConversationUpdated(replace(ada, blocked=True)))
    assert [row.address for row in driver.app.chat.list.rows] == ["grace", "linus"]
    assert driver.app.chat.address == ""
    assert driver.app.chat.list.unread == 2
    assert not driver.app.chat.list.may_notify(message(1, "hi"))
    others = [replace(row, blocked=True) for row in driver.app.chat.list.rows]
    driver.show(*map(ev.ConversationUpdated, others))
    assert driver.app.chat.list._empty_label.cget("text") == EMPTY
    driver.show(*(ev.ConversationUpdated(replace(row, blocked=False)) for row in others))
    driver.show(ev.ConversationUpdated(ada))
    assert driver.app.chat.list.rows[0].address == "ada"
    assert driver.app.chat.list.unread == 5


def test_people_are_unblocked_by_the_keyboard(driver: Driver) -> None:
    dialog = opened(driver, ev.PrivacyShown(False, ("alan", "linus")))
    assert [text for text in texts_of(dialog.rows) if text in ("alan", "linus")]
    driver.key(dialog.buttons[1], "<Return>")
    assert driver.session.asked("account.block") == [("linus", False)]
    driver.show(ev.PrivacyShown(False, ("alan",)))
    assert len(dialog.buttons) == 1
    driver.show(ev.PrivacyShown(False))
    assert "Nobody." in " ".join(texts_of(dialog.rows))
