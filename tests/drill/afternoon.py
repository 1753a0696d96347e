"""Does what docs/OPERATIONS.md says, in its order and by its commands, while two people talk.

`python -m tests.drill.afternoon`: installs the product, forms three servers on three addresses,
invites two people; then a server is killed and replaced, all is backed up, three become five, one
moves, all are upgraded, and all folders are lost and restored. Nothing acknowledged may be
missing, doubled or out of order in the end.
"""

from __future__ import annotations

import json
import shutil
import signal
import sys
import tempfile
import time
import venv
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from tests.drill.machines import DEADLINE_S, Machine, Network, lacks, run
from tests.drill.talk import Talker

ROOT = Path(__file__).resolve().parent.parent.parent


def say(text: str) -> None:
    print(text, flush=True)  # noqa: T201


def until(true: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + DEADLINE_S
    while not true():
        assert time.monotonic() < end, f"waited in vain: {what}"
        time.sleep(0.2)


def installed(folder: Path, name: str) -> Path:
    """By pipx, as "Installed" says; the folder of its commands."""
    tools, home, programs = folder / "tools", folder / f"pipx-{name}", folder / f"bin-{name}"
    if not tools.exists():
        venv.create(tools, with_pip=True)
        run(tools / "bin" / "pip", "install", "-q", "pipx", cwd=folder)
    run(tools / "bin" / "pipx", "install", ".", cwd=ROOT,
        PIPX_HOME=str(home), PIPX_BIN_DIR=str(programs))  # fmt: skip
    return programs


class Afternoon:
    def __init__(self, network: Network) -> None:
        self.network, self.folder = network, network.folder
        self.machines = {n: network.machine(n) for n in (1, 2, 3)}
        self.talkers: tuple[Talker, ...] = ()

    def config(self, *members: int) -> str:
        servers = [{"id": n, "address": self.machines[n].address} for n in members]
        return json.dumps({"servers": servers, "registration": "invite"}, indent=1)

    def all_are(self, at: Machine, roles: dict[int, str]) -> None:
        """Until chat-admin status says so."""
        until(lambda: at.status() == roles, f"status to show {roles}")

    def serve(self, at: Machine, leader: int, *backups: int) -> None:
        self.all_are(at, {leader: "leader", **dict.fromkeys(backups, "backup")})

    def talk_goes_on(self) -> None:
        for talker in self.talkers:
            talker.gets_through()

    # --- the afternoon ------------------------------------------------------------------

    def install(self) -> None:
        programs = installed(self.folder, "first")
        for machine in self.machines.values():
            machine.programs = programs

    def form(self) -> None:
        first = self.machines[1]
        for machine in self.machines.values():
            machine.put("config.json", self.config(1, 2, 3))
        first.does("chat-server", "--make-key")
        self.give_key(self.machines[2], self.machines[3])
        for machine in self.machines.values():
            machine.launches()
        for machine in self.machines.values():
            machine.is_ready()
        self.serve(first, 1, 2, 3)

    def give_key(self, *machines: Machine) -> None:
        for machine in machines:
            machine.put("data/cluster.key", (self.machines[1].data / "cluster.key").read_bytes())
            certificate = (self.machines[1].folder / "cluster.crt").read_bytes()
            machine.put("cluster.crt", certificate)

    def invite(self) -> None:
        made = self.machines[1].asks("invites", "make", "--uses", "2")
        self.talkers = tuple(
            Talker(self.folder / name, name, other)
            for name, other in (("ada", "grace"), ("grace", "ada"))
        )
        for talker in self.talkers:
            talker.joins(made["invitation"])
        for talker in self.talkers:
            talker.begins()
        self.talk_goes_on()

    def kill_and_replace(self) -> None:
        first, second = self.machines[1], self.machines[2]
        first.stops(signal.SIGKILL)
        self.talk_goes_on()
        self.all_are(second, {1: "down", 2: "leader", 3: "backup"})
        shutil.rmtree(first.data)
        self.give_key_from(second, first)
        first.starts()
        self.serve(second, 1, 2, 3)
        self.talk_goes_on()

    def give_key_from(self, source: Machine, machine: Machine) -> None:
        machine.put("data/cluster.key", (source.data / "cluster.key").read_bytes())

    def back_up(self) -> None:
        at = self.machines[2]
        at.does("chat-admin", "backup", "backups")
        said = at.does("chat-admin", "verify", "backups")
        assert "chat-at-entry-" in said, said
        self.talk_goes_on()

    def wipe_one(self) -> None:
        third = self.machines[3]
        third.stops()
        shutil.rmtree(third.data)
        self.give_key_from(self.machines[2], third)
        third.starts()
        self.serve(self.machines[1], 1, 2, 3)

    def three_to_five(self) -> None:
        for number in (4, 5):
            machine = self.machines[number] = self.network.machine(number)
            machine.programs = self.machines[1].programs
            self.give_key(machine)
        for number in (4, 5):
            self.machines[number].put("new-config.json", self.config(1, 2, 3, 4, 5))
            self.machines[number].launches("--config", "new-config.json", "--join")
        first = self.machines[1]
        first.put("new-config.json", self.config(1, 2, 3, 4, 5))
        said = first.does("chat-server", "--id", "1", "--reconfigure", "new-config.json")
        assert "Done" in said, said
        for number in (4, 5):
            self.machines[number].is_ready()
        self.serve(first, 1, 2, 3, 4, 5)
        self.talk_goes_on()

    def move_one(self) -> None:
        first, fourth = self.machines[1], self.machines[4]
        fourth.stops()
        fourth.has_address(104)
        for machine in self.machines.values():
            machine.put("new-config.json", self.config(1, 2, 3, 4, 5))
        fourth.launches("--config", "new-config.json")
        first.does("chat-admin", "servers", "change", "new-config.json")
        fourth.is_ready()
        self.serve(first, 1, 2, 3, 4, 5)
        agreed = json.loads((self.machines[2].folder / "config.json").read_text("utf-8"))
        assert fourth.address in [s["address"] for s in agreed["servers"]], agreed
        self.talk_goes_on()

    def upgrade(self) -> None:
        programs = installed(self.folder, "second")
        for number, machine in sorted(self.machines.items(), reverse=True):
            machine.stops()
            machine.put("config.json", self.config(1, 2, 3, 4, 5))
            machine.programs = programs
            machine.starts()
            at = self.machines[2 if number == 1 else 1]
            self.serve(at, 1, 2, 3, 4, 5)
        self.talk_goes_on()

    def lose_all_and_restore(self) -> None:
        """What is written meanwhile waits at the clients."""
        for talker in self.talkers:
            talker.pauses()
        first = self.machines[1]
        first.does("chat-admin", "backup", "backups")
        for machine in self.machines.values():
            machine.stops()
        for talker in self.talkers:
            talker.goes_on()
        key = (first.data / "cluster.key").read_bytes()
        for machine in self.machines.values():
            shutil.rmtree(machine.data)
            machine.put("data/cluster.key", key)
        said = first.does("chat-admin", "restore", "backups")
        assert "server 1" in said, said
        first.starts("--force-new-view")
        for number in (2, 3, 4, 5):
            self.machines[number].starts()
        self.serve(first, 1, 2, 3, 4, 5)
        self.talk_goes_on()

    def compare(self) -> str:
        """What everybody had, at the servers and in both windows."""
        ada, grace = self.talkers
        for talker in self.talkers:
            talker.pauses()
        ada.hears_all(grace.wrote)
        grace.hears_all(ada.wrote)
        assert grace.heard == ada.wrote
        assert ada.heard == grace.wrote
        lines = self.machines[3].does("chat-admin", "export", "ada", "--json").splitlines()
        said = [json.loads(line) for line in lines]
        for talker in self.talkers:
            theirs = [each["text"] for each in said if each["from"] == talker.name]
            assert theirs == talker.wrote, f"of {talker.name}: {theirs[-5:]} {talker.wrote[-5:]}"
        assert self.machines[1].asks("servers", "list")
        assert self.machines[1].asks("audit")
        for machine in self.machines.values():
            assert "Traceback" not in machine.log(), machine.log()
        return f"{len(ada.wrote) + len(grace.wrote)} messages, all of them there once and in order"

    def close(self) -> None:
        for talker in self.talkers:
            talker.close()


STEPS: Sequence[tuple[str, Callable[[Afternoon], Any]]] = (
    ("install by pipx", Afternoon.install),
    ("three servers on three addresses", Afternoon.form),
    ("invite two people, who talk from now on", Afternoon.invite),
    ("kill the leader, and replace its machine", Afternoon.kill_and_replace),
    ("back up, and verify the copy", Afternoon.back_up),
    ("wipe one server's folder", Afternoon.wipe_one),
    ("three to five servers", Afternoon.three_to_five),
    ("move one to another address", Afternoon.move_one),
    ("upgrade one after the other", Afternoon.upgrade),
    ("lose all folders, and restore the copy", Afternoon.lose_all_and_restore),
    ("compare what everybody has", Afternoon.compare),
)


def main() -> int:
    if lack := lacks():
        print(lack, file=sys.stderr)  # noqa: T201
        return 2
    began = time.monotonic()
    with (
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder,
        Network(Path(folder)) as network,
    ):
        afternoon = Afternoon(network)
        try:
            for name, step in STEPS:
                say(f"{time.monotonic() - began:5.0f} s  {name}")
                told = step(afternoon)
            say(f"{time.monotonic() - began:5.0f} s  {told}")
        finally:
            afternoon.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
