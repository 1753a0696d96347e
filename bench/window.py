"""Measures the window on a display of its own: opening, scrolling, bursts, long lines, memory.

`python -m bench.window`; prints figures, asserts nothing.
"""

from __future__ import annotations

import resource
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from chat.client import events as ev
from chat.core.limits import PAGE_SIZE_DEFAULT, TEXT_BYTES_MAX
from tests.ui.conftest import Driver, a_display

MESSAGES = 50_000
BURST = 500
NOW = time.time()


def message(number: int, text: str = "", contact: str = "ada") -> ev.ChatMessage:
    text = text or f"message {number}, with a few words as people write them 🎉"
    own = number % 3 == 0
    return ev.ChatMessage(f"{contact}{number}", contact, "me" if own else contact, text,
                          NOW - 20 * (MESSAGES - number), number,
                          ev.Mark.READ if own else ev.Mark.RECEIVED)  # fmt: skip


def say(what: str, value: str) -> None:
    sys.stdout.write(f"{what:<58} {value:>12}\n")
    sys.stdout.flush()


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
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


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


def main() -> int:
    with a_display(), tempfile.TemporaryDirectory() as folder:
        driver: Driver | None = None

        def start() -> None:
            nonlocal driver
            driver = Driver(Path(folder), theme="light", notifications=False)

        say("window up", ms(timed(start)))
        assert driver is not None
        made = driver
        sign_in(made)
        say(f"a conversation of {MESSAGES:,} opens", ms(timed(lambda: open_newest(made, MESSAGES))))
        for what, texts in (
            ("short", lambda n: f"new message {n}"),
            ("16 KiB", lambda n: f"{n} " + "a" * (TEXT_BYTES_MAX - 10)),
        ):
            first = MESSAGES + 1 if what == "short" else MESSAGES + BURST + 1
            by_clock, by_processor = burst(made, texts, first)
            say(f"{BURST} {what} messages: longest gap of the event loop", ms(by_clock))
            say("  of it the window's own work", ms(by_processor))
        made.app.chat.open_conversation("person1")
        open_newest(made, MESSAGES)
        before = memory_mib()
        took = sorted(scroll_back(made, MESSAGES))
        say(f"scrolling back through all: {len(took)} pages, median", ms(took[len(took) // 2]))
        say("  slowest page", ms(took[-1]))
        say("  rows in the widget", f"{len(made.app.chat.transcript.rows.drawn):,}")
        say("  memory more by", f"{memory_mib() - before:.0f} MiB")
        say("  peak memory of the process", f"{memory_mib():.0f} MiB")
        say("back to the newest", ms(timed(lambda: settled(made, made.app.chat.transcript.to_end))))
        look = timed(lambda: settled(made, lambda: made.app.change_setting("theme", "dark")))
        say("from light to dark", ms(look))
        made.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
