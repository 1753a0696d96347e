"""Files that hold something else than they should, made from sound ones.

`python -m tests.damage --times 5000 --seed 1` damages every file of a profile and of a server
so many times; `make test` does it some hundred times with a fixed seed.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from chat.client.acts import Queued
from chat.client.outbox import Outbox, OutboxError
from chat.client.settings import Profile, SignIn
from chat.config import Address, Config, ConfigError, load_config
from chat.core.state.chat_state import ChatState
from chat.server.data_files import StoreError
from chat.server.identity import load_identity, make_identity
from chat.server.store import PersistentStore
from tests.faults.seed import seed

DEEP = 100_000
EXTREMES = (
    b"",
    b"\x00" * 4096,
    b"\xff\xfe{}",
    b"[" * DEEP,
    b'{"a":' * DEEP,
    b"[" * 900 + b"]" * 900,
    b'{"servers":' + b"[" * 800 + b"]" * 800 + b"}",
    b"9" * DEEP,
    b'{"a": ' + b"9" * DEEP + b"}",
    b'"' + b"x" * DEEP + b'"',
    b'{"' + b"x" * DEEP + b'": 1}',
    b"null",
    b"[]",
    b"{}",
)
NONSENSE: tuple[Any, ...] = (
    *(None, True, -1, 10**30, 10**400, 1e308, float("nan"), float("inf"), "", "\0", "\ud800"),
    *("x" * 1000, "a\nb", [], [[]], {}, {"": 1}, "127.0.0.1:1", "\N{RIGHT-TO-LEFT OVERRIDE}"),
)


def mutated(content: bytes, chance: random.Random) -> bytes:
    """The file with one mistake, of the kinds that disks, editors and other programs make."""
    kinds = (_cut, _flipped, _replaced, _doubled, _filled, _another_value, _extreme)
    return chance.choice(kinds)(content, chance)


def _place(content: bytes, chance: random.Random) -> int:
    return chance.randrange(len(content) + 1)


def _cut(content: bytes, chance: random.Random) -> bytes:
    return content[: _place(content, chance)]


def _flipped(content: bytes, chance: random.Random) -> bytes:
    flipped = bytearray(content or b"x")
    flipped[chance.randrange(len(flipped))] ^= 1 << chance.randrange(8)
    return bytes(flipped)


def _replaced(content: bytes, chance: random.Random) -> bytes:
    place = _place(content, chance)
    return content[:place] + chance.randbytes(chance.randrange(1, 40)) + content[place + 10 :]


def _doubled(content: bytes, chance: random.Random) -> bytes:
    begin, end = sorted((_place(content, chance), _place(content, chance)))
    return content[:end] + content[begin:]


def _filled(content: bytes, chance: random.Random) -> bytes:
    place = _place(content, chance)
    return content[:place] + b"\x00" * (len(content) - place)


def _extreme(_content: bytes, chance: random.Random) -> bytes:
    return chance.choice(EXTREMES)


def _another_value(content: bytes, chance: random.Random) -> bytes:
    """Sound JSON, line by line where it is lines, with one value of another kind."""
    lines = content.splitlines(keepends=True)
    for start, end in ((0, len(lines)), (chance.randrange(len(lines) or 1), None)):
        chosen = b"".join(lines[start : start + 1 if end is None else end])
        with suppress(ValueError):
            document = json.loads(chosen)
            changed = json.dumps(_swapped(document, chance), indent=None).encode()
            return b"".join(
                (*lines[:start], changed, b"\n", *lines[start + 1 if end is None else end :])
            )
    return _flipped(content, chance)


def _swapped(value: Any, chance: random.Random) -> Any:
    if isinstance(value, dict) and value and chance.random() < 0.9:
        key = chance.choice(list(value))
        return {**value, key: _swapped(value[key], chance)}
    if isinstance(value, list) and value and chance.random() < 0.9:
        place = chance.randrange(len(value))
        return [*value[:place], _swapped(value[place], chance), *value[place + 1 :]]
    return chance.choice(NONSENSE)


# --- a client's profile --------------------------------------------------------------------

QUEUED = tuple(Queued(f"id-{n}", "ada", "bob", f"text {n}", float(n)) for n in range(5))


def make_profile(folder: Path) -> list[Path]:
    """A sound one; its files."""
    profile = Profile(folder)
    profile.start()
    profile.update(theme="dark", geometry="800x600+0+0", last_username="ada", last_contact="bob")
    profile.set_draft("ada", "bob", "half a sen")
    profile.keep_sign_in(SignIn("ada", "token", 1e10))
    assert profile.device_secret
    profile.stop()
    outbox = Outbox(folder / "outbox.jsonl")
    outbox.open()
    for queued in QUEUED:
        outbox.add(queued)
    outbox.fail("id-1", "Refused.")
    outbox.close()
    return sorted(path for path in folder.iterdir() if not path.name.endswith(".lock"))


def start_client(folder: Path) -> tuple[Profile, tuple[Queued, ...]]:
    """What a window gets from the profile, in the forms in which it uses it; AssertionError where
    it would be of no use, or grows without end."""
    profile = Profile(folder)
    profile.start()
    outbox = Outbox(folder / "outbox.jsonl")
    try:
        outbox.open()
        messages = outbox.messages("ada")
        for queued in messages:
            datetime.fromtimestamp(queued.queued_at, tz=timezone.utc)
            assert all(value.isprintable() for value in (queued.id, queued.owner, queued.address))
    except OutboxError as error:
        if "newer version" not in str(error):  # which only a person can know
            raise
        messages = ()
    finally:
        outbox.close()
    for value in asdict(profile.settings).values():
        assert not isinstance(value, str) or value.isprintable()
    if profile.sign_in is not None:
        datetime.fromtimestamp(profile.sign_in.expires_at, tz=timezone.utc)
        assert profile.sign_in.token.isascii()
        assert profile.sign_in.username.encode()
    assert all(isinstance(text, str) for text in profile.drafts("ada").values())
    profile.update(theme="light")
    profile.stop()
    return profile, messages


def damage_profiles(folder: Path, chance: random.Random, times: int) -> None:
    """The client starts each time, and the second time in silence."""
    files = make_profile(folder / "sound")
    for number in range(times):
        copy = folder / "damaged"
        shutil.copytree(folder / "sound", copy)
        path = copy / files[number % len(files)].name
        path.write_bytes(mutated(path.read_bytes(), chance))
        with _naming(path, number):
            start_client(copy)
            again, _ = start_client(copy)
            assert again.damage == ""
        shutil.rmtree(copy)


# --- a server's files ------------------------------------------------------------------------


def make_server(folder: Path) -> list[Path]:
    """Its configuration, key and data."""
    folder.mkdir()
    data = folder / "data"
    servers = {"servers": [{"id": 1, "address": "127.0.0.1:8001"}], "tls": "always"}
    (folder / "config.json").write_text(
        json.dumps({**servers, "vote_ms": 3000, "quorum": "majority"})
    )
    make_identity(Config({1: Address("127.0.0.1", 8001)}, data), folder)
    seed(data, (1,), ("ada", "bob"), messages=5)
    store = PersistentStore(data, 1, _fail)
    store.open()  # which makes the journal
    store.close()
    return sorted(path for path in (folder / "config.json", *data.iterdir()))


def _fail(error: Exception) -> None:
    raise error


def start_server(folder: Path) -> ChatState | None:
    """As far as its files go; None when it refuses, which takes one sentence of bounded length."""
    try:
        config = load_config(folder / "config.json")
        load_identity(config)
        store = PersistentStore(folder / "data", 1, _fail)
        try:
            state = store.open().state
        finally:
            store.close()
    except (ConfigError, StoreError) as error:
        sentence = str(error).replace(str(folder), "")
        assert sentence.isprintable(), sentence
        assert 10 < len(sentence) < 500, sentence
        return None
    return state


def damage_servers(folder: Path, chance: random.Random, times: int) -> None:
    files = make_server(folder / "sound")
    for number in range(times):
        copy = folder / "damaged"
        shutil.copytree(folder / "sound", copy)
        path = copy / files[number % len(files)].relative_to(folder / "sound")
        path.write_bytes(mutated(path.read_bytes(), chance))
        with _naming(path, number):
            start_server(copy)
        shutil.rmtree(copy)


class _naming:  # noqa: N801 - reads as a statement
    """Says which damage it was that something did not survive."""

    def __init__(self, path: Path, number: int) -> None:
        self._path, self._number = path, number
        self._content = path.read_bytes()

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: object) -> None:
        if kind is not None:
            sys.stderr.write(f"number {self._number}, {self._path.name}: {self._content[:400]!r}\n")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    damages: tuple[Callable[[Path, random.Random, int], None], ...]
    damages = (damage_profiles, damage_servers)
    for damage in damages:
        with tempfile.TemporaryDirectory() as folder:
            damage(Path(folder), random.Random(options.seed), options.times)
        sys.stdout.write(f"{damage.__name__}: {options.times} times\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
