"""The dialogs about rooms: create one, change one, find one, add people to one."""

from __future__ import annotations

import tkinter as tk
from collections.abc import Callable, Sequence
from tkinter import ttk

from chat.client.events import RoomInfo, RoomsListed
from chat.core.limits import MEMBERS_ADDED_MAX, TOPIC_CHARACTERS_MAX
from chat.core.state.model import ROOM_MARK
from chat.core.texts import characters
from chat.ui import words
from chat.ui.dialogs import ASKING, Dialog
from chat.ui.look.palette import person_colour
from chat.ui.look.theme import Theme
from chat.ui.picker import WILDCARDS, Column, Picker, Row, UserPicker

_ACCESS = "chat_room_access"  # a variable of Tk, by its name, as those of the settings
NOT_FOUND = "No matching rooms. Try fewer letters, or create one."


def named(typed: str) -> str:
    """What is typed is the room's name, with or without its mark."""
    typed = typed.strip()
    return typed if not typed or words.is_room(typed) else ROOM_MARK + typed


class RoomForm(Dialog):
    """Fields that a room is created or changed by; `on_done` is called with what passed the
    checks that need no server."""

    def add_topic(self, topic: str = "") -> None:
        self.add_field("topic", "Topic (optional)").insert(0, topic)

    def add_access(self, private: bool = False) -> None:
        self.setvar(_ACCESS, "private" if private else "open")
        ttk.Label(self.body, text="Who may join").pack(anchor="w")
        for choice, label in (
            ("open", "open: anyone can find it, join it and read what was said"),
            ("private", "private: members add people; nobody else knows of it"),
        ):
            ttk.Radiobutton(
                self.body, text=label, value=choice,
                variable=_ACCESS,  # type: ignore[arg-type]  # Tk takes a name
            ).pack(anchor="w")  # fmt: skip

    @property
    def private(self) -> bool:
        return str(self.getvar(_ACCESS)) == "private"

    @property
    def topic(self) -> str:
        return self.fields["topic"].get().strip()

    def topic_fits(self) -> bool:
        over = characters(self.topic) - TOPIC_CHARACTERS_MAX
        if over > 0:
            much = words.plural(over, "character")
            self.show_error("topic", f"Too long for a topic, by {much}.")
        return over <= 0


class CreateRoomDialog(RoomForm):
    """`on_create` receives the name, the topic and whether the room is private."""

    def __init__(
        self, parent: tk.Misc, theme: Theme, name: str, on_create: Callable[[str, str, bool], None]
    ) -> None:
        super().__init__(parent, theme, "Create a room")
        self._on_create = on_create
        entry = self.add_field("name", "Name")
        entry.insert(0, name)
        self.add_topic()
        self.add_access()
        self.add_buttons("Create room", self.submit, "Accent.TButton")
        entry.focus_set()

    def submit(self) -> None:
        name = named(self.fields["name"].get())
        if self.is_waiting:
            return
        if not name:
            self.show_error("name", "Enter a name for the room.")
        elif self.topic_fits():
            self.show_error("", "")
            self.show_waiting(ASKING)
            self._on_create(name, self.topic, self.private)


class EditRoomDialog(RoomForm):
    """`on_change` receives the topic and whether the room is private."""

    def __init__(
        self, parent: tk.Misc, theme: Theme, room: RoomInfo, on_change: Callable[[str, bool], None]
    ) -> None:
        super().__init__(parent, theme, f"Edit {theme.fitted(theme.title, room.name, 300)}")
        self._on_change = on_change
        self.add_topic(room.topic)
        self.add_access(room.private)
        self.add_buttons("Save", self.submit, "Accent.TButton")
        self.fields["topic"].focus_set()

    def submit(self) -> None:
        if not self.is_waiting and self.topic_fits():
            self.show_error("", "")
            self.show_waiting(ASKING)
            self._on_change(self.topic, self.private)


class AddMembersDialog(UserPicker):
    """Several can be added at once. `on_add` receives their names."""

    def __init__(
        self, parent: tk.Misc, theme: Theme, members: Sequence[str],
        on_filter: Callable[[str], None], on_add: Callable[[Sequence[str]], None],
    ) -> None:  # fmt: skip
        self._on_add = on_add
        super().__init__(
            parent, theme, members, on_filter, lambda _: None, "Add people",
            "Who would you like to add?", "Add", several=True,
        )  # fmt: skip

    def choose(self) -> None:
        names = self.all_chosen
        if self.is_waiting or not names:
            return
        if len(names) > MEMBERS_ADDED_MAX:
            self.show_error("filter", f"Add at most {MEMBERS_ADDED_MAX} people at once.")
            return
        self.show_error("", "")
        self.show_waiting(ASKING)
        self._on_add(names)


class FindRoomDialog(Picker):
    """The open rooms and those that the person is in. `on_open` receives a room that they are in,
    `on_join` another; `on_create` what was typed."""

    def __init__(
        self, parent: tk.Misc, theme: Theme, on_filter: Callable[[str], None],
        on_open: Callable[[str], None], on_join: Callable[[str], None],
        on_create: Callable[[str], None],
    ) -> None:  # fmt: skip
        self._on_open, self._on_join = on_open, on_join
        self._rooms: dict[str, RoomInfo] = {}
        super().__init__(
            parent, theme, "Find a room", f"Which room are you looking for? {WILDCARDS}", on_filter,
            (Column("topic", 220), Column("members", 110, "e")), "Join",
        )  # fmt: skip
        self.create_button = ttk.Button(
            self._foot, text="Create a room…", style="Link.TButton",
            command=lambda: on_create(self.entry.get().strip(f" {ROOM_MARK}*?")),
        )  # fmt: skip
        self.create_button.pack(side="left")
        self.list.bind("<<TreeviewSelect>>", lambda _e: self._show_verb(), add=True)

    def pattern(self) -> str:
        return super().pattern().replace(ROOM_MARK, "", 1)

    def show(self, event: RoomsListed) -> None:
        """Answers to an older filter are ignored."""
        if event.filter != self.asked:
            return
        theme = self.theme
        self._rooms = {room.name: room for room in event.rooms}
        rows = [
            Row(
                room.name,
                theme.room(theme.px(20), person_colour(room.name)),
                (theme.fitted(theme.body, room.topic, theme.px(205)), _members(room)),
            )
            for room in event.rooms
        ]
        more = "There are more rooms: type a few letters."
        self.fill(rows, more if event.more else "" if rows else NOT_FOUND)

    def _show_verb(self) -> None:
        assert self.action_button is not None
        room = self._rooms.get(self.chosen)
        self.action_button.configure(text="Open" if room and room.is_member else "Join")

    def choose(self) -> None:
        room = self._rooms.get(self.chosen)
        if room is None or self.is_waiting:
            return
        if room.is_member:
            self.destroy()
            self._on_open(room.name)
        else:
            self.show_error("", "")
            self.show_waiting(ASKING)
            self._on_join(room.name)


def _members(room: RoomInfo) -> str:
    if room.is_member:
        return "private, joined" if room.private else "joined"
    return words.plural(room.member_count, "member")
