"""python -m chat.admin, against servers that run."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from chat import __version__
from chat.core.errors import ChatError, SessionEnded
from chat.core.state.operations.disable_account import DisableAccount
from chat.rpc import chat_pb2 as pb
from tests.admin import Admin, config_file
from tests.cluster import PASSWORD, Client, Cluster, wait_until

People = Callable[[str], list[Client]]


@pytest.fixture
def admin(solo: Cluster, tmp_path: Path) -> Admin:
    return Admin(solo, tmp_path)


def refusal(client: Client) -> str:
    with pytest.raises(ChatError) as caught:
        client.login()
    return caught.value.reason


# --- status ---------------------------------------------------------------------------------


def test_status_tells_of_every_server(cluster: Cluster, tmp_path: Path) -> None:
    admin = Admin(cluster, tmp_path)
    ada, grace = cluster.clients("ada", "grace")
    ada.send("grace", "hi")
    grace.follow()
    wait_until(lambda: admin.document("status")["servers"][0]["streams"] == 1)
    roles = ["leader", "backup", "backup"]
    wait_until(lambda: [each["role"] for each in admin.document("status")["servers"]] == roles)
    found = admin.document("status")
    assert (found["leader"], found["takes_writes"]) == (1, True)
    assert (found["accounts"], found["messages"]) == (2, 1)
    for each in found["servers"]:
        assert each["version"] == __version__
        assert min(each["data_bytes"], each["free_bytes"], each["lag"] + 1) > 0
    cluster.kill(2)
    cluster.wait_for_members(1, 3)
    rows = wait_until(lambda: well(admin("status").said.splitlines()))
    assert rows[0].split()[:4] == ["SERVER", "ADDRESS", "ROLE", "VIEW"]
    assert rows[2].split()[6:9] == ["-", "-", "-"]


def well(rows: list[str]) -> list[str]:
    """What is said once it is: a busy computer's servers find out a little later."""
    is_down = rows[2].split()[2] == "down"
    return rows if is_down and rows[-1].startswith("Server 1 leads view ") else []


def test_status_is_not_well_where_nobody_serves(cluster: Cluster, tmp_path: Path) -> None:
    admin = Admin(cluster, tmp_path)
    cluster.stop(1, 2, 3)
    done = admin("status")
    assert done.status == 1
    assert done.said.count("Does not answer.") == 3
    assert "No server leads" in done.said


def test_without_a_key_nothing_is_asked(solo: Cluster, tmp_path: Path) -> None:
    admin = Admin(solo, tmp_path)
    elsewhere = admin.config.read_text().replace(str(solo.config.data_dir), str(tmp_path / "no"))
    admin.config.write_text(elsewhere)
    done = admin("users", "list")
    assert (done.status, done.said) == (1, "")
    assert "cluster.key is missing" in done.error


def test_another_clusters_key_is_refused(solo: Cluster, tmp_path: Path) -> None:
    with Cluster(tmp_path / "other", servers=1) as other:
        other.start()
        admin = Admin(solo, tmp_path)
        admin.config.write_text(
            admin.config.read_text().replace(str(solo.config.data_dir), str(other.config.data_dir))
        )
        done = admin("users", "list")
    assert done.status == 2
    assert "another cluster.key answers where server 1 should be" in done.error


# --- users ----------------------------------------------------------------------------------


def test_people_are_listed(people: People, admin: Admin) -> None:
    ann, bob = people("lists listt")
    bob.once("DeleteAccount", pb.DeleteAccountRequest(password=PASSWORD))
    found = admin.document("users", "list", "list*")
    assert [each["username"] for each in found] == [ann.name]
    assert (found[0]["state"], found[0]["sessions"], found[0]["rooms"]) == ("offline", 1, 0)
    assert ann.name in admin.well("users", "list")
    assert admin.well("users", "list", "nobody*") == "There is nobody.\n"


