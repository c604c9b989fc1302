"""Settings: who writes, a brand kit with its fonts, and the list of consent records."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import pytest

from adcreative.copywriter.brand_kit import read_brand_kit
from adcreative.errors import ConfigError
from adcreative.pipeline import WriteSettings
from adcreative.provenance.consent import ConsentRecord
from apps.studio.handlers.brand import Brands, KitForm
from apps.studio.handlers.consents import Consents, name_record
from apps.studio.handlers.language import NO_SERVERS, Languages
from apps.studio.handlers.one_ad import Handlers
from apps.studio.handlers.words import Words
from apps.studio.html import steps as step_fragments
from apps.studio.sessions.search_requests import SearchRequest
from tests.apps.fakes import FakeStudio

KEY = "sk-secret-12345678"


@pytest.fixture
def studio() -> FakeStudio:
    return FakeStudio(round_s=0.0)


@pytest.fixture
def handlers(studio: FakeStudio, tmp_path: Path) -> Handlers:
    return Handlers(studio=studio, result_dir=tmp_path / "results")


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("apps.studio.handlers.language.check_language_model", lambda spec, key="": "qwen3")


def test_a_server_writes_for_its_owner_alone_and_its_key_is_shown_nowhere(
    handlers: Handlers, studio: FakeStudio, answers: None
) -> None:
    shown, record = Languages(handlers=handlers).save("me", "server", "", "http://localhost:1/v1", "qwen3", KEY)
    assert "“qwen3” writes from now on" in shown
    assert Languages(handlers=handlers).say("me") == shown  # a page that is opened anew says so again
    assert Languages(handlers=handlers).say("you") == ""
    list(handlers.improve("me", {"headline": "Beds"}, SearchRequest(effort="quick")))
    assert (studio.asked[-1]["copywriter"], studio.asked[-1]["llm_key"]) == ("http://localhost:1/v1#qwen3", KEY)
    list(Words(handlers=handlers).write("me", "headline", 0))
    assert (studio.asked[-1]["copywriter"], studio.asked[-1]["llm_key"]) == ("http://localhost:1/v1#qwen3", KEY)
    list(handlers.improve("you", {"headline": "Beds"}, SearchRequest(effort="quick")))
    assert (studio.asked[-1]["copywriter"], studio.asked[-1]["llm_key"]) == ("template", "")
    assert KEY not in shown + str(record) + repr(handlers.choices.writers)
    assert not [path for path in handlers.result_dir.rglob("*") if path.is_file() and KEY.encode() in path.read_bytes()]
    handlers.forget("me")
    assert handlers.choices.with_writer("me", WriteSettings()) == WriteSettings()
    assert KEY not in repr(WriteSettings(llm_key=KEY))


def test_the_embedded_model_writes_again_when_it_is_chosen(handlers: Handlers, answers: None) -> None:
    languages = Languages(handlers=handlers)
    languages.save("me", "server", "", "http://localhost:1/v1")
    assert "The one that comes with the app writes" in languages.save("me", "embedded")[0]
    assert not handlers.choices.writers


def test_a_file_is_one_that_lies_in_the_folder(handlers: Handlers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ADCREATIVE_CACHE", str(tmp_path))
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "small.gguf").write_bytes(b"weights")
    languages = Languages(handlers=handlers)
    assert languages.files() == ["small.gguf"]
    assert "“small.gguf” writes" in languages.save("me", "file", "small.gguf")[0]
    for name in ("../other.gguf", "/etc/passwd", ""):
        assert "Choose a file" in languages.save("me", "file", name)[1]["error"]
    (tmp_path / "models" / "small.gguf").unlink()
    assert "Choose a file" in languages.save("me", "file", "small.gguf")[1]["error"]


def test_a_page_that_anybody_reaches_asks_no_server(handlers: Handlers) -> None:
    languages = Languages(handlers=handlers, may_ask_servers=False)
    assert languages.save("me", "server", "", "http://169.254.169.254/v1")[1]["error"] == NO_SERVERS


def test_the_first_server_on_this_machine_is_filled_in_but_not_on_a_public_page(
    handlers: Handlers, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = {"qwen (Ollama)": "http://127.0.0.1:11434/v1#qwen:4b", "b (vLLM)": "http://127.0.0.1:8000/v1#b"}
    monkeypatch.setattr("apps.studio.handlers.language.find_language_servers", lambda: found)
    assert Languages(handlers=handlers).find_server() == ("http://127.0.0.1:11434/v1", "qwen:4b")
    assert Languages(handlers=handlers, may_ask_servers=False).find_server() == ("", "")
    found.clear()
    assert Languages(handlers=handlers).find_server() == ("", "")


def test_a_wrong_server_is_said_and_nothing_is_kept(handlers: Handlers) -> None:
    languages = Languages(handlers=handlers)
    assert "Say where the server is" in languages.save("me", "server", "", "localhost")[1]["error"]
    assert "unencrypted" in languages.save("me", "server", "", "http://example.com/v1", "", KEY)[1]["error"]
    assert "Choose who writes" in languages.save("me", "else")[1]["error"]
    assert not handlers.choices.writers


def test_a_kit_of_form_and_file_has_fonts_colours_and_logo(handlers: Handlers, tmp_path: Path) -> None:
    for name in ("Bold.ttf", "logo.PNG"):
        (tmp_path / name).write_bytes(b"bytes")
    file = tmp_path / "kit.json"
    file.write_text(json.dumps({"name": "Old", "tone": "calm", "metadata": {"words_to_use": ["wool"]}}))
    form = KitForm(
        name="Somnia",
        avoid="cheap",
        colours="#0B7261, #ffffff",
        keeps_look=True,
        logo=tmp_path / "logo.PNG",
        fonts=[tmp_path / "Bold.ttf"],
        file=file,
    )
    shown, manifest, path = Brands(handlers=handlers).save("me", form)
    assert path is not None
    kit = read_brand_kit(path)
    assert (kit.name, kit.tone, kit.use, kit.avoid, kit.lock_look) == ("Somnia", "calm", ("wool",), ("cheap",), True)
    assert kit.fonts == (str(path.parent / "Bold.ttf"),)
    assert manifest["colors"] == {"primary": "#0b7261", "secondary": "#ffffff"}
    assert (path.parent / manifest["logos"][0]["url"]).read_bytes() == b"bytes"
    assert "background: #0b7261" in shown
    assert str(path.parent) not in shown


@pytest.mark.parametrize("name", ["/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf", "../../secret.ttf", "Other.ttf"])
def test_an_uploaded_kit_names_no_font_file_of_this_machine(handlers: Handlers, tmp_path: Path, name: str) -> None:
    (tmp_path / "Bold.ttf").write_bytes(b"bytes")
    file = tmp_path / "kit.json"
    file.write_text(json.dumps({"name": "Somnia", "metadata": {"font_files": [name]}}))
    form = KitForm(file=file, fonts=[tmp_path / "Bold.ttf"])
    assert "Upload it under “Fonts” too" in Brands(handlers=handlers).save("me", form)[1]["error"]
    assert not handlers.choices.kits
    with pytest.raises(ConfigError, match=r"lies elsewhere|no font file"):  # as a file of "Fine tuning", too
        read_brand_kit(file)


@pytest.mark.parametrize(
    ("form", "message"),
    [
        (KitForm(name="A", colours="green"), "is no colour"),
        (KitForm(name="A", colours=",".join(["#000000"] * 6)), "a kit takes 5"),
        (KitForm(name="A", fonts=[Path("x.exe")]), "is no font file"),
        (KitForm(name="A", fonts=[Path("x.ttf")] * 9), "a kit takes 8"),
    ],
)
def test_a_wrong_kit_is_refused(handlers: Handlers, form: KitForm, message: str) -> None:
    assert message in Brands(handlers=handlers).save("me", form)[1]["error"]


def test_a_file_that_is_no_kit_is_refused(handlers: Handlers, tmp_path: Path) -> None:
    for content in ("no json", "[1]", '{"name": "A", "metadata": 3}'):
        (tmp_path / "kit.json").write_text(content)
        assert "is no brand kit" in Brands(handlers=handlers).save("me", KitForm(file=tmp_path / "kit.json"))[1]["error"]


@pytest.fixture
def consents(tmp_path: Path) -> Consents:
    return Consents(handlers=Handlers(studio=FakeStudio(), result_dir=tmp_path / "results"))


@pytest.mark.parametrize("day", ["2099-06-30", "30.6.2099", " 30. 06. 2099 "])
def test_a_consent_may_end_on_a_date_as_it_is_written(consents: Consents, day: str) -> None:
    shown, names, chosen = consents.add("me", "Ada Example", day, None, {"headline": "Coats"})
    assert chosen in names
    assert "Ada" not in shown
    path = consents.handlers.choices.consent_files["me"]
    assert json.loads(path.read_text())["consent"][0]["expires"] == "2099-06-30"
    assert "“Until when” must be a date such as 2027-06-30" in consents.add("me", "Bo", "next year", None, {})[0]


@dataclass
class StartedWithRecords(FakeStudio):
    """A studio whose operator gave a consent file, as the real one."""

    consents: tuple[ConsentRecord, ...] = (
        ConsentRecord(consent_id="c-17", person="Mia Model", edits=("smile",), expires="2999-01-01"),
        ConsentRecord(consent_id="ada-example", person="Ada Example", edits=("smile",), expires="2999-01-01"),
    )

    @property
    def consent_ids(self) -> tuple[str, ...]:
        return tuple(one.consent_id for one in self.consents)


@pytest.fixture
def lent(tmp_path: Path) -> Consents:
    return Consents(handlers=Handlers(studio=StartedWithRecords(), result_dir=tmp_path / "lent"))


def records_of(consents: Consents, owner: str) -> dict[str, str]:
    content = json.loads(consents.handlers.choices.consent_files[owner].read_text())["consent"]
    return {one["consent_id"]: one["person"] for one in content}


NAMES = ("山田太郎", "Иван Петров", "محمد علي", "राम कुमार", "Ada Example", "Jörg Example", "Jorg Example", "★", "☆", "Łukasz")


def test_records_of_people_of_any_script_have_names_of_their_own(consents: Consents) -> None:
    chosen = {person: consents.add("me", person, "2099-06-30", None, {"headline": "Coats"})[2] for person in NAMES}
    assert len(set(chosen.values())) == len(NAMES)
    assert records_of(consents, "me") == {name: person for person, name in chosen.items()}
    assert chosen["山田太郎"] == "山田太郎"
    assert chosen["Иван Петров"] == "иван-петров"
    assert (chosen["Jörg Example"], chosen["Jorg Example"]) == ("jorg-example", "jorg-example-2")
    assert {person: name_record(person) for person in ("山田太郎", "★")} == {
        person: chosen[person] for person in ("山田太郎", "★")
    }


def test_a_second_consent_of_one_person_takes_nobody_s_place(consents: Consents) -> None:
    days = ("2099-06-30", "2099-06-30", "2100-06-30")
    ids = [consents.add("me", "Ada Example", day, None, {"headline": "Coats"})[2] for day in days]
    assert ids == ["ada-example", "ada-example", "ada-example-2"]
    assert list(records_of(consents, "me")) == ["ada-example", "ada-example-2"]


def test_long_names_that_begin_alike_are_told_apart(consents: Consents) -> None:
    ids = {consents.add("me", "Ada " * 20 + name, "2099-06-30", None, {"headline": "Coats"})[2] for name in ("One", "Two")}
    assert len(ids) == 2


def test_no_visitor_replaces_a_record_that_the_app_was_started_with(lent: Consents, tmp_path: Path) -> None:
    assert lent.add("me", "Ada Example", "2099-06-30", None, {"headline": "Coats"})[2] == "ada-example-2"
    wider = {"consent_id": "ada-example", "person": "Ada Example", "edits": ["all"], "expires": "2999-01-01"}
    (tmp_path / "c.json").write_text(json.dumps({"consent": [wider]}))
    shown, _, chosen = lent.upload("me", str(tmp_path / "c.json"), {"headline": "Coats"})
    assert "“ada-example” is the name of a record that this app was started with. Give yours another consent_id" in shown
    assert chosen == ""
    assert list(records_of(lent, "me")) == ["ada-example-2"]


def test_a_file_replaces_no_other_person_s_record_and_says_what_it_renews(consents: Consents, tmp_path: Path) -> None:
    def upload(**values: str) -> tuple[str, str]:
        record = {"consent_id": "c-1", "person": "Ada Example", "edits": ["all"], "expires": "2099-01-01", **values}
        (tmp_path / "c.json").write_text(json.dumps({"consent": [record]}))
        shown, _, chosen = consents.upload("me", str(tmp_path / "c.json"), {"headline": "Coats"})
        return shown, chosen

    assert upload()[1] == "c-1"
    assert "Renewed" not in upload()[0]
    assert "Renewed, in the place of the record of that name: c-1" in upload(expires="2100-01-01")[0]
    shown, chosen = upload(person="Bob Example")
    assert ("there is already, of another person" in shown, chosen) == (True, "")
    assert records_of(consents, "me") == {"c-1": "Ada Example"}


def test_consent_records_are_listed_without_the_names_of_people() -> None:
    records = [
        ConsentRecord(consent_id="ada-1", person="Ada Example", edits=("all",), expires="2999-01-01"),
        ConsentRecord(consent_id="bert-1", person="Bert Example", edits=("smile",), expires="2001-01-01"),
    ]
    shown = step_fragments.consents(records)
    assert "ada-1" in shown
    assert "everything" in shown
    assert shown.count("ac-amber") == 1
    assert "Example" not in shown
