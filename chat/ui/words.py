"""Every label made from data: times, marks, days, counts. Pure; no Tk."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date, datetime, time, timedelta

from chat.client.acts import FORMS
from chat.client.events import (
    ChatMessage,
    ClusterChanged,
    ConversationSummary,
    DeviceEntry,
    Link,
    LinkChanged,
    Mark,
    Quote,
    ReactionInfo,
    RoomInfo,
    RoomNote,
    ServerInfo,
    VersionMismatch,
    WaitChanged,
    WaitingChange,
)
from chat.client.search_wish import FILTERS
from chat.client.sentences import duration
from chat.core.state.model import ROOM_MARK

MARKS = {
    Mark.QUEUED: "⏳ queued",
    Mark.SENT: "✓ sent",
    Mark.READ: "✓✓ read",
    Mark.FAILED: "! not sent",
    Mark.UNSENT: "",
    Mark.RECEIVED: "",
    Mark.NOTE: "",
}
GLYPHS = {
    Mark.QUEUED: "⏳ ",
    Mark.SENT: "✓ ",
    Mark.READ: "✓✓ ",
    Mark.FAILED: "! ",
    Mark.UNSENT: "",
    Mark.RECEIVED: "",
    Mark.NOTE: "",
}
NAMES_SAID_MAX = 5  # of many, in one line
UNSENT = "message unsent"
NOTICED_S = 0.5  # a window that answers later than this feels slow
BLANK = "(blank message)"  # for a text of spaces and the like

# What has no shape of its own though Python does not call it white space (Unicode's
# Default_Ignorable_Code_Point), and the blank of Braille: the inside of a character class.
INVISIBLE = (
    r"\s\x00-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f"
    r"\u200b-\u200f\u2028-\u202e\u2060-\u206f\u2800\u3164\ufe00-\ufe0f\ufeff\uffa0"
    r"\ufff0-\ufff8\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
_BLANK = re.compile(f"[{INVISIBLE}]*")
# Unicode's controls of direction (UAX 9, 2): embeddings, overrides, isolates and marks.
_DIRECTIONS = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def mark(message: ChatMessage) -> str:
    """How far an own message has got."""
    if message.mark is Mark.READ and message.read_by:
        return f"✓✓ read by {message.read_by}"
    return MARKS[message.mark]


def plural(count: int, one: str, many: str = "") -> str:
    """`1 message`, `2 messages`."""
    return f"{count} {one if count == 1 else many or one + 's'}"


_WAITS_FOR = {
    "sign_in": "Signing in…",
    "register": "Creating the account…",
    "change_password": "Changing the password…",
    "delete_account": "Deleting the account…",
}


def waiting(wait: WaitChanged) -> str:
    """What someone is told while their password waits to be checked."""
    after = duration(wait.wait_s)
    if wait.crowded:
        return f"Very many people are signing in right now. Trying again in {after}."
    if wait.wait_s:
        return (
            "Wrong passwords were tried for this name, so yours will be checked in "
            f"{after}. Make sure it is right, or just wait."
        )
    before = f"{wait.before:,} ahead of you" if wait.before else "you are next"
    return f"{_WAITS_FOR[wait.action]} {before}"


def clock(moment: float) -> str:
    """Local time of day of `moment` (seconds since 1970)."""
    return datetime.fromtimestamp(moment).strftime("%H:%M")  # noqa: DTZ006 - local on purpose


def day_of(moment: float) -> date:
    return datetime.fromtimestamp(moment).date()  # noqa: DTZ006 - local on purpose


def seconds_to_midnight(now: float) -> float:
    """Plus a moment, so that the new day has begun by then."""
    tomorrow = datetime.combine(day_of(now) + timedelta(days=1), time())
    return max(0.0, tomorrow.timestamp() - now) + 0.05


def short_when(moment: float, now: float) -> str:
    """For a list row: the time if today, the weekday if this week, otherwise the date."""
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


def is_blank(text: str) -> bool:
    """Whether nothing of this text can be seen."""
    return _BLANK.fullmatch(text) is not None


def visible(text: str) -> str:
    """The text, or words saying that there is one."""
    return BLANK if is_blank(text) else text


def one_line(text: str) -> str:
    """What somebody wrote, as a line may have it in which other words stand: nothing in it turns
    the direction of what comes before or after."""
    return " ".join(_DIRECTIONS.sub("", text).split())


def shortened(text: str, characters: int) -> str:
    """One line, cut with an ellipsis."""
    line = one_line(visible(text)[: 2 * characters])
    return line if len(line) <= characters else line[: characters - 1].rstrip() + "…"


def preview(conversation: ConversationSummary, draft: str) -> str:
    if not is_blank(draft):
        return f"Draft: {one_line(draft)}"
    if conversation.preview_mark is Mark.UNSENT:
        return UNSENT
    room = conversation.room
    if conversation.last_activity <= 0:
        return one_line(room.topic) if room else ""  # nothing was said yet
    said = one_line(visible(conversation.preview))
    if room and conversation.preview_mark is Mark.RECEIVED:
        return f"{conversation.preview_sender}: {said}"
    return GLYPHS[conversation.preview_mark] + said


def is_room(address: str) -> bool:
    return address.startswith(ROOM_MARK)


def beginning(address: str) -> str:
    """Above the first message of a conversation."""
    if is_room(address):
        return f"This is the beginning of {address}."
    return f"This is the beginning of your conversation with {address}."


def nothing_yet(address: str) -> str:
    """In place of a conversation's messages."""
    if is_room(address):
        return f"No messages in {address} yet. Write the first one."
    return f"No messages with {address} yet. Say hello."


