"""The status strip at the bottom and the window that shows every server of the cluster."""

from __future__ import annotations

import tkinter as tk
from collections.abc import Callable
from tkinter import ttk

from chat.client.events import ClusterChanged, ServerState
from chat.ui import words
from chat.ui.theme import Theme

GOOD_ROLES = ("leader", "backup")


class StatusStrip(ttk.Frame):
    """`● 1 down · ● 2 leader · ● 3 backup` at the left, who is connected where at the right."""

    def __init__(self, parent: tk.Misc, theme: Theme, on_click: Callable[[], None]) -> None:
        super().__init__(parent, style="Panel.TFrame", padding=(10, 3))
        self._theme, self._on_click = theme, on_click
        self._cluster: ClusterChanged | None = None
        self._servers = ttk.Frame(self, style="Panel.TFrame", cursor="hand2")
        self._servers.pack(side="left")
        self._right = ttk.Label(self, style="Panel.TLabel")
        self._right.pack(side="right")
        self._outbox = ttk.Label(self, style="Panel.TLabel")
        self._outbox.pack(side="right", padx=(0, 16))
        for widget in (self, self._servers, self._right):
            widget.bind("<Button-1>", lambda _e: on_click())
        self.show_cluster(None)

    @property
    def text(self) -> str:
        return words.cluster_line(self._cluster) if self._cluster else ""

    @property
    def connection(self) -> str:
        return str(self._right.cget("text"))

    def show_cluster(self, cluster: ClusterChanged | None) -> None:
        self._cluster = cluster
        for child in self._servers.winfo_children():
            child.destroy()
        colours = self._theme.palette
        if cluster is None or not cluster.servers:
            self._add("Looking for the servers…", colours.muted)
            return
        for place, server in enumerate(cluster.servers):
            if place:
                self._add(" · ", colours.muted)
            self._add(f"● {words.server_label(server)}", role_colour(server, self._theme))

    def show_connection(self, text: str) -> None:
        self._right.configure(text=text)

    def show_outbox(self, waiting: int, failed: int) -> None:
        parts = [f"{waiting} waiting to be sent"] if waiting else []
        parts += [f"{failed} not sent"] if failed else []
        self._outbox.configure(text=", ".join(parts))

    def restyle(self) -> None:
        self.show_cluster(self._cluster)

    def _add(self, text: str, colour: str) -> None:
        label = ttk.Label(self._servers, text=text, style="Panel.TLabel", foreground=colour)
        label.pack(side="left")
        label.bind("<Button-1>", lambda _e: self._on_click())


def role_colour(server: ServerState, theme: Theme) -> str:
    colours = theme.palette
    if server.role in GOOD_ROLES:
        return colours.good
    return colours.danger if server.role in ("down", "out") else colours.muted


class ClusterWindow(tk.Toplevel):
    """A live table of the servers; asks for fresh figures once a second while open."""

    COLUMNS = (
        ("id", "Server", 60), ("address", "Address", 150), ("role", "Role", 90),
        ("view", "View", 60), ("heartbeat", "Last heartbeat", 120),
        ("log", "Log position", 100), ("detail", "", 260),
    )  # fmt: skip

    def __init__(
        self, parent: tk.Misc, theme: Theme, refresh: Callable[[], None], period_ms: int = 1_000
    ) -> None:
        super().__init__(parent, background=theme.palette.window)
        self.title("Cluster")
        self._refresh, self._period_ms, self._theme = refresh, period_ms, theme
        self.headline = ttk.Label(self, style="Title.TLabel", text="Asking the servers…")
        self.headline.pack(anchor="w", padx=16, pady=(14, 2))
        self.explanation = ttk.Label(self, style="Muted.TLabel")
        self.explanation.pack(anchor="w", padx=16, pady=(0, 8))
        self.table = ttk.Treeview(
            self, columns=[name for name, _, _ in self.COLUMNS], show="headings", height=5
        )
        for name, title, width in self.COLUMNS:
            self.table.heading(name, text=title, anchor="w")
            self.table.column(name, width=theme.px(width), stretch=name == "detail")
        self.table.pack(fill="both", expand=True, padx=16, pady=(0, 14))
        self.bind("<Escape>", lambda _e: self.destroy())
        self._tick()

    def show(self, cluster: ClusterChanged) -> None:
        leader = f"Server {cluster.leader_id} leads view {cluster.view}"
        self.headline.configure(text=leader if cluster.leader_id else "No server leads at present")
        self.explanation.configure(
            text="A message counts as sent once it is on the disks of all servers of the view."
            if cluster.quorum_available
            else "Too few servers are up: messages wait on this computer until another returns."
        )
        self.table.delete(*self.table.get_children())
        for role in ("good", "bad", "unsure"):
            self.table.tag_configure(role, foreground=self._colour(role))
        for server in cluster.servers:
            self.table.insert("", "end", tags=(self._kind(server),), values=(
                server.server_id, server.address, server.role, server.view or "–",
                words.last_heartbeat(server), f"{server.log_index:,}" if server.log_index else "–",
                server.detail,
            ))  # fmt: skip

    def _kind(self, server: ServerState) -> str:
        if server.role in GOOD_ROLES:
            return "good"
        return "bad" if server.role in ("down", "out") else "unsure"

    def _colour(self, kind: str) -> str:
        colours = self._theme.palette
        return {"good": colours.good, "bad": colours.danger, "unsure": colours.muted}[kind]

    def _tick(self) -> None:
        self._refresh()
        self.after(self._period_ms, self._tick)
