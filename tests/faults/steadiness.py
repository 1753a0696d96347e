"""Whether servers stay as they are while they work: samples of what each process holds, and
what may be wrong with them. Pure but for `sample`, which reads /proc (Linux)."""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from statistics import median
from typing import Final

# A process that lived for less says nothing: it is still filling its caches.
LIFE_S_MIN: Final = 40.0
# A server that stores nothing takes 60 MiB. What is stored takes, for each byte of its own files,
# 1.4 to 1.7 in memory (a message of 900 characters is 1,250 bytes of JSON and 1,500 to 1,700 of
# memory). Beside it are what goes on (the journal's batch, the kept log, answers under way), and
# the pages that the allocator keeps of what went on, most of all where a server that was left out
# read its files anew while its state of before was still there (which is then gone, and what was
# freed of it is given back; what is left is in pages that something else still uses).
MEMORY_BYTES: Final = 124 * 2**20
MEMORY_PER_STORED_BYTE: Final = 2.5
# People, streams and strangers come and go: some more at one time than at another.
THREADS_SLACK: Final = 4
DESCRIPTORS_SLACK: Final = 16


@dataclass(frozen=True, slots=True)
class Sample:
    """One process at one moment, and how long its files were."""

    at_s: float
    server_id: int
    pid: int
    memory_bytes: int
    threads: int
    descriptors: int
    stored_bytes: int


def sample(at_s: float, server_id: int, pid: int, files: Iterable[Path]) -> Sample | None:
    """None when the process has just ended, or replaces one of its files."""
    folder = Path(f"/proc/{pid}")
    try:
        lines = (folder / "status").read_text(encoding="ascii").splitlines()
        status = {name: value.split() for name, _, value in (one.partition(":") for one in lines)}
        memory = int(status["VmRSS"][0]) * 1024
        stored = sum(file.stat().st_size for file in files)
        threads, descriptors = int(status["Threads"][0]), len(list((folder / "fd").iterdir()))
    except (OSError, KeyError):
        return None
    return Sample(at_s, server_id, pid, memory, threads, descriptors, stored)


def lives(samples: Iterable[Sample]) -> dict[tuple[int, int], list[Sample]]:
    """The samples of each process, by server and process id."""
    found: dict[tuple[int, int], list[Sample]] = defaultdict(list)
    for one in samples:
        found[one.server_id, one.pid].append(one)
    return found


def faults(samples: Iterable[Sample]) -> list[str]:
    """Of every process that lived long enough: what it has too much of in the last third of its
    life: memory that what it stores does not explain, more threads and descriptors than before."""
    found = []
    for (server_id, _), life in lives(samples).items():
        if life[-1].at_s - life[0].at_s >= LIFE_S_MIN:
            when = f"server {server_id}, {life[0].at_s:.0f} s to {life[-1].at_s:.0f} s"
            found += [f"{when}: {fault}" for fault in _faults_of(life)]
    return found


def _faults_of(life: Sequence[Sample]) -> Iterable[str]:
    third = len(life) // 3
    early, late = life[third : 2 * third], life[2 * third :]
    memory, stored = _middle(late, "memory_bytes"), _middle(late, "stored_bytes")
    allowed = MEMORY_BYTES + stored * MEMORY_PER_STORED_BYTE
    if memory > allowed:
        yield f"memory is {memory / 2**20:.0f} MiB, {allowed / 2**20:.0f} are explained"
    for name, slack in (("threads", THREADS_SLACK), ("descriptors", DESCRIPTORS_SLACK)):
        before, after = _middle(early, name), _middle(late, name)
        if after > before + slack:
            yield f"{name} went from {before:.0f} to {after:.0f}"


def _middle(samples: Sequence[Sample], name: str) -> float:
    values: list[float] = [getattr(one, name) for one in samples]
    return median(values)


