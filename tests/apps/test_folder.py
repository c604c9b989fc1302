"""Many ads at once, and what strangers pack into archives."""

from __future__ import annotations

import io
import re
import stat
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from adcreative.creative import Creative
from adcreative.errors import AdCreativeError
from apps.studio.handlers.many_ads import Folders
from apps.studio.handlers.one_ad import Handlers
from apps.studio.handlers.score_warnings import NOISE, NOT_WORDS
from apps.studio.handlers.uploads import gather
from apps.studio.html.steps import FolderWarnings, folder
from tests.apps.fakes import FakeStudio

EVIL = "<script>alert(1)</script>"


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    return Folders(handlers=Handlers(studio=FakeStudio(), result_dir=tmp_path / "results"))


def pack(path: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def test_an_archive_writes_nothing_outside_and_no_link(tmp_path: Path) -> None:
    link = zipfile.ZipInfo("link.png")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    path = pack(
        tmp_path / "a.zip",
        {
            "../evil.png": b"x",
            "/abs.png": b"x",
            "C:\\win.png": b"x",
            "a\\..\\..\\b.png": b"x",
            "run.exe": b"x",
            "__MACOSX/._a.png": b"x",
            "a/b/c/d/e.png": b"x",
            "ads/good.png": b"x",
        },
    )
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(link, "/etc/passwd")
    left_out = gather([path], tmp_path / "out" / "ads")
    assert [p.relative_to(tmp_path).as_posix() for p in (tmp_path / "out").rglob("*") if p.is_file()] == [
        "out/ads/ads/good.png"
    ]
    assert left_out == {"a path that leads elsewhere": 5, "neither a picture nor a table": 1, "hidden": 1, "a link": 1}
    assert not (tmp_path / "evil.png").exists()


def test_an_archive_that_unpacks_to_too_much_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("apps.studio.handlers.uploads.MAX_BYTES", 3_000_000)
    bomb = pack(tmp_path / "bomb.zip", {f"{number}.png": b"0" * 1_000_000 for number in range(9)})
    with pytest.raises(AdCreativeError, match="larger than 2 MB"):
        gather([bomb], tmp_path / "a")
    monkeypatch.setattr("apps.studio.handlers.uploads.MAX_MEMBER_BYTES", 1000)
    assert gather([pack(tmp_path / "b.zip", {"big.png": b"0" * 2000, "ok.png": b"0"})], tmp_path / "b") == {"too large": 1}
    monkeypatch.setattr("apps.studio.handlers.uploads.MAX_FILES", 2)
    with pytest.raises(AdCreativeError, match="more than 2 files"):
        gather([pack(tmp_path / "c.zip", {f"{number}.png": b"x" for number in range(3)})], tmp_path / "c")


@pytest.mark.parametrize("content", [b"PK not a zip", b""])
def test_what_is_no_archive_is_said(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.zip"
    path.write_bytes(content)
    with pytest.raises(AdCreativeError, match="damaged or no zip"):
        gather([path], tmp_path / "out")


def test_one_table_is_read_and_two_are_asked_about(tmp_path: Path, image_path: Path) -> None:
    (tmp_path / "words.csv").write_text("file_name,headline\nx.jpg,a\n")
    (tmp_path / "more.csv").write_text("file_name,headline\nx.jpg,a\n")
    assert gather([tmp_path / "words.csv", image_path, image_path], tmp_path / "one") == {}
    assert sorted(path.name for path in (tmp_path / "one").iterdir()) == ["metadata.csv", "my ad (1)-2.jpg", "my ad (1).jpg"]
    with pytest.raises(AdCreativeError, match=r"several tables \(more.csv and words.csv\)"):
        gather([tmp_path / "words.csv", tmp_path / "more.csv"], tmp_path / "two")
    with pytest.raises(AdCreativeError, match="no picture and no table"):
        gather([], tmp_path / "none")


def test_ads_are_ranked_and_one_is_taken_on(folders: Folders, image_path: Path, tmp_path: Path) -> None:
    content = image_path.read_bytes()
    table = f"file_name,headline\n1.jpg,Coats\n2.jpg,{EVIL}\nthin.jpg,Hats\n".encode()
    path = pack(tmp_path / "a.zip", {"1.jpg": content, "2.jpg": content, "thin.jpg": content, "metadata.csv": table})
    *_, last = folders.score("me", [path])
    assert [row["ctr"] is None for row in last.record["ads"]] == [False, False, True]
    assert last.names == ("1. 2.jpg", "2. 1.jpg", "3. thin.jpg")
    assert "<script" not in last.shown
    assert "It is damaged." in last.shown
    assert last.shown.index("thin.jpg") > last.shown.index("1.jpg")
    turned = folders.arrange("me", "Weakest first", "")
    assert turned.index("thin.jpg") < turned.index("1.jpg")
    named = folders.arrange("me", "By name", "jpg")
    assert named.index(">1.jpg") < named.index(">2.jpg") < named.index(">thin.jpg")
    assert "Coats" in folders.arrange("me", None, "COAT")
    assert "Hats" not in folders.arrange("me", None, "COAT")
    assert "No ad holds “boat”" in folders.arrange("me", None, "boat")
    assert folders.take("me", "2. 1.jpg")["headline"] == "Coats"
    taken = Path(folders.take("me", "2. 1.jpg")["image_path"])
    assert taken.read_bytes() == content
    assert not taken.is_relative_to(folders.handlers.result_dir)  # results are never read as uploads
    with pytest.raises(AdCreativeError, match="Choose one of the ads"):
        folders.take("you", "2. 1.jpg")
    assert [screen.names for screen in folders.resume("me")][-1] == last.names
    assert [screen.shown for screen in folders.resume("you")] == [""]


def test_what_is_no_ad_is_ranked_last_and_held_against_none(folders: Folders, image_path: Path, tmp_path: Path) -> None:
    """Words that are read in a picture are judged as those that are typed; the picture stays without words in the form."""
    noise = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (80, 80, 3), dtype=np.uint8)).save(noise, "PNG")
    good = image_path.read_bytes()
    path = pack(tmp_path / "a.zip", {"1.jpg": good, "2.jpg": good, "3 asdf qwer.jpg": good, "4.png": noise.getvalue()})
    *_, last = folders.score("me", [path])
    assert last.names == ("1. 2.jpg", "2. 1.jpg", "3. 4.png", "4. 3 asdf qwer.jpg")
    assert last.shown.count("Not ranked") == 2
    assert last.shown.index(NOISE) < last.shown.index(NOT_WORDS)
    assert folders.take("me", "4. 3 asdf qwer.jpg")["headline"] == ""
    weaker = re.findall(r"(?:Stronger|Weaker) than", folders.arrange("me", None, ""))
    assert weaker == []  # their rates are known


