from __future__ import annotations

import json
import re
from datetime import date
from pathlib import Path

import pytest

from adcreative.creative import SYNTHETIC_PERSON, Creative
from adcreative.errors import ConfigError
from adcreative.provenance.consent import ConsentBook, read_consents
from adcreative.provenance.errors import ProvenanceError

TODAY = date(2026, 11, 24)
TOML = """
[[consent]]
consent_id = "c-17"
person = "Ada Example"
edits = ["smile", "warmth"]
valid_from = 2026-01-01
expires = 2027-06-30
files = ["images/ada-*.jpg"]
brands = ["acme"]

[[consent]]
consent_id = "c-18"
person = "Bob Example"
edits = ["warmth", "contrast"]
expires = 2026-11-24T12:00:00
"""


@pytest.fixture
def book(tmp_path: Path) -> ConsentBook:
    (tmp_path / "consents.toml").write_text(TOML)
    return read_consents(tmp_path / "consents.toml")


def ad(consent_id: str, **changes: str) -> Creative:
    return Creative(**{"file_name": "images/ada-1.jpg", "brand": "Acme", "consent_id": consent_id, **changes})


def test_a_record_in_force_permits_its_edits_only(book: ConsentBook) -> None:
    permission = book.permit(ad("c-17"), TODAY)
    assert permission.is_granted
    assert permission.allowed(["contrast", "smile"]) == ["smile"]


def test_several_people_permit_what_all_of_them_permit(book: ConsentBook) -> None:
    assert book.permit(ad("c-17; c-18"), TODAY).directions == ("warmth",)
    assert book.permit(ad(f"{SYNTHETIC_PERSON};c-18"), TODAY).directions == ("contrast", "warmth")
    assert not book.permit(ad("c-17; c-99"), TODAY).is_granted


def test_synthetic_persons_need_no_record() -> None:
    permission = ConsentBook().permit(ad(SYNTHETIC_PERSON), TODAY)
    assert (permission.is_granted, permission.directions) == (True, None)


@pytest.mark.parametrize(
    ("creative", "today", "sentence"),
    [
        (ad(""), TODAY, "the creative has no consent_id"),
        (ad(" ; "), TODAY, "the creative has no consent_id"),
        (ad("c-99"), TODAY, 'consent record "c-99" is not in consents.toml'),
        (ad("SYNTHETIC-PERSON"), TODAY, "is not in consents.toml"),
        (ad("c-17"), date(2025, 12, 31), "valid only from 2026-01-01, and today is 2025-12-31"),
        (ad("c-17"), date(2027, 7, 1), "expired on 2027-06-30, and today is 2027-07-01"),
        (ad("c-17", file_name="bob.jpg"), TODAY, r'covers the files images/ada-\*.jpg, not "bob.jpg" \(valid 2026-01-01 to'),
        (ad("c-17", brand="Other"), TODAY, 'covers the brands acme, not "Other"'),
        (ad("c-18"), date(2026, 11, 25), "expired on 2026-11-24"),
    ],
)
def test_a_refusal_is_one_sentence_that_names_the_record(
    book: ConsentBook, creative: Creative, today: date, sentence: str
) -> None:
    permission = book.permit(creative, today)
    assert not permission.is_granted
    assert permission.allowed(["smile"]) == []
    assert re.search(sentence, permission.refusal)
    assert "Example" not in permission.refusal  # the person stays out of logs and reports


def test_a_named_record_without_a_file_says_how_to_give_one() -> None:
    assert "--consent FILE" in ConsentBook().permit(ad("c-17"), TODAY).refusal


def test_json_says_the_same_and_the_hash_follows_the_records(book: ConsentBook, tmp_path: Path) -> None:
    record = {
        "consent_id": "c-17",
        "person": "Ada Example",
        "edits": ["smile", "warmth"],
        "valid_from": "2026-01-01",
        "expires": "2027-06-30",
        "files": ["images/ada-*.jpg"],
        "brands": ["acme"],
    }
    (tmp_path / "c.json").write_text(json.dumps({"consent": [record]}))
    other = read_consents(tmp_path / "c.json")
    assert other.records["c-17"] == book.records["c-17"]
    assert other.content_hash != book.content_hash
    assert ConsentBook().content_hash == ""


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x = 1", "must hold a list of records named consent"),
        ("[[consent]]\nperson = ", "not valid TOML"),
        ('[[consent]]\nconsent_id = "a"\nperson = "A"\nexpires = 2027-01-01\nedit = ["smile"]', 'unknown key "edit".*"edits"'),
        ('[[consent]]\nconsent_id = "a"\nperson = "A"\nexpires = "soon"\nedits = ["smile"]', 'a date such as .* got "soon"'),
        ('[[consent]]\nconsent_id = "a"\nperson = " "\nexpires = 2027-01-01\nedits = []', "person must say.*edits must name"),
        (f'[[consent]]\nconsent_id = "{SYNTHETIC_PERSON}"\nperson = "A"\nexpires = 2027-01-01\nedits = ["all"]', "reserved"),
        (
            '[[consent]]\nconsent_id = "a"\nperson = "A"\nvalid_from = 2028-01-01\nexpires = 2027-01-01\nedits = ["all"]',
            "2028-01-01 is after expires 2027-01-01",
        ),
        (2 * '[[consent]]\nconsent_id = "a"\nperson = "A"\nexpires = 2027-01-01\nedits = ["all"]\n', '"a" occurs twice'),
    ],
)
def test_a_wrong_file_is_one_message(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "c.toml").write_text(text)
    with pytest.raises(ProvenanceError, match=message):
        read_consents(tmp_path / "c.toml")


