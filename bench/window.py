"""Measures the window on a display of its own: opening, scrolling, bursts, long lines, memory."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from bench.load import Pace
from bench.process import memory_bytes
from bench.row import Row
from bench.spread import Spread
from chat.client import events as ev
from chat.core.limits import PAGE_SIZE_DEFAULT, TEXT_BYTES_MAX
from tests.ui.conftest import Driver, a_display

MESSAGES = 50_000
BURST = 500
NOW = time.time()


def message(number: int, text: str = "", address: str = "ada") -> ev.ChatMessage:
    text = text or f"message {number}, with a few words as people write them 🎉"
    own = number % 3 == 0
    return ev.ChatMessage(f"{address}{number}", address, "me" if own else address, text,
                          NOW - 20 * (MESSAGES - number), number,
                          ev.Mark.READ if own else ev.Mark.RECEIVED)  # fmt: skip


def ms(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms"


def sign_in(driver: Driver, conversations: int = 200) -> None:
    row = ev.ConversationSummary
    rows = [row(f"person{n}", "Hello", ev.Mark.RECEIVED, NOW - n, n % 4, n % 2 == 0, False)
            for n in range(conversations)]  # fmt: skip
    first = row("ada", "Hello", ev.Mark.RECEIVED, NOW, 0, True, False)
    driver.show(ev.SignedIn("me"), ev.LinkChanged(ev.Link.CONNECTED, server_id=1),
                ev.ConversationsLoaded((first, *rows)))  # fmt: skip


def open_newest(driver: Driver, total: int) -> None:
    driver.app.chat.open_conversation("ada")
    page = tuple(message(n) for n in range(total - PAGE_SIZE_DEFAULT + 1, total + 1))
    driver.show(ev.PageLoaded("ada", page, newest=True, older=True))


def timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def worst_gap(
    driver: Driver, publish: Callable[[], None], done: Callable[[], bool]
) -> tuple[float, float]:
    """The longest time in which the event loop did not turn, in seconds: by the clock, and of
    the processor's time alone (a busy machine lengthens only the first)."""
    root = driver.app.root
    worst = [0.0, 0.0]
    last = [0.0, 0.0]

    def beat() -> None:
        now = [time.perf_counter(), time.process_time()]
        for place in (0, 1):
            worst[place] = max(worst[place], now[place] - last[place])
            last[place] = now[place]
        if not done():
            root.after(1, beat)
        else:
            root.quit()

    publish()
    last[:] = [time.perf_counter(), time.process_time()]
    root.after(1, beat)
    root.mainloop()
    driver.settle()
    return worst[0], worst[1]


def scroll_back(driver: Driver, total: int) -> list[float]:
    """To the first message, page by page; how long each page took to be shown."""
    text = driver.app.chat.transcript.text
    took = []
    oldest = total - PAGE_SIZE_DEFAULT + 1
    while oldest > 1:
        text.yview_moveto(0.0)
        driver.settle()
        size = min(200, oldest - 1)
        page = tuple(message(n) for n in range(oldest - size, oldest))
        oldest -= size
        event = ev.PageLoaded("ada", page, newest=False, older=oldest > 1)
        took.append(timed(lambda event=event: driver.show(event)))  # type: ignore[misc]
    return took


def memory_mib() -> float:
    """Resident now, not the most that ever was."""
    return memory_bytes(os.getpid()) / 2**20


def burst(driver: Driver, texts: Callable[[int], str], first: int) -> tuple[float, float]:
    last = f"ada{first + BURST - 1}"

    def publish() -> None:
        for n in range(first, first + BURST):
            new = message(n, texts(n))
            driver.session.publish(ev.MessageArrived(new))
            driver.session.publish(ev.ConversationUpdated(ev.ConversationSummary(
                "ada", new.text[:200], new.mark, new.sent_at, n - first, True, False)))  # fmt: skip

    return worst_gap(driver, publish, lambda: last in driver.app.chat.transcript.rows)


def settled(driver: Driver, act: Callable[[], None]) -> None:
    act()
    driver.settle()


def measured(driver: Driver) -> Iterator[Row]:
    sign_in(driver)
    chat, empty = driver.app.chat, memory_mib()
    opened = timed(lambda: open_newest(driver, MESSAGES))
    yield Row(f"a conversation of {MESSAGES:,} messages opens", "under 300 ms", ms(opened))
    for what, texts in (
        ("short", lambda n: f"new message {n}"),
        ("16 KiB", lambda n: f"{n} " + "a" * (TEXT_BYTES_MAX - 10)),
    ):
        first = MESSAGES + 1 if what == "short" else MESSAGES + BURST + 1
        by_clock, by_processor = burst(driver, texts, first)
        yield Row(
            f"{BURST} messages ({what}) at once: longest gap of the loop; its own work of that",
            "under 100 ms",
            f"{ms(by_clock)}; {ms(by_processor)}",
        )
    yield Row("memory more by these bursts", "–", f"{memory_mib() - empty:.0f} MiB")
    chat.open_conversation("person1")
    open_newest(driver, MESSAGES)
    before = memory_mib()
    took = Spread.of(scroll_back(driver, MESSAGES))
    yield Row(
        f"scrolling back through all: {len(took.values)} pages, one of them",
        "–",
        f"{1000 * took.median:.0f} ({1000 * took.least:.0f}–{1000 * took.most:.0f}) ms",
    )
    drawn = len(chat.transcript.rows.drawn)
    found = f"{memory_mib() - before:.0f} MiB, {drawn:,} rows drawn"
    yield Row("memory more by that", "bounded", found)
    yield Row("back to the newest", "–", ms(timed(lambda: settled(driver, chat.transcript.to_end))))
    look = timed(lambda: settled(driver, lambda: driver.app.change_setting("theme", "dark")))
    yield Row("from light to dark", "–", ms(look))
    yield Row("memory of the window then", "–", f"{memory_mib():.0f} MiB")


async def window(_pace: Pace) -> list[Row]:
    """Once: most of it is one thing after the other."""
    with a_display(), tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        driver = Driver(Path(folder), theme="light", notifications=False)
        up = Row("the window is up", "–", ms(time.perf_counter() - began))
        try:
            return [up, *measured(driver)]
        finally:
            driver.close()