def test_ads_of_unknown_level_are_counted_among_those_that_can_be_judged(image_path: Path) -> None:
    ads = [
        (Creative(image_path=image_path, file_name=str(n)), {"ctr": None, "ctr_high": None, "strength": s, "reasons": ()})
        for n, s in enumerate((1.0, 0.333, 0.0, 0.667))
    ]
    shown = folder(ads, [], {}, [], FolderWarnings(of_ads={3: (NOISE,)}, odd={3}))
    said = re.findall(r"(?:Stronger|Weaker) than [^<]*", shown)
    assert said == ["Stronger than the other 2", "Stronger than 1 of 2", "Weaker than the other 2"]
    assert "Not ranked" in shown
    assert "Stronger than 7 of 10 ads made up for comparison" in folder(
        [(ads[0][0], {**ads[0][1], "strength": 0.7})], [], {}, [], FolderWarnings()
    )
    many = [(ads[0][0], {**ads[0][1], "strength": (9 - n) / 10}) for n in range(9)]
    shown = folder(many, [], {}, [], FolderWarnings())
    assert re.findall(r"(?:Top third|Middle|Bottom third) of these 9", shown) == [
        *["Top third of these 9"] * 3,
        *["Middle of these 9"] * 3,
        *["Bottom third of these 9"] * 3,
    ]
    assert "The only one that can be ranked" in folder(ads[2:], [], {}, [], FolderWarnings(odd={1}))


def test_why_an_ad_was_not_scored_names_it_once(image_path: Path) -> None:
    faults = [
        {"file_name": "broken.jpg", "ad_name": "", "problem": 'row 2: "broken.jpg" is damaged.', "remedy": "Export it again."},
        {"file_name": "b.jpg", "ad_name": "", "problem": f"row 3: {EVIL}", "remedy": ""},
        {"file_name": "", "ad_name": "", "problem": "row 4: no picture", "remedy": ""},
    ]
    shown = folder([], faults, {}, [], FolderWarnings())
    told = [line.strip() for line in re.findall(r'ac-bad">(.*?)</li>', shown)]
    assert told == [
        "&#34;broken.jpg&#34; is damaged. Export it again.",
        "b.jpg: &lt;script&gt;alert(1)&lt;/script&gt;",
        "Row 4: no picture",
    ]


def test_scoring_stops_when_asked_and_says_what_is_wrong(folders: Folders, image_path: Path) -> None:
    folders.handlers.studio.round_s = 0.2  # type: ignore[attr-defined]
    screens = folders.score("me", [image_path] * 20)
    next(screens)
    assert "being scored already" in next(folders.score("me", [image_path])).shown
    assert "Stopping" in folders.cancel("me")
    *_, last = screens
    assert last.record == {"status": "stopped"}
    assert "no picture" in next(folders.score("me", None)).shown


def test_a_table_that_can_be_read_two_ways_is_read_as_is_said(folders: Folders, image_path: Path, tmp_path: Path) -> None:
    table = b"file_name,impressions,clicks,date_start,spend\n1.jpg,1000,10,03/04/2026,1.500\n"
    path = pack(tmp_path / "a.zip", {"1.jpg": image_path.read_bytes(), "metadata.csv": table})
    *_, refused = folders.score("me", [path])
    assert "its days can be read two ways" in refused.shown
    *_, refused = folders.score("me", [path], {"dates": "dmy", "rates": "", "decimals": None})
    assert "--decimals point or --decimals comma" in refused.record["error"]
    *_, last = folders.score("me", [path], {"dates": "dmy", "rates": "percent", "decimals": "comma"})
    assert last.names == ("1. 1.jpg",)
