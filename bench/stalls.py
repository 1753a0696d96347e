"""How long the event loop stands still while much is written out beside it, in one process."""

from __future__ import annotations

import asyncio
import gc
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from bench import populate
from bench.load import Pace
from bench.row import Row
from bench.spread import Spread
from chat.core.replication.messages import Position
from chat.core.state.chat_state import ChatState
from chat.core.state.operations.post_message import PostMessage
from chat.server.store import PersistentStore

_USERS = 20_000
_CONVERSATIONS = 5 * _USERS
# Of what libuv's loop counts in: less than a millisecond is no time there, and nobody would sleep.
_BEAT_S = 0.001
_REACH = "20 ms"


@contextmanager
def _opened() -> Iterator[tuple[PersistentStore, ChatState, Position]]:
    """A store that was opened as a server does, with one message in each conversation."""
    with tempfile.TemporaryDirectory(prefix="chat-bench-") as name:
        state, index = populate.state_with(_USERS, _CONVERSATIONS)
        populate.write_stores(Path(name), 1, state, index)
        del state
        store = PersistentStore(Path(name), 1, populate.disk_failed)
        recovered = store.open()
        gc.freeze()
        yield store, recovered.state, recovered.durable.last
        store.close()


async def _longest_stall_ms(work: Awaitable[None]) -> float:
    """Between two beats, as far as this process was at work: other programs count for nothing."""
    longest, working = 0.0, asyncio.ensure_future(work)
    while not working.done():
        began, worked = time.perf_counter(), time.process_time()
        await asyncio.sleep(_BEAT_S)
        waited = time.perf_counter() - began - _BEAT_S
        longest = max(longest, min(waited, time.process_time() - worked))
    await working
    return 1000 * longest


def _writer(state: ChatState) -> Callable[[], None]:
    """Each call writes to another conversation, which the snapshot may not have reached."""
    users, number = populate.names(_USERS), 0

    def write() -> None:
        nonlocal number
        number += 1
        sender = number * 7_919 % _USERS
        recipient = users[(sender + 1) % _USERS]
        state.apply(PostMessage(f"live {number}", users[sender], recipient, populate.TEXT, 0))

    return write


async def stalls(pace: Pace) -> list[Row]:
    with _opened() as (store, state, last):
        write = _writer(state)

        async def fold() -> None:
            store.fold(state.snapshot(), last.index)
            folded = asyncio.create_task(asyncio.to_thread(store.wait_for_fold))
            while not folded.done():
                write()
                await asyncio.sleep(_BEAT_S)

        async def hand_out() -> None:
            parts = store.document_chunks(state.snapshot(), last)
            while await asyncio.to_thread(next, parts, None) is not None:
                write()

        folds, hands = [], []
        for _ in range(pace.rounds):
            folds.append(await _longest_stall_ms(fold()))
            hands.append(await _longest_stall_ms(hand_out()))
        what = f"longest stall of the event loop while {_CONVERSATIONS:,} conversations are"
        return [
            Row(f"{what} folded", _REACH, Spread.of(folds).text(0, "ms")),
            Row(f"{what} handed out", _REACH, Spread.of(hands).text(0, "ms")),
        ]
