"""Script: a schedule as a value, so that it can be drawn, changed, cut, joined and written down.

A run follows from its script alone: the weather says how the cluster and its world are, the
steps say what goes wrong, one after the other, and the ending what must then be possible.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any, Final

SENDER, RECEIVER = 0, -1  # of the message that a step waited for; else the leader, a backup
EVERYBODY: Final = -2
STEPS_MAX: Final = 20
LENGTHS_S: Final = (0.05, 8.0)
DELAYS_S: Final = (0.003, 3.0)

# What may go wrong, and how often in a run that has all of it switched on.
FAULTS: Final[dict[str, int]] = {
    "kill": 6, "kill others": 6, "power": 2, "power of all": 1, "stop": 1, "bounce": 3,
    "start": 4, "start all": 3, "start one": 2, "pause": 5, "resume": 2, "isolate": 5, "pair": 4,
    "one way": 4, "wall": 2, "mute": 6, "half told": 8, "unanswered": 4, "split": 2,
    "heal": 6, "slow disk": 2, "hung disk": 2, "full queue": 1, "fast disks": 1,
    "broken stream": 2, "again": 4, "snapshots": 2, "slow catch-up": 2, "other configuration": 1,
    "wrong address": 1, "empty disk": 1, "many writes": 2, "leave behind": 5,
    "unaware": 3, "other side": 3, "restart others": 3, "slow adoption": 1, "wrong clock": 1,
    "copy": 1, "put back": 2, "empty folder": 1, "nothing": 1,
}  # fmt: skip
# Messages that arrive, and other moments, at which a step may strike.
MOMENTS: Final[dict[str, int]] = {
    "Query": 2, "QueryReply": 1, "Propose": 3, "Promise": 4, "Install": 6, "Installed": 3,
    "Start": 2, "Join": 3, "Append": 1, "Appended": 1, "Farewell": 1, "serves": 4,
    "snapshot": 2, "promises": 3, "installs": 3, "acknowledged": 3, "left out": 1, "starts": 1,
}  # fmt: skip
WORDS: Final = ("Propose", "Promise", "Install", "Installed", "Start", "Join")
MUTED: Final = ("", "Append", "Appended", "Query", "Propose", "Promise", "Install", "Installed")
ENDINGS: Final[dict[str, int]] = {"peace": 4, "none": 4, "kills": 1, "last two": 1, "mild": 2,
                                "in the midst": 3, "folders": 2}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Step:
    """Waits for `delay_s`, or for the moment to come `skips` + 1 times and then `delay_s`; then
    the fault strikes `one` (and `other`) for `length_s`. Servers are ids, or SENDER, RECEIVER."""

    fault: str
    one: int = 0
    other: int = -1
    length_s: float = 1.0
    delay_s: float = 0.0
    moment: str = ""
    skips: int = 0
    loses: bool = False  # the message that was waited for
    what: str = ""  # of "mute": which messages, "" all


@dataclass(frozen=True, slots=True)
class Weather:
    """What is so during the whole run. Rates are chances for each message or effect."""

    servers: int = 3
    survivors: bool = True
    real_chat: bool = False
    wrong_clocks: bool = False
    trust_refusals: bool = True
    log_entries_kept: int = 10_000
    join_lag: int = 512  # entries; a small one makes newcomers pull
    loss: float = 0.0
    lateness: float = 0.0
    duplicates: float = 0.0
    crash_points: float = 0.0
    snapshots: float = 0.0
    parts: float = 0.0
    folds: float = 0.01
    drift: float = 0.0
    calm_s: float = 1.5  # before the first step; with 0 the first start is struck
    batch: int = 512  # entries that one Append may have
    parted: bool = False  # refusals are forged on all sides, in the end


@dataclass(frozen=True, slots=True)
class Script:
    seed: int
    weather: Weather
    steps: tuple[Step, ...]
    rest_s: float = 1.0  # after the last step
    ending: str = "peace"

    def as_json(self) -> str:
        return json.dumps(asdict(self), separators=(",", ":"))


def read_script(text: str) -> Script:
    """What `as_json` wrote. ValueError or TypeError for anything else."""
    found: dict[str, Any] = json.loads(text)
    steps = tuple(Step(**step) for step in found.pop("steps"))
    return Script(weather=Weather(**found.pop("weather")), steps=steps, **found)