def test_who_is_disabled_is_signed_out_and_stays_out(people: People, admin: Admin) -> None:
    (ann,) = people("ann")
    stream = ann.subscribe()
    said = admin.well("users", "disable", ann.name)
    assert said == f"{ann.name}: disabled, and signed out everywhere.\n"
    wait_until(lambda: stream.ended() == "SESSION_ENDED")
    assert refusal(ann) == "ACCOUNT_DISABLED"
    assert admin.document("users", "list", ann.name)[0]["state"] == "disabled"
    admin.well("users", "enable", ann.name)
    ann.login()
    ann.conversations()


def test_that_an_account_is_disabled_is_told_to_who_knows_its_password(
    people: People, admin: Admin
) -> None:
    (ann,) = people("ann")
    admin.well("users", "disable", ann.name)
    ann.password = "not the password"
    assert refusal(ann) == "BAD_CREDENTIALS"


def test_a_password_is_reset_without_being_said(people: People, admin: Admin) -> None:
    (ann,) = people("ann")
    said = admin.well("users", "reset-password", ann.name, typed="another password\n")
    assert "another password" not in said
    assert refusal(ann) == "BAD_CREDENTIALS"
    ann.password = "another password"
    ann.login()
    done = admin("users", "reset-password", ann.name, typed="short\n")
    assert (done.status, done.said) == (1, "")
    assert "8 to 128 characters" in done.error
    done = admin("users", "reset-password", ann.name, typed=f"{ann.name}\n")
    assert done.status == 1


def test_sessions_are_listed_and_ended(people: People, admin: Admin) -> None:
    (ann,) = people("ann")
    phone = ann.again()
    phone.login("phone \u202e")  # it would turn the line around
    listed = admin.document("users", "sessions", ann.name)
    assert len(listed) == 3
    (session,) = (each["session"] for each in listed if each["device"] == "phone \u202e")
    assert "phone �" in admin.well("users", "sessions", ann.name)
    said = admin.well("users", "end-sessions", ann.name, "--session", session)
    assert said == f"{ann.name}: 1 session ended.\n"
    with pytest.raises(SessionEnded):
        phone.conversations()
    ann.conversations()
    assert admin.document("users", "end-sessions", ann.name)["ended"] == 2
    assert admin.document("users", "sessions", ann.name) == []
    assert admin("users", "end-sessions", ann.name, "--session", "x").status == 1


def test_who_is_removed_is_gone(people: People, admin: Admin) -> None:
    (ann,) = people("ann")
    done = admin("users", "remove", ann.name)
    assert (done.status, "Say --yes." in done.error) == (1, True), "no terminal says yes"
    admin.well("users", "remove", ann.name, "--yes")
    assert refusal(ann) == "BAD_CREDENTIALS"
    assert admin.document("users", "list", ann.name) == []
    done = admin("users", "remove", ann.name, "--yes")
    assert (done.status, done.error) == (1, "admin: There is nobody of that name.\n")


# --- rooms, everybody, and what is agreed on ----------------------------------------------------


def test_rooms_are_listed_private_ones_too(people: People, admin: Admin) -> None:
    ann, bob = people("ann bob")
    room = f"#of-{ann.name}"
    ann.create_room(room, pb.ACCESS_PRIVATE, "what we do")
    ann.add_members(room, bob.name)
    ann.send(room, "hi")
    (found,) = admin.document("rooms", "list", f"of-{ann.name}")
    assert found == {
        "name": room, "access": "private", "owner": ann.name, "members": 2, "messages": 1,
        "topic": "what we do",
    }  # fmt: skip
    assert "what we do" in admin.well("rooms", "list")
    assert admin.well("rooms", "members", room).split() == [ann.name, bob.name]
    done = admin("rooms", "members", "#nowhere")
    assert (done.status, done.error) == (1, "admin: There is no room of that name.\n")


