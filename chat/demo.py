"""`make demo`: ada and grace talk, in two windows or on the terminal; kill a server and watch.

Fresh servers on free ports, a fresh account each; nothing of a person's own data is touched.
"""

from __future__ import annotations

import argparse
import itertools
import json
import shutil
import socket
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

from chat.client import events as ev
from chat.client.servers import trust_for
from chat.client.session import ChatSession
from chat.client.settings import Profile, profile_folder
from chat.config import Config, load_config
from chat.launch import ROOT, Processes, has_display, restart_hint, say, until_interrupted
from chat.output import guard_output
from chat.tls import Trust

FOLDER = ROOT / "build" / "demo"
CONFIG = ROOT / "config.json"
PASSWORD = "correct horse"  # noqa: S105 - two accounts that live as long as the demo
WINDOW_WIDTH = 780
SAY_EVERY_S = 2.0
ANSWER_TIMEOUT_S = 30.0
TALK = (
    "Morning! Is the spectrometer free today?",
    "From two o'clock on. Shall I put you down?",
    "Yes please, two hours.",
    "Done. Did you see the new calibration curve?",
    "Not yet. Is it in the shared folder?",
    "It is, under November. The drift is gone.",
    "Lovely. Then we can repeat the long run tonight.",
    "I would wait for the new lamp, it comes tomorrow.",
    "Good point. Lunch at twelve?",
    "Twelve it is. Bring the plots!",
)


class Person:
    """Somebody who talks through a session of the client, as a window would."""

    def __init__(self, name: str, servers: list[str], folder: Path, trust: Trust) -> None:
        self.name = name
        folder.mkdir(parents=True)
        self._answered = threading.Condition()
        self._events: list[ev.ClientEvent] = []
        self._profile = Profile(folder)
        self._profile.start()
        self._trust = trust
        self.session = ChatSession(servers, folder, self._take, self._profile, trust)
        self.session.start()

    def sign_up(self) -> None:
        """RuntimeError, with the servers' sentence, when they refuse."""
        self.session.register(self.name, PASSWORD)
        self._wait_for(ev.Done)
        self.sign_in(self.session)

    def sign_in(self, session: ChatSession) -> None:
        session.sign_in(self.name, PASSWORD)
        self._wait_for(ev.SignedIn)

    def sign_in_window(self, servers: list[str], profile_name: str, left: int, to: str) -> None:
        """Leaves a profile behind in which a window finds itself signed in, with the
        conversation with `to` open; `left` is where it shall stand, in pixels."""
        folder = profile_folder(profile_name)
        shutil.rmtree(folder, ignore_errors=True)
        profile = Profile(folder)
        profile.start()
        profile.update(
            geometry=f"{WINDOW_WIDTH}x640+{left}+40", last_username=self.name, last_contact=to
        )
        session = ChatSession(servers, folder, self._take, profile, self._trust)
        session.start()
        self.sign_in(session)
        session.close()
        profile.stop()

    def wait_until_sent(self, message_id: str) -> None:
        """However long it takes: the outbox keeps trying."""

        def sent() -> bool:
            return any(
                isinstance(event, (ev.MessageArrived, ev.MessageChanged))
                and event.message.id == message_id
                and event.message.mark in (ev.Mark.SENT, ev.Mark.READ)
                for event in self._events
            )

        with self._answered:
            self._answered.wait_for(sent)
            self._events.clear()

    def close(self) -> None:
        self.session.close()
        self._profile.stop()

    def _take(self, event: ev.ClientEvent) -> None:
        with self._answered:
            self._events.append(event)
            self._answered.notify_all()

    def _wait_for(self, kind: type) -> None:
        def answered() -> list[ev.ClientEvent]:
            return [event for event in self._events if isinstance(event, (kind, ev.Failed))]

        with self._answered:
            if not self._answered.wait_for(answered, ANSWER_TIMEOUT_S):
                raise RuntimeError("The servers did not answer in time.")
            found = answered()[0]
            self._events.clear()
        if isinstance(found, ev.Failed):
            raise RuntimeError(found.message)


def write_config() -> Path:
    """Three servers on ports that are free now; encrypted where a person's own are."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(3)]
    servers = [
        {"id": number, "address": f"127.0.0.1:{one.getsockname()[1]}"}
        for number, one in enumerate(sockets, 1)
    ]
    for one in sockets:
        one.close()
    path = FOLDER / "config.json"
    document = {"servers": servers, "tls": load_config(CONFIG).tls}
    path.write_text(json.dumps(document, indent=2), encoding="utf-8")
    return path


def talk(ada: Person, grace: Person) -> None:
    """For ever, a sentence at a time; each waits until the servers have acknowledged it."""
    pause = threading.Event()
    lines: Iterator[tuple[Person, Person, str]] = (
        (ada, grace, text) if number % 2 == 0 else (grace, ada, text)
        for number, text in enumerate(itertools.cycle(TALK))
    )
    for speaker, listener, text in lines:
        message_id = speaker.session.send(listener.name, text)
        speaker.wait_until_sent(message_id)
        if not has_display():
            say(f"{speaker.name}: {text}  ✓ sent")
        pause.wait(SAY_EVERY_S)


def invite(processes: Processes, config: Config) -> None:
    say("\nada and grace are talking. Kill any server and watch the conversation go on:")
    for number in config.servers:
        leads = "   (it leads)" if number == min(config.servers) else ""
        say(f"  kill -9 {processes.pid(number)}   # server {number}{leads}")
    say("Ctrl+C ends the demo.\n")


def demo() -> None:
    path = write_config()
    config = load_config(path)
    servers = [str(address) for address in config.servers.values()]
    processes = Processes(path)
    people: list[Person] = []
    try:
        processes.start_servers(config)
        trust = trust_for(servers, None, path)
        for place, (name, other) in enumerate((("ada", "grace"), ("grace", "ada"))):
            person = Person(name, servers, FOLDER / name, trust)
            people.append(person)
            person.sign_up()
            if has_display():
                person.sign_in_window(servers, f"demo-{name}", place * (WINDOW_WIDTH + 10), other)
                processes.start_client(f"demo-{name}")
        invite(processes, config)
        threading.Thread(target=talk, args=people, name="talk", daemon=True).start()
        processes.watch(lambda number, status: say(restart_hint(processes, number, status)))
    finally:
        for person in people:
            person.close()
        processes.stop()


def main() -> int:
    argparse.ArgumentParser(prog="python -m chat.demo", description=__doc__).parse_args()
    return until_interrupted(demo)


if __name__ == "__main__":
    guard_output()
    sys.exit(main())
