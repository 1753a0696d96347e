"""JournalWriter: the thread that appends to the journal, one sync for all that waits.

`append` and `run` may be called from any thread; callbacks run on the writer's.
"""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future

from chat import system
from chat.core import limits

Synced = Callable[[], None]


class WriterStopped(Exception):
    """The writer was closed or has failed; nothing more reaches the disk."""


class JournalWriter:
    """Owns the journal's descriptor. The first error of a write or a sync is the last
    thing it does (after a failed sync the pages may be lost and the next sync succeeds:
    it must never be tried again); `on_failure` hears of it once."""

    def __init__(self, descriptor: int, size: int, on_failure: Callable[[OSError], None]) -> None:
        self._descriptor = descriptor
        self._on_failure = on_failure
        # Guards everything below; held for a few statements only, never during a system call.
        self._changed = threading.Condition()
        self._queue: deque[tuple[bytes, Synced] | Future[None]] = deque()
        self._commands: dict[Future[None], Callable[[], None]] = {}
        self._queued_bytes = 0
        self._size = size  # of the journal on disk
        self._stopping = False
        self._failed = False
        self.syncs = 0
        self._began: float | None = None  # when the write that goes on did, on the monotonic clock
        self._slow_syncs = 0
        self._longest_s = 0.0
        self._thread = threading.Thread(target=self._loop, name="store-writer", daemon=True)
        self._thread.start()

    @property
    def descriptor(self) -> int:
        return self._descriptor

    def size(self) -> int:
        """Bytes of the journal that are written; on the writer's thread it is exact."""
        with self._changed:
            return self._size

    def end(self) -> int:
        """Where the next `append` will land: the size once everything queued is written."""
        with self._changed:
            return self._size + self._queued_bytes

    def queued_bytes(self) -> int:
        """What waits for the disk or is on its way there."""
        with self._changed:
            return self._queued_bytes

    def take_slow(self) -> tuple[int, float]:
        """How many writes were slow since this was last asked (one that goes on and is slow
        already counts each time), and the seconds that the longest took."""
        with self._changed:
            count, longest_s = self._slow_syncs, self._longest_s
            self._slow_syncs, self._longest_s = 0, 0.0
            lasts_s = 0.0 if self._began is None else time.monotonic() - self._began
        if lasts_s < limits.SYNC_SLOW_S:
            return count, longest_s
        return count + 1, max(longest_s, lasts_s)

    def append(self, data: bytes, on_synced: Synced) -> None:
        """Never blocks on the disk and takes any amount: whoever appends looks at
        `queued_bytes` first. Ignored once the writer has failed or was closed."""
        with self._changed:
            if self._stopping or self._failed:
                return
            self._queue.append((data, on_synced))
            self._queued_bytes += len(data)
            self._changed.notify()

    def run(self, command: Callable[[], None]) -> None:
        """Posts `command` and waits for it."""
        self.post(command).result()

    def post(self, command: Callable[[], None]) -> Future[None]:
        """Runs `command` on the writer's thread, after all that was appended before. The
        result raises what it raises; WriterStopped, here or there, when it never ran."""
        done: Future[None] = Future()
        with self._changed:
            if self._stopping or self._failed:
                raise WriterStopped
            self._queue.append(done)
            self._commands[done] = command
            self._changed.notify()
        return done

    def switch(self, descriptor: int, size: int) -> int:
        """Only from a command: goes on with another journal of `size` bytes, and gives back the
        descriptor of the one before, to be closed."""
        with self._changed:
            previous, self._descriptor = self._descriptor, descriptor
            self._size = size
        return previous

    def put_down(self) -> None:
        """Only from a command that goes on with `switch`: closes the journal, so that another can
        take its place where the system needs that."""
        with self._changed:
            descriptor, self._descriptor = self._descriptor, -1
        os.close(descriptor)

    def fail(self, error: OSError) -> None:
        """Stops for good and reports `error`, unless that was done before."""
        with self._changed:
            if self._failed:
                return
            self._failed = True
            self._drop_queue()
            self._changed.notify()
        self._on_failure(error)

    def close(self) -> None:
        """Writes and syncs what is queued, then ends the thread. OSError after a failure if
        what was not synced cannot be taken back."""
        with self._changed:
            self._stopping = True
            self._changed.notify()
        self._thread.join()
        with self._changed:
            self._drop_queue()
        try:
            if self._failed and self._descriptor >= 0:
                self._take_back()
        finally:
            if self._descriptor >= 0:
                os.close(self._descriptor)

    def _take_back(self) -> None:
        """Pages of a failed sync may be read back though they are on no disk. Nobody was told
        of what is in them, so it goes, and whoever opens the journal finds what is there."""
        os.ftruncate(self._descriptor, self._size)
        system.sync(self._descriptor)

    def _drop_queue(self) -> None:
        for done in self._commands:
            done.set_exception(WriterStopped())
        self._commands.clear()
        self._queue.clear()
        self._queued_bytes = 0

    def _loop(self) -> None:
        while True:
            work = self._next_work()
            if work is None:
                return
            try:
                if isinstance(work, Future):
                    self._run_command(work)
                else:
                    self._write(work)
            except OSError as error:
                self.fail(error)
                return

    def _next_work(self) -> list[tuple[bytes, Synced]] | Future[None] | None:
        """The next batch or command; None when the thread shall end."""
        with self._changed:
            self._changed.wait_for(lambda: self._queue or self._stopping or self._failed)
            if self._failed or not self._queue:
                return None
            batch: list[tuple[bytes, Synced]] = []
            size = 0
            while (
                self._queue
                and len(batch) < limits.SYNC_BATCH_RECORDS_MAX
                and size < limits.SYNC_BATCH_BYTES_MAX
            ):
                item = self._queue.popleft()
                if not isinstance(item, Future):
                    batch.append(item)
                    size += len(item[0])
                elif batch:  # its turn is after the batch
                    self._queue.appendleft(item)
                    break
                else:
                    return item
            return batch

    def _run_command(self, done: Future[None]) -> None:
        with self._changed:
            command = self._commands.pop(done, None)
        if command is None:  # the writer failed in this moment and has answered it
            return
        try:
            command()
        except BaseException as error:
            done.set_exception(error)
            if isinstance(error, OSError):
                raise
        else:
            done.set_result(None)

    def _write(self, batch: list[tuple[bytes, Synced]]) -> None:
        data = b"".join(data for data, _ in batch)
        began = self._began = time.monotonic()
        write_all(self._descriptor, data)
        system.sync_data(self._descriptor)
        took_s = time.monotonic() - began
        self.syncs += 1
        with self._changed:
            self._began = None
            if took_s >= limits.SYNC_SLOW_S:
                self._slow_syncs += 1
                self._longest_s = max(self._longest_s, took_s)
            if self._failed:
                return
            self._size += len(data)
            self._queued_bytes -= len(data)
        for _, on_synced in batch:
            on_synced()


def write_all(descriptor: int, data: bytes) -> None:
    """os.write until everything is written."""
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]