def test_an_announcement_is_in_every_stream(people: People, admin: Admin) -> None:
    ann, bob = people("ann bob")
    streams = [ann.subscribe(), bob.subscribe()]
    assert admin.document("announce", "We move tonight.")["told"] >= 2
    for stream in streams:
        (told,) = stream.wait_for(partial(stream.of, "announcement"))
        assert told.text == "We move tonight."
        assert told.at.seconds > 0
    for wrong in ("", "x" * 257, "two\nlines"):
        assert admin("announce", wrong).status == 1
    assert admin.document("audit", "--limit", "1")[0]["about"] == "We move tonight."


def test_what_is_agreed_on_and_what_differs(cluster: Cluster, tmp_path: Path) -> None:
    admin = Admin(cluster, tmp_path)
    found = admin.document("servers", "list")
    assert [each["goes_by_it"] for each in found["servers"]] == ["yes"] * 3
    assert list(found["agreed"]["servers"].values()) == cluster.addresses
    assert found["this_file"] == ""
    cluster.stop(3)
    admin.config.write_text(admin.config.read_text().replace('"out_ms": 1000', '"out_ms": 900'))
    done = admin("servers", "list")
    assert done.status == 1
    assert '"out_ms" is 900 in this file and 1000 by agreement' in done.said
    assert "does not answer" in done.said


def test_servers_are_changed(cluster: Cluster, tmp_path: Path) -> None:
    admin = Admin(cluster, tmp_path)
    new = config_file(replace(cluster.config, out_ms=900), tmp_path / "new.json")
    said = admin.well("servers", "change", str(new)).splitlines()
    assert said[0].startswith("Asks server 1 at")
    assert said[-1] == 'Done: "out_ms" is 1000 before and 900 now.'
    done = admin("servers", "change", str(new), "--json")
    assert (done.status, "nothing changes" in done.error) == (1, True)


# --- the audit ------------------------------------------------------------------------------


def test_the_audit_tells_who_did_what(people: People, admin: Admin) -> None:
    (ann,) = people("ann")
    admin.well("users", "disable", ann.name, "--by", "root at work")
    admin.well("users", "reset-password", ann.name, typed="a password of theirs")
    newest, before = admin.document("audit", "--limit", "2")
    assert (before["by"], before["action"]) == ("root at work", "DisableAccount")
    assert (newest["action"], newest["about"]) == ("ResetPassword", ann.name)
    assert newest["number"] == before["number"] + 1
    assert admin.well("audit", "--limit", "1").count("\n") == 2
    assert admin("audit", "--limit", "0").status == 2


def test_a_change_survives_the_death_of_the_leader(cluster: Cluster, tmp_path: Path) -> None:
    """It is asked for while there is none, and done once there is; the audit is everybody's."""
    admin, (ada, grace) = Admin(cluster, tmp_path), cluster.clients("ada", "grace")
    cluster.kill(1)
    asking = threading.Thread(target=lambda: admin.well("users", "disable", "ada"))
    asking.start()
    cluster.wait_for_members(2, 3)
    asking.join()
    cluster.kill(2)
    assert cluster.wait_for_members(3) == 3
    assert refusal(ada) == "ACCOUNT_DISABLED"
    grace.login()
    entries = admin.document("audit")
    assert [entry["action"] for entry in entries] == ["DisableAccount"]


def test_an_answer_that_was_lost_is_asked_for_again_and_has_one_effect(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The leader dies after the change was written, and before it says so."""
    admin = Admin(cluster, tmp_path)
    cluster.client("ada")
    written = threading.Event()
    machine = cluster.nodes[1].machine
    write = machine.write

    async def write_and_say_nothing(operation: object) -> object:
        await write(operation)  # type: ignore[arg-type]
        if isinstance(operation, DisableAccount):
            written.set()
            await machine._loop.create_future()
        return None

    monkeypatch.setattr(machine, "write", write_and_say_nothing)
    asking = threading.Thread(target=lambda: admin.well("users", "disable", "ada"))
    asking.start()
    assert written.wait(20)
    cluster.kill(1)
    asking.join()
    cluster.wait_for_members(2, 3)
    assert [entry["action"] for entry in admin.document("audit")] == ["DisableAccount"]