def where_from(message: ChatMessage) -> str:
    """Who a message that just arrived is from, as a notification's title."""
    if is_room(message.address):
        return f"{message.sender} in {message.address}"
    return message.sender


def searched(wanted: str, count: int, *, waits: bool, more: bool, incomplete: bool) -> str:
    """Above the results of a search."""
    if not wanted:
        examples = several(tuple(FILTERS.values()))
        return f"Words, or parts of words, from any conversation. To narrow down: {examples}."
    if waits:
        return "Searching…" if not count else "Searching for older ones…"
    found = plural(count, "message") if count else "Nothing found"
    if count and more:
        found = f"The newest {plural(count, 'message')}"
    return f"{found}. Older messages are still being read." if incomplete else found


def several(names: Sequence[str]) -> str:
    """`ada, grace and alan`; of many, the first ones and how many others there are."""
    if len(names) > NAMES_SAID_MAX:
        names = (*names[: NAMES_SAID_MAX - 1], plural(len(names) - NAMES_SAID_MAX + 1, "other"))
    return " and ".join(part for part in (", ".join(names[:-1]), names[-1]) if part)


def typing(names: Sequence[str]) -> str:
    """Who is writing; empty for nobody."""
    if len(names) > 3:
        return "Several people are typing…"
    return f"{several(names)} {'is' if len(names) == 1 else 'are'} typing…" if names else ""


def note(told: RoomNote, me: str) -> str:
    """What happened in a room, as a line between its messages."""

    def named(name: str) -> str:
        return "you" if name == me else name

    by = "You" if told.by == me else told.by
    names = several([named(name) for name in told.usernames]) if told.usernames else ""
    if told.kind == "made":
        return f"{by} created the room."
    if told.kind == "came":
        return f"{by} joined." if told.usernames == (told.by,) else f"{by} added {names}."
    if told.kind == "went":
        return f"{by} left." if told.usernames == (told.by,) else f"{by} removed {names}."
    topic = f"changed the topic to “{one_line(told.topic)}”" if told.topic else "removed the topic"
    parts = {
        "topic": topic,
        "access": f"made the room {'private' if told.private else 'open'}",
        "owner": f"made {named(told.owner)} the owner",
    }
    return f"{by} {several([parts[each] for each in told.changed] or ['changed the room'])}."


def quoted(quote: Quote, characters: int) -> str:
    """What a message answers, in one line."""
    if not quote.sender:
        return "an earlier message"
    return f"{quote.sender}: {shortened(quote.text, characters) if quote.text else UNSENT}"


def waiting_change(change: WaitingChange) -> str:
    """What somebody did with a message and the servers do not have, or have refused."""
    form, text = FORMS[change.act], shortened(change.text, 60)
    if change.failure:
        return f"! {form.refused.format(text=text)} – {change.failure}"
    return f"⏳ {form.waits.format(text=text)}"


def reaction(info: ReactionInfo) -> str:
    """Who has put an emoji there, and what choosing it does."""
    unnamed = info.count - len(info.usernames)
    names = several([*info.usernames, *([plural(unnamed, "other")] if unnamed > 0 else [])])
    return f"{info.emoji}  {names} – {'take yours away' if info.mine else 'add yours'}"


def note_row(told: RoomNote, me: str) -> ChatMessage:
    """As a row among the messages, without a time: nobody keeps when it was."""
    return ChatMessage(f"{told.address}@{told.position}", told.address, told.by, note(told, me),
                       0.0, told.after, Mark.NOTE, position=told.position)  # fmt: skip


def access(*, private: bool) -> str:
    if private:
        return "Private: members add people."
    return "Open: anyone can join."


def leaving(room: RoomInfo, me: str) -> str:
    """What follows from it, for whoever is asked whether they want to."""
    back = ("Only a member can add you again." if room.private
            else "You can join it again at any time.")  # fmt: skip
    if room.owner != me or room.member_count < 2:
        return back
    return f"Its oldest member will be its owner. {back}"


def removing(room: RoomInfo) -> str:
    """What follows for whoever is removed."""
    if room.private:
        return "They will see nothing that is written there from then on."
    return "This room is open: they can join it again."


def about_room(room: RoomInfo, *, muted: bool = False) -> str:
    """In one line, beside its name."""
    members = plural(room.member_count, "member")
    parts = (members, "muted" if muted else "", one_line(room.topic))
    return " · ".join(part for part in parts if part)


