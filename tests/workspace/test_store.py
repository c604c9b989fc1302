"""What a workspace keeps and deletes, in any order of actions, and after a process was killed."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from adcreative.errors import ConfigError
from adcreative.verbs.governance import purge
from adcreative.workspace.store import DATABASE, FILES, Workspace, is_workspace


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path / "kept")


def list_files(workspace: Workspace) -> set[Path]:
    return {path for path in (workspace.folder / FILES).rglob("*") if path.is_file()}


def test_a_record_is_found_by_another_process_with_what_it_holds(workspace: Workspace) -> None:
    picture = workspace.keep_file(b"pixels", "../Shoe.JPG")
    workspace.put("ad", "a1", {"headline": "Größer"}, paths=[picture])
    found = Workspace(workspace.folder).find("ad", "a1")
    assert found is not None
    assert (found.data, found.paths, picture.suffix) == ({"headline": "Größer"}, (picture,), ".jpg")
    assert picture.read_bytes() == b"pixels"
    assert is_workspace(workspace.folder)


def test_only_its_user_may_enter(workspace: Workspace) -> None:
    picture = workspace.keep_file(b"pixels", "a.png")
    for path, mode in ((workspace.folder, 0o700), (workspace.folder / DATABASE, 0o600), (picture, 0o600)):
        assert stat.S_IMODE(path.stat().st_mode) == mode


def test_deleting_an_ad_deletes_what_belongs_to_it_and_no_shared_file(workspace: Workspace) -> None:
    shared, own = workspace.keep_file(b"shared", "a.png"), workspace.keep_file(b"own", "a.png")
    run = workspace.folder / "runs" / "r1"
    run.mkdir(parents=True)
    (run / "results.jsonl").write_text("{}")
    workspace.put("ad", "a1", {}, paths=[shared, own])
    workspace.put("ad", "a2", {}, paths=[shared])
    workspace.put("version", "v1", {}, parent=("ad", "a1"), paths=[run])
    workspace.put("approval", "p1", {}, parent=("version", "v1"))
    assert workspace.delete("ad", "a1") == 3
    assert (list_files(workspace), run.exists()) == ({shared}, False)
    assert workspace.find_all("approval") == []


def test_deleting_a_person_deletes_every_ad_of_theirs(workspace: Workspace) -> None:
    workspace.put("ad", "a1", {}, consent_id="anna; bo")
    workspace.put("ad", "a2", {}, consent_id="bo")
    workspace.put("ad", "a3", {})
    assert workspace.delete_person(" bo ") == 2
    assert [one.name for one in workspace.find_all("ad")] == ["a3"]


def test_what_was_deleted_is_in_no_file_of_the_folder(workspace: Workspace) -> None:
    workspace.put("ad", "a1", {"headline": "a very secret headline"})
    workspace.delete("ad", "a1")
    content = b"".join(path.read_bytes() for path in workspace.folder.rglob("*") if path.is_file())
    assert b"very secret" not in content


@pytest.mark.parametrize("path", ["/etc/passwd", "../other", ".", "files", DATABASE, "link/x", "files/../.."])
def test_no_path_outside_of_the_folder_is_held(workspace: Workspace, tmp_path: Path, path: str) -> None:
    (tmp_path / "elsewhere").mkdir()
    (workspace.folder / "link").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ConfigError, match="does not lie in the workspace"):
        workspace.put("ad", "a1", {}, paths=[Path(path)])
    assert workspace.find("ad", "a1") is None


def test_what_a_link_leads_to_is_not_deleted(workspace: Workspace, tmp_path: Path) -> None:
    run, mine = workspace.folder / "run", tmp_path / "mine"
    run.mkdir()
    mine.mkdir()
    (mine / "photo.jpg").write_bytes(b"mine")
    workspace.put("model", "m", {}, paths=[run])
    run.rmdir()
    run.symlink_to(mine)
    workspace.delete("model", "m")
    assert (mine / "photo.jpg").is_file()


def test_folders_that_are_no_workspace_are_refused_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(ConfigError, match="cannot be used as a workspace"):
        Workspace(tmp_path / "file")
    (tmp_path / "w").mkdir()
    (tmp_path / "w" / DATABASE).write_text("no database, but long enough to be taken for one " * 40)
    with pytest.raises(ConfigError, match="cannot be used as a workspace"):
        Workspace(tmp_path / "w")
    later = Workspace(tmp_path / "later")
    later.close()
    with sqlite3.connect(tmp_path / "later" / DATABASE) as db:
        db.execute("PRAGMA user_version = 99")
    with pytest.raises(ConfigError, match="later version"):
        Workspace(tmp_path / "later")


@pytest.mark.parametrize("seed", range(50))
def test_in_any_order_of_actions_what_is_held_is_there_and_nothing_else(tmp_path: Path, seed: int) -> None:
    """A plain dictionary says what must be there; the workspace is closed and opened in between."""
    rng = random.Random(seed)
    workspace = Workspace(tmp_path / "w")
    ads: dict[str, set[bytes]] = {}
    people: dict[str, str] = {}
    versions: dict[str, tuple[str, bytes]] = {}
    for step in range(30):
        ad, content = f"a{rng.randrange(5)}", bytes([rng.randrange(6)])
        match rng.choice(("put", "put", "version", "delete", "person", "restart", "drop")):
            case "put":
                held = {content, bytes([rng.randrange(6)])}
                people[ad] = rng.choice(("", "anna"))
                workspace.put(
                    "ad", ad, {"step": step}, consent_id=people[ad], paths=[workspace.keep_file(one, "x.png") for one in held]
                )
                ads[ad] = held
            case "version" if ad in ads:
                workspace.put("version", f"v{step}", {}, parent=("ad", ad), paths=[workspace.keep_file(content, "x.png")])
                versions[f"v{step}"] = (ad, content)
            case "delete":
                workspace.delete("ad", ad)
                ads.pop(ad, None)
            case "person":
                workspace.delete_person("anna")
                ads = {name: held for name, held in ads.items() if people[name] != "anna"}
            case "restart":
                workspace.close()
                workspace = Workspace(tmp_path / "w")
            case "drop" if versions:
                gone = rng.choice(sorted(versions))
                workspace.delete("version", gone)
                del versions[gone]
        versions = {name: one for name, one in versions.items() if one[0] in ads}
        expected = set().union(*ads.values(), {content for _, content in versions.values()})
        assert {path.read_bytes() for path in list_files(workspace)} == expected
        assert {one.name for one in workspace.find_all("ad")} == set(ads)
        assert {one.name for one in workspace.find_all("version")} == set(versions)
    workspace.close()


_WRITER = """
import sys
from pathlib import Path
from adcreative.workspace.store import Workspace
workspace = Workspace(Path(sys.argv[1]))
for number in range(100_000):
    picture = workspace.keep_file(str(number % 7).encode() * 2000, "x.png")
    workspace.put("ad", f"a{number % 5}", {"number": number}, paths=[picture])
    if number % 3 == 0:
        workspace.delete("ad", f"a{(number + 2) % 5}")
    print(number, flush=True)