def write_csv(path: Path, samples: Iterable[Sample]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(field.name for field in fields(Sample))
        writer.writerows(astuple(one) for one in samples)


# --- the picture --------------------------------------------------------------------------

_WIDTH, _HEIGHT, _LEFT, _GAP = 900, 150, 70, 40
_COLOURS: Final = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")


def picture(samples: Sequence[Sample], harms: Sequence[tuple[float, str]]) -> str:
    """An SVG: memory, threads and descriptors over time, a line for each process, a grey
    mark for each fault."""
    panels = (
        ("memory, MiB", [(one, one.memory_bytes / 2**20) for one in samples]),
        ("threads", [(one, float(one.threads)) for one in samples]),
        ("descriptors", [(one, float(one.descriptors)) for one in samples]),
    )
    end = max(one.at_s for one in samples) or 1.0
    height = len(panels) * (_HEIGHT + _GAP) + _GAP
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_LEFT + _WIDTH + 20} {height}" '
        'font-family="sans-serif" font-size="12">',
        f'<rect width="{_LEFT + _WIDTH + 20}" height="{height}" fill="white"/>',
    ]
    for number, (title, values) in enumerate(panels):
        top = _GAP + number * (_HEIGHT + _GAP)
        parts += _panel(title, values, top, end, harms)
    parts.append(f'<text x="{_LEFT}" y="{height - 8}">0 to {end / 60:.1f} minutes</text>')
    for place, server_id in enumerate(sorted({one.server_id for one in samples})):
        colour = _COLOURS[(server_id - 1) % len(_COLOURS)]
        x = _LEFT + 200 + 90 * place
        parts.append(f'<text x="{x}" y="{height - 8}" fill="{colour}">server {server_id}</text>')
    return "\n".join((*parts, "</svg>\n"))


def _panel(
    title: str,
    values: Sequence[tuple[Sample, float]],
    top: int,
    end: float,
    harms: Sequence[tuple[float, str]],
) -> Iterable[str]:
    most = max(value for _, value in values) or 1.0
    bottom = top + _HEIGHT
    yield f'<text x="{_LEFT}" y="{top - 8}">{title}</text>'
    yield f'<text x="{_LEFT - 8}" y="{top + 10}" text-anchor="end">{most:.0f}</text>'
    yield f'<text x="{_LEFT - 8}" y="{bottom}" text-anchor="end">0</text>'
    for at, _ in harms:
        x = _LEFT + _WIDTH * at / end
        yield f'<path d="M{x:.1f} {top}V{bottom}" stroke="#ddd"/>'
    yield f'<path d="M{_LEFT} {top}V{bottom}H{_LEFT + _WIDTH}" fill="none" stroke="#888"/>'
    by_life: dict[tuple[int, int], list[str]] = defaultdict(list)
    for one, value in values:
        x, y = _LEFT + _WIDTH * one.at_s / end, bottom - _HEIGHT * value / most
        by_life[one.server_id, one.pid].append(f"{x:.1f},{y:.1f}")
    for (server_id, _), points in by_life.items():
        colour = _COLOURS[(server_id - 1) % len(_COLOURS)]
        yield f'<polyline points="{" ".join(points)}" fill="none" stroke="{colour}"/>'


def summary(samples: Sequence[Sample]) -> str:
    """For a person to read: the longest life of each server."""
    lines = []
    for server_id in sorted({one.server_id for one in samples}):
        own = [life for (number, _), life in lives(samples).items() if number == server_id]
        life = max(own, key=lambda one: one[-1].at_s - one[0].at_s)
        thirds = [life[len(life) * n // 3 : len(life) * (n + 1) // 3] or life for n in range(3)]
        memory = " ".join(f"{_middle(one, 'memory_bytes') / 2**20:.0f}" for one in thirds)
        threads = " ".join(f"{_middle(one, 'threads'):.0f}" for one in thirds)
        open_ = " ".join(f"{_middle(one, 'descriptors'):.0f}" for one in thirds)
        longest = f"{len(own)} lives, the longest {life[-1].at_s - life[0].at_s:.0f} s"
        held = f"{memory} MiB, {threads} threads, {open_} descriptors"
        lines.append(f"server {server_id}: {longest}; by its thirds {held}")
    return "\n".join(lines)
