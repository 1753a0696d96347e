"""Crew: several processes explore one job; each knows the states whose keys fall to it.

Level by level: all expand, then what they found goes to whom it falls to. What is known is written
down between two levels, so that a search that was ended goes on from there.
"""

from __future__ import annotations

import multiprocessing
import os
import pickle
import shutil
import signal
import time
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from tests.explore.jobs import Job
from tests.explore.search import Breach, CameFrom, Figures, Part

_SAVE_EVERY_S = 60.0


class Crew:
    """Use it as a context. `folder` holds what earlier searches of this job have found."""

    def __init__(self, job: Job, processes: int, folder: Path) -> None:
        self._folder = folder
        self.depth = 0
        if (folder / "level").exists():
            depth, parts = (folder / "level").read_text(encoding="utf-8").split()
            self.depth, processes = int(depth), int(parts)
        spawn = multiprocessing.get_context("spawn")  # no threads or locks are inherited
        self._ends: list[Connection] = []
        self._workers = []
        for number in range(processes):
            mine, theirs = spawn.Pipe()
            saved = folder / f"{self.depth}-{number}" if self.depth else None
            arguments = job, number, processes, saved, theirs
            worker = spawn.Process(target=_work, args=arguments, daemon=True)
            worker.start()
            self._ends.append(mine)
            self._workers.append(worker)

    def __enter__(self) -> Crew:
        return self

    def __exit__(self, *_: object) -> None:
        for end in self._ends:
            with suppress(BrokenPipeError):
                end.send(("end",))
        for worker in self._workers:
            worker.join()

    def _all(self, *words: Any) -> list[Any]:
        for end in self._ends:
            end.send(words)
        return [end.recv() for end in self._ends]

    def explore(self, depth: int, within_s: float) -> tuple[Figures, Breach | None]:
        """Until all is explored, the depth or the time is reached, or a promise is broken."""
        ends = saved_at = time.monotonic()
        ends += within_s
        left, saved = sum(self._all("newest")), self.depth
        broken = None
        while left and self.depth < depth and time.monotonic() < ends and broken is None:
            found = self._all("expand", ends - time.monotonic())
            broken = next((breach for *_, breach in found if breach is not None), None)
            if broken is not None or not all(whole for _, whole, _ in found):
                break
            for number, end in enumerate(self._ends):
                end.send(("take", [parts[number] for parts, *_ in found if parts[number]]))
            left = sum(end.recv() for end in self._ends)
            self.depth += 1
            if time.monotonic() - saved_at > _SAVE_EVERY_S:
                self._save()
                saved, saved_at = self.depth, time.monotonic()
        if saved < self.depth and broken is None:
            self._save()
        figures = Figures(depth=self.depth, whole=not left and broken is None)
        for part in self._all("figures"):
            figures.add(part)
        return figures, self._trace(broken) if broken is not None else None

    def _save(self) -> None:
        """The new level first, then the word that it counts, then the old one goes."""
        self._folder.mkdir(parents=True, exist_ok=True)
        self._all("save", self._folder, self.depth)
        level = self._folder / "level.new"
        level.write_text(f"{self.depth} {len(self._ends)}", encoding="utf-8")
        os.replace(level, self._folder / "level")
        for old in self._folder.glob("*-*"):
            if not old.name.startswith(f"{self.depth}-"):
                old.unlink()

    def _trace(self, broken: tuple[bytes, Any, str]) -> Breach:
        key, action, what = broken
        trace = [action]
        while (came_from := self._ask(key)) is not None:
            key, before = came_from
            trace.append(before)
        return Breach(what, tuple(reversed(trace)))

    def _ask(self, key: bytes) -> CameFrom | None:
        end = self._ends[key[0] % len(self._ends)]
        end.send(("came from", key))
        came_from: CameFrom | None = end.recv()
        return came_from


def forget(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)


def _work(job: Job, number: int, parts: int, saved: Path | None, end: Connection) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent's to answer
    with job.begin() as (machine, start):
        part = Part(machine, number, parts)
        if saved is not None:
            part.load(saved)
        elif start.key[0] % parts == number:
            part.take([(start, None)])
        while (words := end.recv())[0] != "end":
            end.send(_answer(part, *words))


def _answer(part: Part, word: str, *arguments: Any) -> Any:
    if word == "expand":
        found = part.expand(time.monotonic() + arguments[0])
        whole = found is not None
        blobs = [pickle.dumps(states) if states else b"" for states in found or ()]
        return blobs, whole, part.breach
    if word == "take":
        for blob in arguments[0]:
            part.take(pickle.loads(blob))  # noqa: S301  (what another worker wrote)
    elif word == "save":
        folder, depth = arguments
        part.save(folder / f"{depth}-{part.number}")
    elif word == "figures":
        return part.figures
    elif word == "came from":
        return part.known[arguments[0]]
    return len(part.newest)
