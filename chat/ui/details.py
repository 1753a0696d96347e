"""The pane with what there is to know about the open room: topic, who may join, members."""

from __future__ import annotations

import tkinter as tk
from collections.abc import Callable
from dataclasses import dataclass, replace
from tkinter import ttk

from chat.client.events import MemberEntry, RoomInfo
from chat.ui import keys, tips, words
from chat.ui.later import Later
from chat.ui.look.palette import person_colour
from chat.ui.look.theme import Theme
from chat.ui.side_pane import SidePane

WIDTH = 270  # pixels at 100 %
REFRESH_MS = 20_000  # the servers tell by themselves only who of one's contacts is online


@dataclass(frozen=True, slots=True)
class DetailsActions:
    """What a person can ask for; the last three receive a member's name."""

    close: Callable[[], object]
    refresh: Callable[[], None]
    add: Callable[[], None]
    edit: Callable[[], None]
    leave: Callable[[], None]
    mute: Callable[[], None]  # or no longer
    write_to: Callable[[str], None]
    remove: Callable[[str], None]
    hand_over: Callable[[str], None]


class DetailsPane(SidePane):
    """Of whichever room is open."""

    def __init__(self, parent: tk.Misc, theme: Theme, actions: DetailsActions) -> None:
        super().__init__(parent, theme, "Room details", WIDTH, actions.close)
        self._actions = actions
        self.me = ""
        self.room: RoomInfo | None = None
        self.members: tuple[MemberEntry, ...] = ()
        self._menu = tk.Menu(self, tearoff=False)
        self._refreshing = Later(self, self._refresh, REFRESH_MS)
        self._build_head()
        self._build_members()
        self.body.rowconfigure(4, weight=1)
        self._bind_hands()
        self.restyle()

    def _build_head(self) -> None:
        self.topic = ttk.Label(self.body, justify="left")
        self.topic.grid(row=1, column=0, sticky="w")
        about = ttk.Frame(self.body)
        about.grid(row=2, column=0, sticky="ew")
        self.access = ttk.Label(about, style="Muted.TLabel", justify="left")
        self.access.pack(side="left")
        self.edit_button = ttk.Button(about, text="Edit…", style="Link.TButton",
                                      command=self._actions.edit)  # fmt: skip

    def _build_members(self) -> None:
        head = ttk.Frame(self.body)
        head.grid(row=3, column=0, sticky="ew")
        self.count = ttk.Label(head, style="Bold.TLabel")
        self.count.pack(side="left")
        self.add_button = ttk.Button(head, text="Add people…", style="Link.TButton",
                                     command=self._actions.add)  # fmt: skip
        self.add_button.pack(side="right")
        box = ttk.Frame(self.body)
        box.grid(row=4, column=0, sticky="nsew")
        self.list = ttk.Treeview(box, columns=("role",), show="tree", height=4,
                                 selectmode="browse")  # fmt: skip
        self.list.pack(side="left", fill="both", expand=True)
        bar = ttk.Scrollbar(box, command=self.list.yview)
        self.list.configure(yscrollcommand=bar.set)
        bar.pack(side="right", fill="y")
        self.error = ttk.Label(self.body, style="Error.TLabel", justify="left")
        self.error.grid(row=5, column=0, sticky="w")
        foot = ttk.Frame(self.body)
        foot.grid(row=6, column=0, sticky="ew")
        self.leave_button = ttk.Button(foot, text="Leave room…", style="Danger.TButton",
                                       command=self._actions.leave)  # fmt: skip
        self.leave_button.pack(side="right")
        self.mute_button = ttk.Button(foot, text="Mute", command=self._actions.mute)
        self.mute_button.pack(side="left")
        tip = f"No notice of what is said here, but by your name ({keys.hint('mute')})"
        tips.attach(self.mute_button, self._theme, tip)
        self.remove_button = ttk.Button(foot, text="Remove…", command=self._remove)

    # --- place -------------------------------------------------------------------------

    def open(self) -> None:
        if not self.is_open:
            super().open()
            self._refreshing.ask_anew()

    def close(self) -> None:
        super().close()
        self._refreshing.cancel()

    def arranged(self, width: int) -> None:
        room = max(width - self._theme.px(40), self._theme.px(80))
        for label in (self.topic, self.error):
            label.configure(wraplength=room)
        self.access.configure(wraplength=room - self._theme.px(60))

    def restyle(self) -> None:
        super().restyle()
        px = self._theme.px
        for row, above in ((1, 4), (2, 6), (3, 14), (4, 2), (5, 4), (6, 8)):
            for widget in self.body.grid_slaves(row=row):
                widget.grid_configure(pady=(px(above), 0))
        self.list.column("#0", width=px(150))
        self.list.column("role", width=px(64), anchor="e", stretch=False)
        self.list.tag_configure("offline", foreground=self._theme.palette.muted)
        self._fill()

    # --- content -----------------------------------------------------------------------

    def show_room(self, room: RoomInfo, me: str, *, muted: bool = False) -> None:
        if self.room is None or self.room.name != room.name:
            self.members = ()
            self._fill()
            self.show_error("")
        self.room, self.me = room, me
        self.mute_button.configure(text="Unmute" if muted else "Mute")
        self.topic.configure(text=room.topic or "No topic yet.")
        self.access.configure(text=words.access(private=room.private))
        self.count.configure(text=words.plural(room.member_count, "member"))
        if self.is_owner:
            self.edit_button.pack(side="right", anchor="n")
        else:
            self.edit_button.pack_forget()
        self._show_remove()

    def show_members(self, members: tuple[MemberEntry, ...]) -> None:
        self.members = members
        self._fill()

    def set_online(self, username: str, online: bool) -> None:
        if any(each.username == username for each in self.members):
            self.show_members(tuple(
                replace(each, online=online) if each.username == username else each
                for each in self.members
            ))  # fmt: skip

    def show_error(self, message: str) -> None:
        self.error.configure(text=message)

    @property
    def is_owner(self) -> bool:
        return self.room is not None and self.room.owner == self.me

    @property
    def chosen(self) -> str:
        """The selected member's name; empty if there is none."""
        return next(iter(self.list.selection()), "")

    def _fill(self) -> None:
        """The selection stays with whom it was on."""
        theme, before = self._theme, self.chosen
        self.list.delete(*self.list.get_children())
        for member in self.members:
            name = member.username
            disc = theme.person(theme.px(20), person_colour(name),
                                theme.palette.good if member.online else "")  # fmt: skip
            self.list.insert(
                "", "end", iid=name, text=f"  {name}" + (" (you)" if name == self.me else ""),
                image=disc, values=("owner" if member.is_owner else "",),
                tags=() if member.online else ("offline",),
            )  # fmt: skip
        names = [member.username for member in self.members]
        if names:
            chosen = before if before in names else names[0]
            self.list.selection_set(chosen)
            self.list.focus(chosen)

    def _show_remove(self) -> None:
        if self.can_remove:
            self.remove_button.pack(side="left", padx=(self._theme.px(8), 0))
        else:
            self.remove_button.pack_forget()

    @property
    def can_remove(self) -> bool:
        return self.is_owner and self.chosen not in ("", self.me)

    # --- hands -------------------------------------------------------------------------

    def _bind_hands(self) -> None:
        self.list.bind("<<TreeviewSelect>>", lambda _e: self._show_remove())
        self.list.bind("<Return>", lambda _e: self._write_to())
        self.list.bind("<Double-Button-1>", lambda _e: self._write_to())
        self.list.bind("<Delete>", lambda _e: self._remove())
        for sequence in ("<Menu>", "<Shift-F10>"):
            self.list.bind(sequence, lambda _e: self._open_menu_of_chosen())
        self.list.bind("<Button-3>", self._open_menu)

    def _write_to(self) -> None:
        if self.chosen not in ("", self.me):
            self._actions.write_to(self.chosen)

    def _remove(self) -> None:
        if self.can_remove:
            self._actions.remove(self.chosen)

    def menu(self) -> tk.Menu:
        """What can be done with the selected member."""
        menu, name, actions = self._menu, self.chosen, self._actions
        menu.delete(0, "end")
        menu.configure(**self._theme.menu_options())
        if name == self.me:
            menu.add_command(label="Leave room…", command=actions.leave)
            return menu
        menu.add_command(label=f"Write to {name}", command=lambda: actions.write_to(name))
        if self.is_owner:
            menu.add_command(label="Make owner…", command=lambda: actions.hand_over(name))
            menu.add_command(label="Remove…", command=lambda: actions.remove(name))
        return menu

    def _open_menu(self, event: tk.Event[ttk.Treeview]) -> None:
        name = self.list.identify_row(event.y)
        if name:
            self.list.selection_set(name)
            self.menu().tk_popup(event.x_root, event.y_root)

    def _open_menu_of_chosen(self) -> str:
        box = self.list.bbox(self.chosen) if self.chosen else ""
        if box:
            x, y, _, height = box
            self.menu().tk_popup(self.list.winfo_rootx() + x, self.list.winfo_rooty() + y + height)
        return "break"

    def _refresh(self) -> None:
        self._actions.refresh()
        self._refreshing.ask()