def badge(unread: int) -> str:
    return "99+" if unread > 99 else str(unread)


def role(server: ServerInfo) -> str:
    """ "unknown" is the client's own word for a server that nobody reports on."""
    return "no answer" if server.role == "unknown" else server.role


def server_label(server: ServerInfo) -> str:
    return f"{server.server_id} {role(server)}"


def cluster_line(cluster: ClusterChanged) -> str:
    return " · ".join(server_label(server) for server in cluster.servers)


def last_heartbeat(server: ServerInfo) -> str:
    if server.last_contact_ms < 0:
        return "–" if server.role == "unknown" else "never"
    if server.last_contact_ms < 1_000:
        return f"{server.last_contact_ms} ms ago"
    return f"{server.last_contact_ms / 1_000:.0f} s ago"


def connection(link: LinkChanged, who: str) -> str:
    """For the right end of the status strip."""
    as_who = f" as {who}" if who else ""
    if link.link is Link.CONNECTED and link.server_id:
        return f"Connected to server {link.server_id}{as_who}"
    if link.link is Link.OFFLINE:
        return f"Connecting{as_who}…" if who else "Not signed in"
    if link.link is Link.CATCHING_UP:
        return f"Catching up{as_who}"
    if link.link is Link.NO_QUORUM:
        return f"Read-only{as_who}"
    return f"Reconnecting{as_who}…" if who else "Connecting…"


def cluster_headline(cluster: ClusterChanged) -> tuple[str, str]:
    """A headline, and a sentence on what it means for this person's messages."""
    if all(server.role == "unknown" for server in cluster.servers):
        return (
            "No server answers",
            "Check this computer's network connection. Messages wait here in the meantime.",
        )
    if not cluster.leader_id:
        return (
            "No server is leading right now",
            "Messages wait on this computer and are sent as soon as a server leads again.",
        )
    headline = f"Server {cluster.leader_id} leads view {cluster.view}"
    if cluster.quorum_available:
        safe = "A message is “sent” once it is on the disk of every server in the view."
        kept = kept_for(cluster.keep_messages_days)
        return headline, f"{safe}{kept}{standstill(cluster.longest_gap_ms)}"
    return headline, (
        "Too few servers are up. You can read; new messages wait on this computer until "
        "another server returns."
    )


def kept_for(days: int) -> str:
    """Only where messages expire."""
    if not days:
        return ""
    return f" Messages are kept for {'a day' if days == 1 else f'{days} days'}, then they go."


def standstill(longest_gap_ms: int) -> str:
    """Only if it is long enough for a person to notice."""
    if longest_gap_ms < 1_000 * NOTICED_S:
        return ""
    return f" The leader stalled for {longest_gap_ms / 1_000:.1f} s in the last minute."


def advice(server: ServerInfo) -> str:
    """What a person can do about a server that is not taking part; otherwise empty."""
    start = f"python server.py --id {server.server_id}"
    if server.role in ("down", "out"):
        return f"To bring it back, run {start} on its computer. It will catch up by itself."
    if server.role == "recovering":
        return "Nothing to do: it rejoins once it has caught up."
    return ""


def device(known: DeviceEntry, now: float) -> str:
    """When it was in use, as far as one can tell: the servers note that twice a day."""
    since = f"signed in {_on_day(known.opened_at, now)}"
    if known.is_this_one:
        return f"This device, {since}"
    used = "Connected now" if known.online else f"Last used {_on_day(known.used_at, now)}"
    return f"{used}, {since}"


def _on_day(moment: float, now: float) -> str:
    """As it stands within a sentence."""
    day = long_day(moment, now)
    return day.lower() if day in ("Today", "Yesterday") else f"on {day}"


def announcement(text: str, moment: float) -> str:
    """`moment` is seconds since 1970."""
    when = f"{day_of(moment):%d %b}, {clock(moment)}"
    return f"ⓘ  From whoever runs the servers, {when}: {visible(text)}"


def account_deleted(contact: str) -> str:
    return f"{contact} has deleted their account; messages can no longer be sent."


def not_in_room(address: str) -> str:
    return f"You are no longer in {address}; nothing can be sent there."


def profile_in_use(beside: str) -> str:
    """`beside` is the command that starts a window with another profile; empty if there is none."""
    remedy = (
        f"Close it, or start one with another profile: {beside}" if beside else "Close it first."
    )
    return f"Another window is already using this profile. {remedy}"


def version_mismatch(event: VersionMismatch) -> tuple[str, str]:
    """A title and a text; it may be the servers that are too old."""
    ours, needed = event.client_version, event.minimum_client_version
    if _numbers(ours) < _numbers(needed):
        return "Time for a newer client", (
            f"This client ({ours}) is too old for this server (needs {needed} or newer). "
            "Install a newer client and start it again; what you wrote is kept."
        )
    return "The servers are older than this client", (
        f"This client ({ours}) is too new for this server ({event.server_version}). "
        "Start a client of the same version as the server; what you wrote is kept."
    )


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".") if part.isdecimal())
