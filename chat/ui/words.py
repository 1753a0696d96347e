"""Every label that is made from data: times, marks, days, counts. Pure; no Tk."""

from __future__ import annotations

from datetime import date, datetime

from chat.client.events import ClusterChanged, ConversationSummary, Mark, ServerState

MARKS = {
    Mark.QUEUED: "⏳ queued",
    Mark.SENT: "✓ sent",
    Mark.READ: "✓✓ read",
    Mark.FAILED: "! not sent",
    Mark.UNSENT: "",
    Mark.RECEIVED: "",
}
GLYPHS = {
    Mark.QUEUED: "⏳ ",
    Mark.SENT: "✓ ",
    Mark.READ: "✓✓ ",
    Mark.FAILED: "! ",
    Mark.UNSENT: "",
    Mark.RECEIVED: "",
}
UNSENT = "message unsent"


def plural(count: int, one: str, many: str = "") -> str:
    """`1 message`, `2 messages`."""
    return f"{count} {one if count == 1 else many or one + 's'}"


def clock(moment: float) -> str:
    """Local time of day of `moment` (seconds since 1970)."""
    return datetime.fromtimestamp(moment).strftime("%H:%M")  # noqa: DTZ006 - local on purpose


def day_of(moment: float) -> date:
    return datetime.fromtimestamp(moment).date()  # noqa: DTZ006 - local on purpose


def short_when(moment: float, now: float) -> str:
    """For a list row: the time today, the weekday this week, else the date."""
    if moment <= 0:
        return ""
    day, today = day_of(moment), day_of(now)
    if day == today:
        return clock(moment)
    if 0 < (today - day).days < 7:
        return day.strftime("%a")
    return f"{day.day} {day.strftime('%b')}" + (f" {day.year}" if day.year != today.year else "")


def long_day(moment: float, now: float) -> str:
    """For a day separator in a transcript."""
    day, today = day_of(moment), day_of(now)
    distance = (today - day).days
    if distance in (0, 1):
        return ("Today", "Yesterday")[distance]
    year = f" {day.year}" if day.year != today.year else ""
    return f"{day.strftime('%A')}, {day.day} {day.strftime('%B')}{year}"


def one_line(text: str) -> str:
    return " ".join(text.split())


def preview(conversation: ConversationSummary, draft: str) -> str:
    if draft.strip():
        return f"Draft: {one_line(draft)}"
    if conversation.preview_mark is Mark.UNSENT:
        return UNSENT
    return GLYPHS[conversation.preview_mark] + one_line(conversation.preview)


def badge(unread: int) -> str:
    return "99+" if unread > 99 else str(unread)


def server_label(server: ServerState) -> str:
    return f"{server.server_id} {server.role}"


def cluster_line(cluster: ClusterChanged) -> str:
    return " · ".join(server_label(server) for server in cluster.servers)


def last_heartbeat(server: ServerState) -> str:
    if server.last_contact_ms < 0:
        return "never"
    if server.last_contact_ms < 1_000:
        return f"{server.last_contact_ms} ms ago"
    return f"{server.last_contact_ms / 1_000:.0f} s ago"
