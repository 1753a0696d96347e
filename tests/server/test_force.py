"""--force-new-view: the operator's word, and what is kept before it is taken."""

from __future__ import annotations

from pathlib import Path

from tests.cluster import Cluster


def test_a_copy_of_the_data_is_kept_first(tmp_path: Path) -> None:
    with Cluster(tmp_path / "data") as cluster:
        cluster.start()
        cluster.wait_for_members()
        cluster.clients("ada", "grace")[0].send("grace", "hello")
        cluster.stop()
        cluster.start(3, force_new_view=True)
        cluster.wait_for_members(3)
        (kept,) = (tmp_path / "data").glob("before-force-3-*")
        assert kept.stat().st_mode & 0o777 == 0o700
        assert sorted(file.name for file in kept.iterdir()) == ["users_3.journal", "users_3.json"]
        assert "hello" in (kept / "users_3.journal").read_text()
        assert all(file.stat().st_mode & 0o777 == 0o600 for file in kept.iterdir())
        assert cluster.client("ada", register=False).texts("grace") == ["hello"]