"""


def test_a_killed_writer_leaves_whole_records_and_their_files(tmp_path: Path) -> None:
    for _ in range(3):
        with subprocess.Popen([sys.executable, "-c", _WRITER, str(tmp_path / "w")], stdout=subprocess.PIPE) as writer:
            assert writer.stdout is not None
            for _ in range(20):
                assert writer.stdout.readline()
            time.sleep(0.05)
            os.kill(writer.pid, signal.SIGKILL)
        workspace = Workspace(tmp_path / "w")
        found = workspace.find_all("ad")
        assert found
        assert all(path.stat().st_size == 2000 for one in found for path in one.paths)
        workspace.close()


def test_purge_knows_a_workspace(workspace: Workspace) -> None:
    for name, consent_id in (("a1", "anna"), ("a2", ""), ("a3", "")):
        picture = workspace.keep_file(name.encode(), "x.png")
        workspace.put("ad", name, {"file_name": f"{name}.png"}, consent_id=consent_id, paths=[picture])
    assert purge(workspace.folder, consent_id="anna", keep_cache=True).num_rows == 1
    assert purge(workspace.folder, creative="a2.png", keep_cache=True).num_rows == 1
    assert [one.name for one in workspace.find_all("ad")] == ["a3"]
    purge(workspace.folder, keep_cache=True)
    assert (workspace.find_all("ad"), list_files(workspace)) == ([], set())
