"""The small windows: settings, outbox, account, servers, sign-in."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from chat.client import events as ev
from chat.ui import words
from chat.ui.dialogs import Dialog
from chat.ui.outbox_dialog import OutboxDialog
from chat.ui.settings_dialog import SettingsDialog
from tests.ui.conftest import Driver, message, signed_in


def texts(widget: Any) -> list[str]:
    """Every text in a window, in the order in which its widgets were made."""
    own = [str(widget.cget("text"))] if "text" in (widget.keys() or ()) else []
    return own + [text for child in widget.winfo_children() for text in texts(child)]


def button(widget: Any, text: str, nth: int = 0) -> Any:
    found = [w for w in walk(widget) if w.winfo_class() == "TButton" and w.cget("text") == text]
    return found[nth]


def walk(widget: Any) -> list[Any]:
    return [widget, *(below for child in widget.winfo_children() for below in walk(child))]


# --- settings ------------------------------------------------------------------------


def settings(driver: Driver) -> SettingsDialog:
    driver.app.windows.open_settings()
    driver.settle()
    assert isinstance(driver.app.windows.dialog, SettingsDialog)
    return driver.app.windows.dialog


def test_a_choice_takes_effect_at_once_and_is_kept(driver: Driver) -> None:
    signed_in(driver, message(1), unread=4)
    dialog = settings(driver)
    for radio in (w for w in walk(dialog) if w.winfo_class() == "TRadiobutton"):
        if radio.cget("text") in ("dark", "only when I press “Read next”"):
            radio.invoke()
    driver.settle()
    assert driver.app.theme.dark
    assert driver.app.chat.read_button.winfo_ismapped()
    assert driver.app.chat.read_button.cget("text") == "Read next 4 of 4"
    kept = driver.profile.settings
    assert (kept.theme, kept.reading) == ("dark", "deliberate")


def test_a_box_is_ticked_where_the_setting_is_on(driver: Driver) -> None:
    dialog = settings(driver)
    boxes = [w for w in walk(dialog) if w.winfo_class() == "TCheckbutton"]
    assert [box.cget("text") for box in boxes if box.instate(["selected"])] == [
        "Enter sends", "Tell others while I am typing",
        "Show *emphasis*, `code` and lists as such", "Notify me of new messages",
    ]  # fmt: skip
    boxes[0].invoke()
    assert not driver.profile.settings.enter_sends
    assert not boxes[0].instate(["selected"])


def test_the_size_goes_by_steps(driver: Driver) -> None:
    dialog = settings(driver)
    for _ in range(9):
        button(dialog, "+").invoke()
    driver.settle()
    assert dialog.scale.cget("text") == "200 %"
    assert driver.app.theme.scale_percent == 200
    button(dialog, "−").invoke()
    assert driver.profile.settings.scale_percent == 175


def test_how_many_are_read_at_a_press(driver: Driver) -> None:
    dialog = settings(driver)
    box = next(w for w in walk(dialog) if w.winfo_class() == "TSpinbox")
    for typed, kept in (("12", 12), ("99", 30), ("", 30), ("x", 30)):
        box.delete(0, "end")
        box.insert(0, typed)
        driver.settle()
        assert driver.profile.settings.read_next == kept


def test_servers_are_checked_and_kept(driver: Driver) -> None:
    dialog, profile = settings(driver), driver.profile
    entry = dialog.fields["servers"]
    entry.insert(0, "chat.example.org:8001, nonsense")
    dialog.take_servers()
    assert not profile.settings.servers
    assert any("nonsense" in text for text in texts(dialog))
    entry.delete(0, "end")
    entry.insert(0, " chat.example.org:8001,[::1]:8002 ")
    dialog.take_servers()
    assert driver.profile.settings.servers == ("chat.example.org:8001", "[::1]:8002")
    driver.app.windows.close_dialog()
    assert settings(driver).fields["servers"].get() == "chat.example.org:8001, [::1]:8002"


# --- the outbox -----------------------------------------------------------------------

LATE = message(1, "the first one", own=True, sequence=0, mark=ev.Mark.QUEUED)
LOST = message(2, "the lost one", own=True, sequence=0, mark=ev.Mark.FAILED, reason="ada is gone.")


def test_what_waits_is_listed_and_can_be_dealt_with(driver: Driver) -> None:
    signed_in(driver)
    driver.session.waiting = (LATE, LOST)
    driver.show(ev.OutboxChanged(1, 1))
    assert driver.app.strip.outbox.cget("text") == "1 waiting, 1 not sent"
    driver.app.strip.outbox.invoke()
    driver.settle()
    dialog = driver.app.windows.dialog
    assert isinstance(dialog, OutboxDialog)
    shown = texts(dialog)
    assert "the first one" in shown
    assert "! ada is gone." in shown
    button(dialog, "Retry").invoke()
    button(dialog, "Delete", 0).invoke()
    assert driver.session.asked("retry") == [("m2",)]
    assert driver.session.asked("discard") == [("m2",)]
    driver.session.waiting = (LATE,)
    driver.show(ev.OutboxChanged(1, 0))
    assert "! ada is gone." not in texts(dialog)
    button(dialog, "Open").invoke()
    assert driver.app.chat.address == "ada"
    driver.show(ev.OutboxChanged(0, 0))
    assert not driver.app.strip.outbox.winfo_ismapped()


def test_an_empty_outbox_says_so(driver: Driver) -> None:
    signed_in(driver)
    driver.app.windows.open_outbox()
    driver.settle()
    assert "Nothing is waiting. Everything you wrote has been sent." in texts(
        driver.app.windows.dialog
    )


def test_logging_out_with_waiting_messages_is_asked_about(driver: Driver) -> None:
    signed_in(driver)
    driver.session.waiting = (LATE,)
    driver.app.windows.sign_out()
    assert not driver.session.asked("sign_out")
    assert any(
        "1 of your messages is still waiting here" in text
        for text in texts(driver.app.windows.dialog)
    )
    driver.app.windows.dialog.confirm()  # type: ignore[union-attr]
    assert driver.session.asked("sign_out") == [()]
    driver.session.waiting = ()
    driver.app.windows.sign_out()
    assert len(driver.session.asked("sign_out")) == 2


# --- the account ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "field"),
    [
        (("", "long enough", "long enough"), "current_password"),
        (("present", "short", "short"), "new_password"),
        (("present", "long enough", "differs!"), "repeated"),
    ],
)
def test_a_new_password_is_checked_beside_its_field(
    driver: Driver, typed: tuple[str, ...], field: str
) -> None:
    signed_in(driver)
    driver.app.windows.open_password()
    dialog: Any = driver.app.windows.dialog
    for entry, text in zip(dialog.fields.values(), typed, strict=True):
        entry.insert(0, text)
    dialog.submit()
    assert not driver.session.asked("change_password")
    assert dialog.error.cget("text")
    assert dialog.error.pack_info()["in"] is dialog.body
    packed = dialog.body.pack_slaves()
    assert packed[packed.index(dialog.error) - 1] is dialog.fields[field]
    assert dialog.fields[field].instate(["invalid"])


def test_a_new_password_is_set_or_refused(driver: Driver) -> None:
    signed_in(driver)
    driver.app.windows.open_password()
    dialog: Any = driver.app.windows.dialog
    for entry, text in zip(dialog.fields.values(), ("old", "long enough", "long enough"),
                           strict=True):  # fmt: skip
        entry.insert(0, text)
    dialog.submit()
    assert driver.session.asked("change_password") == [("old", "long enough")]
    refused = ev.Failed("change_password", "The current password is not right.", "current_password")
    driver.show(refused)
    assert dialog.error.cget("text") == refused.message
    driver.show(ev.Done("change_password"))
    assert not dialog.winfo_exists()


def test_a_deleted_account_leads_to_the_sign_in(driver: Driver) -> None:
    signed_in(driver)
    driver.app.windows.open_delete_account()
    driver.show(ev.SignedOut("bob", ended=False, deleted=True))
    page = driver.app.sign_in
    assert page.winfo_ismapped()
    assert page.notice.cget("text") == "The account bob has been deleted."
    assert not driver.app.windows.is_open
    driver.show(ev.SignedOut("bob", ended=False))
    assert not page.notice.winfo_ismapped()


def test_escape_closes_a_dialog_from_a_field(driver: Driver) -> None:
    signed_in(driver)
    driver.app.windows.open_password()
    driver.settle()
    dialog: Any = driver.app.windows.dialog
    driver.key(dialog.fields["new_password"], "<Escape>")
    assert not dialog.winfo_exists()


# --- signing in -----------------------------------------------------------------------


def test_the_first_empty_field_has_the_focus(driver: Driver) -> None:
    page, root = driver.app.sign_in, driver.app.root
    driver.wait_until(lambda: root.focus_get() is page.fields["username"], "no focus")
    page.username.set("bob")
    page.submit()
    driver.settle()
    assert root.focus_get() is page.fields["password"]
    assert page.errors["password"].cget("text") == "Enter your password."
    assert page.fields["password"].instate(["invalid"])


def test_the_password_shows_only_on_demand(driver: Driver) -> None:
    page = driver.app.sign_in
    assert page.fields["password"].cget("show") == "•"
    page._show_password.invoke()
    assert page.fields["password"].cget("show") == ""
    page.reset()
    assert page.fields["password"].cget("show") == "•"
    assert page.password.get() == ""


def test_signing_in_shows_that_it_goes_on(driver: Driver) -> None:
    page = driver.app.sign_in
    page.username.set("bob")
    page.password.set("correct horse")
    page.submit()
    page.submit()  # a second press of Enter asks nothing
    driver.settle()
    assert page.status.winfo_ismapped()
    assert len(driver.session.asked("sign_in")) == 1
    driver.show(ev.Failed("sign_in", "No server can be reached.", ""))
    assert page.errors["password"].cget("text") == "No server can be reached."
    assert not page.busy


# --- the servers ------------------------------------------------------------------------


def server(number: int, role: str, detail: str = "") -> ev.ServerInfo:
    return ev.ServerInfo(number, f"a:{number}", role, 4, 1_234, 2_000, detail)


def test_the_window_of_servers_is_live_and_says_what_to_do(driver: Driver) -> None:
    signed_in(driver)
    driver.show(ev.ClusterChanged(1, 3, True, (server(1, "leader"), server(2, "backup"))))
    driver.app.windows.open_cluster()
    driver.settle()
    window = driver.app.windows.cluster_window
    assert window is not None
    assert window.headline.cget("text") == "Server 1 leads view 3"
    gone = server(1, "down", "Does not answer.")
    driver.show(ev.ClusterChanged(2, 4, True, (gone, server(2, "leader"))))
    assert window.headline.cget("text") == "Server 2 leads view 4"
    assert "python server.py --id 1" in window.cards[1].detail.cget("text")
    assert window.cards[1].figures["Log index"].cget("text") == "1,234"
    assert window.cards[2].figures["Last heartbeat"].cget("text") == "2 s ago"
    driver.app.windows.open_cluster()
    assert driver.app.windows.cluster_window is window
    driver.key(window, "<Escape>")
    assert not window.winfo_exists()


UNKNOWN, UP = server(1, "unknown"), server(1, "backup")


@pytest.mark.parametrize(
    ("cluster", "headline", "explanation"),
    [
        (ev.ClusterChanged(0, 0, False, (UNKNOWN,)), "No server answers", "network connection"),
        (ev.ClusterChanged(0, 0, False, (UP,)), "No server is leading", "wait on this computer"),
        (ev.ClusterChanged(1, 3, False, (UP,)), "Server 1 leads view 3", "Too few servers"),
        (ev.ClusterChanged(1, 3, True, (UP,)), "Server 1 leads view 3", "on the disk of every"),
        (ev.ClusterChanged(1, 3, True, (UP,), 0, 30), "Server 1 leads", "kept for 30 days"),
        (ev.ClusterChanged(1, 3, True, (UP,), 720), "Server 1 leads", "stalled for 0.7 s"),
    ],
)
def test_the_headline_says_what_it_means(
    cluster: ev.ClusterChanged, headline: str, explanation: str
) -> None:
    said = words.cluster_headline(cluster)
    assert headline in said[0]
    assert explanation in said[1]


@pytest.mark.parametrize(
    ("role", "milliseconds", "said"),
    [("unknown", -1, "–"), ("down", -1, "never"), ("backup", 999, "999 ms ago"),
     ("down", 9_400, "9 s ago")],
)  # fmt: skip
def test_a_heartbeat_of_which_nobody_tells_is_not_never(
    role: str, milliseconds: int, said: str
) -> None:
    assert words.last_heartbeat(replace(UP, role=role, last_contact_ms=milliseconds)) == said


# --- small windows and large letters --------------------------------------------------------


def in_sight(driver: Driver, widget: Any, place: Any) -> bool:
    """Whether all of a widget is inside the place that it is shown in."""
    driver.settle()
    top = widget.winfo_rooty() - place.winfo_rooty()
    inside = 0 <= top <= place.winfo_height() - widget.winfo_height()
    return bool(widget.winfo_viewable()) and inside


def test_the_sign_in_can_be_used_in_a_window_that_is_too_small(driver: Driver) -> None:
    driver.app.change_setting("scale_percent", 200)
    driver.show(ev.SignedIn("ada"), ev.SignedOut("ada", ended=True))
    page = driver.app.sign_in
    assert page._card.winfo_reqheight() > page.winfo_height()
    for first in (page.title, page.notice, page.fields["password"]):
        assert in_sight(driver, first, page)
    page.switch_button.focus_force()
    assert in_sight(driver, page.switch_button, page)
    driver.key(page.switch_button, "<Prior>")
    assert in_sight(driver, page.title, page)
    page.switch()
    page.show_error("repeated", "The passwords do not match.")
    assert in_sight(driver, page.fields["repeated"], page)
    for _ in range(20):
        page.title.event_generate("<Button-5>")
    assert in_sight(driver, page.switch_button, page)
    driver.app.change_setting("scale_percent", 100)
    assert in_sight(driver, page.title, page)
    assert in_sight(driver, page.switch_button, page)


def test_a_dialog_is_never_higher_than_the_screen(
    driver: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    screen = 500
    monkeypatch.setattr(Dialog, "winfo_vrootheight", lambda _: screen)
    driver.app.windows.open_keys()
    driver.settle()
    dialog = driver.app.windows.dialog
    assert dialog is not None
    for scale in (100, 200, 100):
        driver.app.change_setting("scale_percent", scale)
        driver.settle()
        assert dialog.winfo_rooty() + dialog.winfo_height() <= screen
        assert in_sight(driver, dialog.headline, dialog)
        assert in_sight(driver, button(dialog, "Close"), dialog)
    driver.app.change_setting("scale_percent", 200)
    driver.settle()
    last = next(w for w in walk(dialog) if texts(w) == ["↑ in an empty field"])
    assert not in_sight(driver, last, dialog)
    for _ in range(9):
        driver.key(button(dialog, "Close"), "<Next>")
    assert in_sight(driver, last, dialog)
