"""Takes the pictures of docs/images: a scripted but lifelike chat on a display of its own.

`python -m tests.ui.screenshots [FOLDER]`; needs Xvfb, ImageMagick and the Noto fonts.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from chat.client import events as ev
from chat.client.search_wish import SearchWish
from tests.ui.conftest import NOW, Driver, a_display

SIZE = "980x640"
COLOURS = 128  # a palette picture is a third of the size, and text stays sharp

# The words of the servers themselves.
LEADS = "Takes reads and writes."
HOLDS = "Holds every acknowledged message."
GONE = "Does not answer; the others go on without it."
UP = (
    ev.ServerInfo(1, "10.0.0.11:8001", "leader", 3, 4_120, 31, LEADS),
    ev.ServerInfo(2, "10.0.0.12:8001", "backup", 3, 4_120, 84, HOLDS),
    ev.ServerInfo(3, "10.0.0.13:8001", "backup", 3, 4_120, 66, HOLDS),
)
AFTER = (
    ev.ServerInfo(1, "10.0.0.11:8001", "down", 3, 4_120, 9_400, GONE),
    ev.ServerInfo(2, "10.0.0.12:8001", "leader", 4, 4_133, 12, LEADS),
    ev.ServerInfo(3, "10.0.0.13:8001", "backup", 4, 4_133, 47, HOLDS),
)


def at(clock: str, days_ago: int = 0) -> float:
    """Seconds since 1970 of a time of day, on the day of the pictures or so many days before."""
    hour, minute = (int(part) for part in clock.split(":"))
    day = datetime.fromtimestamp(NOW).astimezone() - timedelta(days=days_ago)
    return day.replace(hour=hour, minute=minute, second=0, microsecond=0).timestamp()


class Script:
    """Messages with Grace, numbered as they are said."""

    def __init__(self) -> None:
        self.messages: list[ev.ChatMessage] = []

    def say(self, who: str, when: float, text: str, mark: ev.Mark | None = None) -> None:
        number = len(self.messages) + 1
        mark = mark or (ev.Mark.READ if who == "ada" else ev.Mark.RECEIVED)
        sequence = 0 if mark in (ev.Mark.QUEUED, ev.Mark.FAILED) else number
        self.messages.append(ev.ChatMessage(f"s{number}", "grace", who, text, when, sequence, mark))


def conversation() -> Script:
    script = Script()
    say = script.say
    say("grace", at("16:20", 1), "The slides for Thursday are in the shared folder.")
    say("ada", at("16:24", 1), "Thank you! I read them on the train. Slide 9 is lovely 🎉")
    say("grace", at("09:58"), "Are the three servers up?")
    say("ada", at("09:59"), "Yes. I am going to pull the plug on server 1 in a moment, on purpose.")
    say("ada", at("09:59"), "Tell me if you notice anything.")
    say("grace", at("10:01"),
        "The strip at the bottom changed, and that was all. Nothing lost, not even the long one "
        "that I was typing while it went down. Notes: https://example.org/notes")  # fmt: skip
    return script


def summaries(unread: int = 0) -> tuple[ev.ConversationSummary, ...]:
    received, read, sent = ev.Mark.RECEIVED, ev.Mark.READ, ev.Mark.SENT
    row = ev.ConversationSummary
    return (
        row("grace", "See you at the lab at 3!", received, at("10:03"), unread, True, False),
        row("alan", "The build is green again", received, at("09:40"), 3, True, False),
        row("linus", "Can we move it to Friday?", received, at("18:05", 1), 0, False, False),
        row("barbara", "Thank you, got it", read, at("11:20", 2), 0, True, False),
        row("edsger", "I consider it harmful, as you know", sent, at("12:00", 4), 0, False, False),
        row("katherine", "The numbers match to the last digit", received, at("15:31", 12), 0, False,
            False),
    )  # fmt: skip


def sign_in(driver: Driver, servers: tuple[ev.ServerInfo, ...] = UP, unread: int = 0) -> None:
    leader = next(server for server in servers if server.role == "leader")
    driver.show(
        ev.SignedIn("ada"),
        ev.LinkChanged(ev.Link.CONNECTED, server_id=leader.server_id),
        ev.ClusterChanged(leader.server_id, leader.view, True, servers),
        ev.ConversationsLoaded(summaries(unread)),
    )
    driver.profile.set_draft("ada", "linus", "Friday is fine, but not before")


def chat(driver: Driver) -> None:
    """The whole window, all well."""
    sign_in(driver, unread=2)
    script = conversation()
    script.say("grace", at("10:02"), "Bring the USB stick, please.")
    script.say("grace", at("10:03"), "See you at the lab at 3!")
    driver.app.chat.open_conversation("grace")
    driver.show(ev.PageLoaded("grace", tuple(script.messages), newest=True, older=False))
    mine = ev.ChatMessage("own", "grace", "ada", "On my way", at("10:04"), 20, ev.Mark.SENT)
    driver.show(ev.MessageArrived(mine))
    show_last(driver, mine)


def show_last(driver: Driver, message: ev.ChatMessage) -> None:
    """In the row of the conversation, which is read by now."""
    row = ev.ConversationSummary(
        "grace", message.text, message.mark, message.sent_at, 0, True, False
    )
    driver.show(ev.ConversationUpdated(row))


def failover(driver: Driver) -> None:
    """A server has died in mid-sentence."""
    chat(driver)
    waiting = ev.ChatMessage(
        "waits", "grace", "ada", "(typed while server 1 was going down)", at("10:05"), 0,
        ev.Mark.QUEUED,
    )  # fmt: skip
    driver.show(
        ev.ClusterChanged(2, 4, True, AFTER),
        ev.LinkChanged(ev.Link.RECONNECTING, server_id=1, since=time.monotonic() - 2),
        ev.MessageArrived(waiting),
        ev.OutboxChanged(1, 0),
    )
    show_last(driver, waiting)
    driver.app.banner.refresh(time.monotonic())
    driver.app.chat.composer.text.insert("1.0", "And now I am writing the next one…")


def said(number: int, who: str, when: str, text: str, **more: Any) -> ev.ChatMessage:
    """Something said in a room."""
    mark = ev.Mark.READ if who == "ada" else ev.Mark.RECEIVED
    return ev.ChatMessage(f"r{number}", "#proofs", who, text, at(when), number, mark, **more)


QUESTION = "Who wants to look at the *quorum* proof before Thursday?"
CODE = """I do, @ada. The interesting part is this:
```python
def committed(votes, members):
\t# a majority, not the half of them
\treturn len(votes) * 2 > len(members)
```"""


def room(driver: Driver) -> None:
    """A room in which messages live, with its details beside."""
    sign_in(driver)
    info = ev.RoomInfo("#proofs", "What must hold, and why", True, "ada", 4, True)
    row = ev.ConversationSummary(
        "#proofs", "Then it is settled 🎉", ev.Mark.RECEIVED, at("10:21"), 0, False, False, 99,
        info, "alan",
    )  # fmt: skip
    muted = replace(row, address="#lunch", preview="Soup or salad?", unread=7, muted=True, rank=98,
                    room=replace(info, name="#lunch"))  # fmt: skip
    driver.show(ev.ConversationUpdated(row), ev.ConversationUpdated(muted))
    driver.app.chat.open_conversation("#proofs")
    thumbs = ev.ReactionInfo("👍", ("ada", "alan", "barbara"), 3, True)
    party = ev.ReactionInfo("🎉", ("barbara",), 1, False)
    asked = ev.Quote("r1", 1, "ada", QUESTION)
    page = (
        said(1, "ada", "10:12", QUESTION, read_by=3),
        said(2, "grace", "10:14", CODE, mentions_me=True, quote=asked, reactions=(thumbs, party)),
        said(3, "alan", "10:17", "> a majority, not the half of them\nWith four members that is"
             " **three**.", edited_at=at("10:18")),
        said(4, "ada", "10:20", "Agreed. I will write it down.", read_by=2),
        said(5, "alan", "10:21", "Then it is settled 🎉"),
    )  # fmt: skip
    notes = (
        ev.RoomNote("#proofs", 1, 0, "made", "ada", private=True),
        ev.RoomNote("#proofs", 2, 0, "came", "ada", ("grace", "alan", "barbara")),
    )
    driver.show(ev.PageLoaded("#proofs", page, newest=True, older=False, notes=notes))
    driver.app.rooms.toggle_details()
    driver.show(ev.MembersListed("#proofs", tuple(
        ev.MemberEntry(name, name != "barbara", name == "ada")
        for name in ("ada", "alan", "barbara", "grace")
    )), ev.SomeoneTyping("#proofs", "grace"))  # fmt: skip


def search(driver: Driver) -> None:
    """Words found in everything, beside the room that one of the messages is in."""
    room(driver)
    driver.app.chat.composer.text.event_generate("<Control-F>")
    pane = driver.app.search
    pane.entry.insert("end", "majority after:2026-03-01")
    pane.ask()
    elsewhere = (
        said(9, "grace", "09:40", "A majority of what? Of all servers, or of the living?"),
        said(8, "ada", "09:31", "Without a majority it still answers reads."),
    )
    found = (
        said(3, "alan", "10:17", "> a majority, not the half of them\nWith four members that is"
             " **three**."),
        said(2, "grace", "10:14", CODE),
        *(replace(each, address="grace", id=f"g{each.id}") for each in elsewhere),
    )  # fmt: skip
    (wish,) = driver.session.asked("searches.find")[-1]
    assert isinstance(wish, SearchWish)
    driver.show(ev.MessagesFound(wish, found, first=True, more=False, incomplete=False))
    pane.choose(0)


def cluster(driver: Driver) -> None:
    """The window of the servers, over the chat."""
    chat(driver)
    driver.show(ev.ClusterChanged(2, 4, True, AFTER), ev.LinkChanged(ev.Link.CONNECTED, 2))
    driver.app.windows.open_cluster()


def sign_in_page(driver: Driver) -> None:
    """Before anything else."""
    driver.show(ev.ClusterChanged(1, 3, True, UP))
    driver.app.sign_in.username.set("ada")
    driver.app.sign_in.focus_first()


PICTURES: dict[str, tuple[Callable[[Driver], None], dict[str, Any]]] = {
    "window-light": (chat, {"theme": "light"}),
    "window-dark": (chat, {"theme": "dark"}),
    "failover": (failover, {"theme": "light"}),
    "room-light": (room, {"theme": "light"}),
    "room-dark": (room, {"theme": "dark"}),
    "search": (search, {"theme": "light"}),
    "cluster": (cluster, {"theme": "light"}),
    "sign-in": (sign_in_page, {"theme": "light"}),
}


def photograph(target: Path, size: str = SIZE, colours: int = COLOURS) -> None:
    subprocess.run(
        ["import", "-window", "root", "-crop", f"{size}+0+0", "+repage", "+dither",
         "-colors", str(colours), "-define", "png:compression-level=9", f"PNG8:{target}"],
        check=True,
    )  # fmt: skip


def take(name: str, folder: Path) -> Path:
    scene, settings = PICTURES[name]
    target = folder / f"{name}.png"
    with tempfile.TemporaryDirectory() as profile:
        driver = Driver(Path(profile), **settings)
        try:
            scene(driver)
            driver.settle()
            photograph(target)
        finally:
            driver.close()
    return target


def missing() -> str:
    """What has to be installed before, in one line; empty = nothing."""
    programs = {"Xvfb": "xvfb", "import": "imagemagick"}
    packages = [package for program, package in programs.items() if not shutil.which(program)]
    if not packages:
        return ""
    return f"make screenshots needs {' and '.join(packages)}: apt-get install {' '.join(packages)}"


def main() -> int:
    if lack := missing():
        print(lack, file=sys.stderr)  # noqa: T201
        return 1
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "docs/images")
    folder.mkdir(parents=True, exist_ok=True)
    with a_display():
        for name in PICTURES:
            target = take(name, folder)
            print(f"{target}: {target.stat().st_size // 1024} KiB")  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main())
