"""What counts as growth in the samples of a long run, and the picture that is made of them."""

from __future__ import annotations

import csv
import os
import xml.etree.ElementTree as ElementTree
from dataclasses import fields, replace
from pathlib import Path

import pytest

from tests.faults.steadiness import (
    LIFE_S_MIN,
    Sample,
    faults,
    picture,
    sample,
    summary,
    write_csv,
)

_MIB = 2**20
_FIRST = Sample(0.0, 1, 100, 60 * _MIB, 20, 50, 0)


def life(seconds: int, **a_second: float) -> list[Sample]:
    """A sample each second; the named fields grow by so much in each."""
    return [
        replace(
            _FIRST,
            at_s=float(at),
            **{name: getattr(_FIRST, name) + int(rate * at) for name, rate in a_second.items()},
        )
        for at in range(seconds)
    ]


def test_a_process_that_stays_as_it_is_has_no_fault() -> None:
    assert faults(life(300)) == []


@pytest.mark.parametrize(
    ("name", "a_second"), [("memory_bytes", _MIB), ("threads", 0.1), ("descriptors", 0.5)]
)
def test_what_grows_for_as_long_as_it_lives_is_found(name: str, a_second: float) -> None:
    (fault,) = faults(life(300, **{name: a_second}))
    assert fault.startswith("server 1, 0 s to 299 s: ")
    assert name.split("_")[0] in fault


def test_memory_may_grow_by_what_is_stored() -> None:
    grows = {"memory_bytes": 0.5 * _MIB}
    assert faults(life(300, **grows))
    assert faults(life(300, **grows, stored_bytes=0.3 * _MIB)) == []
    assert faults(life(300, memory_bytes=_MIB, stored_bytes=0.1 * _MIB))


def test_growth_in_the_first_third_is_a_start() -> None:
    grown = [replace(one, threads=one.threads + min(int(one.at_s), 90)) for one in life(300)]
    assert faults(grown) == []


def test_a_short_peak_is_no_growth() -> None:
    peak = [replace(one, descriptors=2_000) if 250 < one.at_s < 270 else one for one in life(300)]
    assert faults(peak) == []


def test_each_process_is_judged_alone_and_only_if_it_lived_for_long() -> None:
    short = life(int(LIFE_S_MIN) - 1, descriptors=10)
    other = [replace(one, server_id=2, pid=200) for one in life(300, threads=1)]
    (fault,) = faults([*short, *other])
    assert fault.startswith("server 2")


def test_this_process_can_be_sampled_and_one_that_ended_cannot(tmp_path: Path) -> None:
    file = tmp_path / "data"
    file.write_bytes(b"12345")
    own = sample(1.0, 1, os.getpid(), [file, file])
    assert own is not None
    assert own.stored_bytes == 10
    assert own.memory_bytes > _MIB
    assert own.threads >= 1
    assert own.descriptors >= 3
    assert sample(1.0, 1, 2**22 + 1, ()) is None


def test_samples_are_written_and_drawn(tmp_path: Path) -> None:
    samples = [
        *life(60),
        *[replace(one, server_id=2, pid=7, at_s=one.at_s + 70) for one in life(9)],
    ]
    write_csv(tmp_path / "samples.csv", samples)
    with (tmp_path / "samples.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(samples)
    assert list(rows[0]) == [field.name for field in fields(Sample)]
    drawn = ElementTree.fromstring(picture(samples, [(10.0, "kill 1")]))  # noqa: S314
    lines = [one for one in drawn.iter() if one.tag.endswith("polyline")]
    assert len(lines) == 3 * 2  # of each panel one for each process
    assert "server 2: 1 lives" in summary(samples)
