"""A PostgreSQL of one's own: started as an ordinary user, on a socket in a temporary folder."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg

# It refuses to run as root.
_ORDINARY_USER = "nobody"
_SECONDS = 60


def program(name: str) -> str:
    """Where Debian has them, or in the path."""
    found = [str(path) for path in sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))]
    place = found[-1] if found else shutil.which(name)
    assert place is not None, f"{name} is not installed: apt-get install postgresql"
    return place


class Database:
    """`url` is where a server finds it; each `empty` makes a database of its own there."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._count = 0
        self._run("initdb", "-D", str(folder / "data"), "-U", "chat", "-A", "trust", "-E", "UTF8",
                  "--no-sync", "--locale=C.UTF-8")  # fmt: skip

    def start(self) -> None:
        options = f"-k {self._folder} -c listen_addresses= -c max_connections=60"
        self._run("pg_ctl", "-D", str(self._folder / "data"), "-w", "-s", "-t", str(_SECONDS),
                  "-l", str(self._folder / "log"), "-o", options, "start")  # fmt: skip

    def stop(self, how: str = "fast") -> None:
        """`immediate` is as if the machine had lost its power."""
        self._run("pg_ctl", "-D", str(self._folder / "data"), "-w", "-s", "-m", how, "stop")

    def empty(self) -> str:
        """The address of a new, empty database."""
        self._count += 1
        name = f"chat{self._count}"
        with psycopg.connect(self._url("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
        return self._url(name)

    def _url(self, name: str) -> str:
        return f"postgresql://chat@/{name}?host={self._folder}"

    def _run(self, name: str, *arguments: str) -> None:
        as_root = os.geteuid() == 0
        subprocess.run(
            [program(name), *arguments],
            check=True, timeout=2 * _SECONDS, cwd=self._folder, stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, env={**os.environ, "LC_ALL": "C.UTF-8"},
            user=_ORDINARY_USER if as_root else None, group="nogroup" if as_root else None,
            extra_groups=[] if as_root else None,
        )  # fmt: skip


@contextmanager
def database() -> Iterator[Database]:
    """One that runs until it is left."""
    with TemporaryDirectory(prefix="pg") as folder:
        if os.geteuid() == 0:
            shutil.chown(folder, _ORDINARY_USER, "nogroup")
        found = Database(Path(folder))
        found.start()
        try:
            yield found
        finally:
            found.stop("immediate")
