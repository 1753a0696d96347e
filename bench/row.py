"""One line of the tables that the benchmarks print."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Row:
    what: str
    reach: str  # the aim
    found: str

    @property
    def markdown(self) -> str:
        return f"| {self.what} | {self.reach} | {self.found} |"


HEADING = "| what | aim | found: median (least–most) |\n|--|--|--|"