def test_files_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    with pytest.raises(ProvenanceError, match=r"gone\.toml cannot be read"):
        read_consents(tmp_path / "gone.toml")
    (tmp_path / "c.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ProvenanceError, match="not UTF-8"):
        read_consents(tmp_path / "c.toml")
    (tmp_path / "c.json").write_text("[" * 100_000)
    with pytest.raises(ProvenanceError, match="not valid JSON"):
        read_consents(tmp_path / "c.json")


def test_a_misspelt_edit_is_a_fault_of_the_file(book: ConsentBook, tmp_path: Path) -> None:
    book.check_directions(["smile"])  # warmth and contrast are no directions of a face, and exist
    path = tmp_path / "c.toml"
    path.write_text('[[consent]]\nconsent_id = "c"\nperson = "Ada"\nedits = ["smiel"]\nexpires = 2099-01-01\n')
    with pytest.raises(ConfigError, match=r'record "c" allows "smiel", which is no edit. Did you mean "smile"'):
        read_consents(path).check_directions(["smile"])


def test_the_sample_of_the_manual_starts_and_colours_are_those_of_the_editor(tmp_path: Path) -> None:
    from adcreative.editor.space.genome import ADJUSTMENTS
    from adcreative.provenance.consent import COLOUR_EDITS
    from adcreative.verbs.directions import read_direction_names

    assert COLOUR_EDITS == ADJUSTMENTS
    page = Path(__file__).parents[2] / "adcreative" / "docs" / "how-to-faces-and-consent.md"
    (sample,) = re.findall(r"```toml\n(?:# .*\n)?(\[\[consent\]\].*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    (tmp_path / "c.toml").write_text(sample, encoding="utf-8")
    book = read_consents(tmp_path / "c.toml")
    book.check_directions(read_direction_names())
    assert {edit for record in book.records.values() for edit in record.edits} <= set(read_direction_names())


@pytest.mark.parametrize(
    ("pattern", "covered", "others"),
    [
        (
            "images/ada-*.jpg",
            ["images/ada-1.jpg", "IMAGES/Ada-.JPG"],
            ["images/ada-x/bob.jpg", "ada-1.jpg", "x/images/ada-1.jpg"],
        ),
        ("ada?.jpg", ["ada1.jpg"], ["ada/.jpg", "ada.jpg"]),
        ("ada[!1]x.jpg", ["ada2x.jpg"], ["ada/x.jpg", "ada1x.jpg"]),
        ("*", ["bob.jpg"], ["ada/bob.jpg"]),
        ("ada/**", ["ada/1.jpg", "ada/x/2.jpg"], ["ada/../bob.jpg", "bob/ada/1.jpg", "ada"]),
        ("**/ada.jpg", ["ada.jpg", "x/y/ada.jpg"], ["x/not-ada.jpg"]),
        ("images\\\\ada-*.jpg", ["images/ada-1.jpg"], ["images/ada-x/bob.jpg"]),
        ("caf\u00e9/*.jpg", ["cafe\u0301/1.jpg", "CAFE\u0301/1.jpg"], ["cafe/1.jpg"]),
        ("ada[1.jpg", ["ada[1.jpg"], ["ada1.jpg"]),
    ],
)
def test_a_star_stays_in_its_folder_and_two_cross_folders(
    tmp_path: Path, pattern: str, covered: list[str], others: list[str]
) -> None:
    (tmp_path / "c.toml").write_text(
        f'[[consent]]\nconsent_id = "c"\nperson = "A"\nexpires = 2027-01-01\nedits = ["all"]\nfiles = ["{pattern}"]\n'
    )
    book = read_consents(tmp_path / "c.toml")
    for name in (*covered, *others):
        assert book.permit(ad("c", file_name=name), TODAY).is_granted == (name in covered), name


def test_a_record_is_found_however_a_system_spells_its_accents(tmp_path: Path) -> None:
    """A table from a Mac may hold an e and an accent where the record holds one letter."""
    (tmp_path / "c.toml").write_text(
        '[[consent]]\nconsent_id = "jose\u0301"\nperson = "A"\nexpires = 2027-01-01\nedits = ["all"]\n', encoding="utf-8"
    )
    book = read_consents(tmp_path / "c.toml")
    for spelled in ("jos\u00e9", "jose\u0301"):
        assert book.permit(ad(spelled), TODAY).is_granted
    assert not book.permit(ad("jose"), TODAY).is_granted
