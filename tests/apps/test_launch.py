"""The served app: its API contract, what it refuses to serve, and the settings it is served with."""

from __future__ import annotations

import os
import shutil
import socket
import threading
import time
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image

from adcreative.catalog.images import read_image
from adcreative.errors import AdCreativeError, ArtifactError
from tests.apps.fakes import FakeStudio
from tests.docs.source_recipes import blocks

gradio = pytest.importorskip("gradio")
gradio_client = pytest.importorskip("gradio_client")

from adcreative.pipeline import run_here  # noqa: E402
from adcreative.report.rendering import build_environment  # noqa: E402
from apps.studio.app import build_app  # noqa: E402
from apps.studio.html.plain import TEMPLATE_DIR  # noqa: E402
from apps.studio.launch import EXPOSED, is_loopback, launch, load_behind  # noqa: E402
from apps.studio.sessions.privacy import private_dir, safe_settings  # noqa: E402


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Served:
    def __init__(self, studio: FakeStudio, **options: Any) -> None:
        self.studio, self.port = studio, free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        launch(studio, port=self.port, prevent_thread_lock=True, aside=run_here, **options)


@pytest.fixture(autouse=True)
def loaded_before(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is loaded behind a page: a process that loads when its app ends is ended at once, and it would be this one."""
    monkeypatch.setattr("apps.studio.launch.load_behind", lambda studio: None)


@pytest.fixture
def client(served: Served) -> Any:
    served.studio.round_s = 0.01
    return gradio_client.Client(served.url, verbose=False, httpx_kwargs={"timeout": 60})


def test_models_are_loaded_behind_the_page_and_a_damaged_one_is_said_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    begun = threading.Event()

    class Damaged(FakeStudio):
        def load(self) -> None:
            begun.set()
            raise ArtifactError("weights/judge is damaged")

    load_behind(Damaged())
    assert begun.wait(timeout=10)
    for thread in threading.enumerate():
        if thread.name == "load-models":
            thread.join(timeout=10)
    assert "the models cannot be loaded: weights/judge is damaged" in caplog.text


def test_the_templates_of_the_page_and_of_its_reports_are_compiled_behind_it() -> None:
    build_environment.cache_clear()

    class Loads:
        def load(self) -> None: ...

    load_behind(Loads())
    for thread in threading.enumerate():
        if thread.name == "load-models":
            thread.join(timeout=30)
    assert "steps.html.j2" in {name for _, name in build_environment(TEMPLATE_DIR).cache}
    assert "explanation.html.j2" in {name for _, name in build_environment().cache}


def test_what_the_page_tells_again_acts_once() -> None:
    """Gradio's page tells an event again that came while its `always_last` function ran, to all that listen to it."""
    listening: dict[tuple[int, str], set[str]] = {}
    for wired in build_app(FakeStudio()).config["dependencies"]:
        for component, event in wired["targets"]:
            if component is not None:  # what follows another event is told again alone
                listening.setdefault((component, event), set()).add(wired["trigger_mode"])
    told_again = [modes for modes in listening.values() if "always_last" in modes]
    assert told_again
    assert all(modes == {"always_last"} for modes in told_again)


def test_the_page_asks_for_a_score_without_the_queue() -> None:
    """Each question of the queue is answered twice, which takes longer than a second score does."""
    config = build_app(FakeStudio()).config
    (score,) = (one["id"] for one in config["components"] if one["props"].get("elem_id") == "score")
    asking = [one for one in config["dependencies"] if score in one["outputs"] and one["api_name"] != "score"]
    assert len(asking) == 4  # a change of the form, a press of “Score it” and of “Why?”, and the score
    assert not any(one["queue"] for one in asking)


def test_endpoints_and_their_parameters_are_a_contract(client: Any) -> None:
    endpoints = client.view_api(return_format="dict", print_info=False)["named_endpoints"]
    names = {name: [parameter["parameter_name"] for parameter in spec["parameters"]] for name, spec in endpoints.items()}
    assert [name for name, spec in endpoints.items() if not spec["description"]] == []
    told = {
        one["parameter_name"]: one["python_type"]["description"] for spec in endpoints.values() for one in spec["parameters"]
    }
    assert [name for name, text in told.items() if len(text) < 10] == []
    form = ["image_path", "headline", "primary_text", "description", "cta", "brand", "category", "placement"]
    assert names == {
        "/make_ads": ["photo_paths", "logo_path", "brand", "facts", "colours", "shapes", "roles", "visitor"],
        "/resume_ads": ["visitor"],
        "/cancel_ads": ["visitor"],
        "/open_ad": ["name", "visitor"],
        "/sample_brief": ["name", "visitor"],
        "/change_ad": ["name", "visitor", "headline", "subline", "offer", "button"],
        "/set_ad": ["name", "visitor", "field", "value"],
        "/undo_ad": ["name", "visitor"],
        "/pack_ads": ["visitor"],
        "/demo": ["name", "visitor"],
        "/score": [*form, "usual_rate_percent", "visitor"],
        "/placements": [*form, "visitor"],
        "/add_consent": ["person", "expires", "edits", *form, "visitor"],
        "/read_consents": ["consents_path", *form, "visitor"],
        "/explain": [*form, "visitor"],
        "/improve": [
            *form,
            "effort",
            "faces",
            "directions",
            "copywriter",
            "seed",
            "consent_id",
            "face_names",
            "boldness",
            "brief",
            "avoid",
            "brand_kit_path",
            "changes",
            "usual_rate_percent",
            "visitor",
        ],
        "/read_words": [*form, "visitor"],
        "/save_brand": [
            "name",
            "tone",
            "use",
            "avoid",
            "disclaimer",
            "font_paths",
            "keeps_look",
            "colours",
            "logo_path",
            "kit_path",
            "visitor",
        ],
        "/choose_brand": ["brand", "visitor"],
        "/save_writer": ["writer", "file", "address", "model", "key", "visitor"],
        "/lay_out_sizes": ["ratios", "visitor"],
        "/lay_out_kept": ["ratios", "visitor"],
        "/ask_account": [
            "question",
            "labels_path",
            "results_path",
            "visitor",
            "ad_name_column",
            "impressions_column",
            "clicks_column",
            "day_column",
            "dates",
            "rates",
            "decimals",
        ],
        "/cancel_question": ["visitor"],
        "/resume_question": ["visitor"],
        "/cancel": ["visitor"],
        "/resume": ["visitor"],
        "/choose": ["choice", "visitor"],
        "/forget": ["visitor"],
        "/check_words": ["headline", "description", "visitor"],
        "/write_words": ["kind", "visitor"],
        "/use_words": ["headline", "description", "own_picture_path", "visitor"],
        "/plan_test": ["campaign", "daily_impressions", "own_ctr_percent", "visitor"],
        "/disclosures": ["markets", "visitor"],
        "/approve": ["name", "markets", "is_read", "shown", "visitor"],
        "/pack": ["campaign", "platform", "url", "lines", "visitor"],
        "/score_folder": ["upload_paths", "visitor", "dates", "rates", "decimals"],
        "/resume_folder": ["visitor"],
        "/cancel_folder": ["visitor"],
        "/arrange_ads": ["order", "query", "visitor"],
        "/take_ad": ["name", "visitor"],
        "/take_winner": ["package_path", "visitor", "place", "row"],
        "/plan_next": ["package_paths", "campaign", "daily_impressions", "own_ctr_percent", "approved", "visitor"],
        "/columns": ["results_path", "visitor"],
        "/train_account": [
            "results_path",
            "picture_paths",
            "visitor",
            "ad_name_column",
            "impressions_column",
            "clicks_column",
            "day_column",
            "dates",
            "rates",
            "decimals",
        ],
        "/resume_training": ["visitor"],
        "/cancel_training": ["visitor"],
        "/forget_training": ["visitor"],
        "/resume_account": ["visitor"],
        "/cancel_account": ["visitor"],
        "/account": [
            "results_path",
            "package_path",
            "visitor",
            "ad_name_column",
            "impressions_column",
            "clicks_column",
            "day_column",
            "dates",
            "rates",
            "decimals",
            "metric",
            "picture_paths",
        ],
    }


def test_all_steps_over_the_api(client: Any, image_path: Path, tmp_path: Path) -> None:
    client.predict(
        image_path=gradio_client.handle_file(image_path),
        headline="Coats",
        effort="quick",
        faces="allowed",
        consent_id="c-17",
        face_names=["Face 2"],
        boldness=0.5,
        api_name="/improve",
    )
    chosen = client.predict("Version 2", api_name="/choose")[-1]
    assert chosen["headline_edited"] == "Words 2"
    assert client.predict(headline="Coats for all", api_name="/check_words")[1].keys() == {"headline"}
    plan = client.predict(campaign="autumn", daily_impressions=5000, api_name="/plan_test")[1]
    names = [arm["name"] for arm in plan["tests"][0]["arms"]]
    assert "Who approves" in client.predict(campaign="autumn", api_name="/pack")[2]["error"]
    assert "What you see is not" in client.predict(name="Anna", markets=["eu"], is_read=True, api_name="/approve")[1]["error"]
    shown = chosen["shown"]
    assert "Where will it run?" in client.predict(name="Anna", shown=shown, api_name="/approve")[1]["error"]
    assert client.predict(markets=["eu"], api_name="/disclosures")[1]["disclosures"]
    assert "Tick" in client.predict(name="Anna", markets=["eu"], shown=shown, api_name="/approve")[1]["error"]
    approval = client.predict(name="Anna", markets=["eu"], is_read=True, shown=shown, api_name="/approve")[1]
    assert (approval["by"], approval["markets"]) == ("Anna", ["eu"])
    shown, files, record = client.predict(campaign="autumn", api_name="/pack")
    assert "files are ready" in shown
    assert [Path(file).name for file in files] == record["files"]
    results = tmp_path / "results.csv"
    results.write_text("ad_name,impressions,clicks\n" + "".join(f"{name},5000,90\n" for name in names))
    account = client.predict(
        results_path=gradio_client.handle_file(results), package_path=gradio_client.handle_file(files[0]), api_name="/account"
    )[1]
    assert {ad["name"]: ad["ctr_predicted"] for ad in account["ads"]} == dict(zip(names, (0.0152, 0.0173), strict=True))


@pytest.mark.parametrize("is_declared", [True, False])
def test_account_reads_uploads_only(served: Served, tmp_path: Path, is_declared: bool) -> None:
    path = tmp_path / "results.csv"
    results = private_dir() / "results" / "somebody" / "results.csv"  # what another visitor made
    results.parent.mkdir(parents=True, exist_ok=True)
    for secret in (path, results):
        secret.write_text("ad_name,impressions,clicks\nsecret,5000,90\n")
    for named in (str(path), str(results), f"file://{path}", "http://127.0.0.1:22/x"):
        payload = {"path": named, **({"meta": {"_type": "gradio.FileData"}} if is_declared else {})}
        posted = httpx.post(
            f"{served.url}/gradio_api/call/account",
            json={"data": [payload, None, None, "", "", "", "", "ctr", None]},
            timeout=60,
        )
        if posted.status_code == 200:
            event = posted.json()["event_id"]
            with httpx.stream("GET", f"{served.url}/gradio_api/call/account/{event}", timeout=60) as events:
                said = events.read().decode()
            assert "event: error" in said
            assert "secret" not in said


def test_demo_ad_fills_the_form(client: Any) -> None:
    image, *words = client.predict(api_name="/demo")
    with Image.open(image if isinstance(image, str) else image["path"]) as opened:
        assert opened.size == (600, 600)
    assert words == [
        "Slow mornings, properly made",
        "",
        "Rated 4.8 of 5 by 2,310 buyers",
        "Order a bag",
        "Morrow Coffee",
        "",
        "",
    ]


def test_score_over_the_api(client: Any, image_path: Path) -> None:
    shown, record = client.predict(image_path=gradio_client.handle_file(image_path), headline="Coats", api_name="/score")
    assert "Can’t be told from a usual ad" in shown
    assert record["change"] == 0.1


def test_the_script_in_the_docs_scores_and_makes_ads(
    served: Served, image_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (script,) = (text for language, text in blocks("how-to-make-in-the-app.md") if language == "python")
    shutil.copy(image_path, image_path.with_name("ad.jpg"))
    monkeypatch.chdir(image_path.parent)
    exec(compile(script.replace("http://127.0.0.1:7860", served.url), "how-to", "exec"), {})
    said = capsys.readouterr().out
    assert "against a usual ad" in said
    assert said.count("Slow mornings, properly made") >= 1


def test_improve_over_the_api_hands_out_every_pixel(client: Any, image_path: Path) -> None:
    progress, pair, shown, download, record = client.predict(
        image_path=gradio_client.handle_file(image_path),
        headline="Coats",
        effort="quick",
        faces="synthetic",
        api_name="/improve",
    )
    assert not progress
    assert len(pair) == 2
    assert "A version worth testing" in shown
    assert record["headline_edited"] == "Coats today"
    expected = read_image(image_path)
    expected[40:90, 60:120] //= 2
    np.testing.assert_array_equal(np.asarray(Image.open(download)), expected)


def test_cancel_over_the_api(served: Served, client: Any) -> None:
    served.studio.round_s, served.studio.rounds_done = 0.2, 0
    job = client.submit(headline="Coats", effort="thorough", api_name="/improve")
    for _ in range(400):
        if served.studio.rounds_done:  # a search that has found nothing yet has nothing to keep
            break
        time.sleep(0.05)
    assert "Stop" in client.predict(api_name="/cancel")
    assert job.result(timeout=60)[-1]["status"] == "edited"  # the best that was found until then


def test_refused_picture_over_the_api(client: Any, tmp_path: Path) -> None:
    path = tmp_path / "not.png"
    path.write_text("hello")
    shown, record = client.predict(image_path=gradio_client.handle_file(path), headline="", api_name="/score")
    assert "That did not work yet" in shown
    assert record["error"]


def test_too_large_upload_is_refused(served: Served) -> None:
    for megabytes, status in ((31, 413), (1, 200)):
        files = {"files": ("a.png", b"\0" * (megabytes * 1024 * 1024))}
        assert httpx.post(f"{served.url}/gradio_api/upload", files=files, timeout=60).status_code == status


def test_picture_may_be_left_out_over_the_api(client: Any) -> None:
    assert client.predict(headline="Coats", api_name="/score")[1]["ctr"] == 0.0152


@pytest.mark.parametrize("path", ["/etc/passwd", __file__, "%2fetc%2fpasswd", "http://127.0.0.1:22"])
def test_no_other_file_is_served(served: Served, path: str) -> None:
    assert httpx.get(f"{served.url}/gradio_api/file={path}", timeout=60).status_code in (403, 404)


def test_served_with_the_safe_settings(served: Served) -> None:
    config = httpx.get(f"{served.url}/config", timeout=60).json()
    assert "runs" not in config.get("footer_links", [])
    assert config["analytics_enabled"] is False
    assert safe_settings()["run_history"] is False
    assert safe_settings()["allowed_paths"] == []
    page = httpx.get(served.url, timeout=60).text
    assert "fonts.googleapis" not in page
    assert "cdnjs" not in page


def test_temporary_folder_is_private(served: Served) -> None:
    assert os.environ["GRADIO_TEMP_DIR"] == str(private_dir())
    assert private_dir().stat().st_mode & 0o777 == 0o700


def test_a_public_link_cannot_be_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: dict[str, Any] = {}
    monkeypatch.setattr(gradio.Blocks, "launch", lambda self, *args, **options: seen.update(options))
    build_app(FakeStudio()).launch(share=True, run_history=False)
    assert seen["share"] is False
    assert seen["ssr_mode"] is False


def test_model_has_one_seat_and_the_queue_an_end() -> None:
    page = build_app(FakeStudio())
    seats = {
        fn.api_name: (fn.concurrency_id, fn.concurrency_limit)
        for fn in page.fns.values()
        if fn.api_name in ("score", "improve")
    }
    assert seats == {"score": ("model", 1), "improve": ("watch", 128)}  # a search waits for the queue of the model itself
    assert page._queue.max_size == 64


def test_open_to_the_network_without_password_is_shouted(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.setattr(gradio.Blocks, "launch", lambda self, *args, **options: self)
    page: Any = launch(FakeStudio(), host="0.0.0.0")
    assert "WARNING" in capsys.readouterr().err
    assert any(EXPOSED[:40] in str(getattr(block, "value", "")) for block in page.blocks.values())
    launch(FakeStudio(), host="0.0.0.0", auth=("anna", "secret"))
    launch(FakeStudio(), host="127.0.0.1")
    assert "WARNING" not in capsys.readouterr().err


def test_a_page_that_answers_slowly_is_served_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    def take_longer(*_: Any, **__: Any) -> httpx.Response:
        raise httpx.ReadTimeout("3 s are over")

    monkeypatch.setattr(httpx, "head", take_longer)
    served = Served(FakeStudio())
    assert httpx.get(served.url, timeout=60).status_code == 200
    gradio.close_all()


def test_what_is_at_work_when_the_app_ends_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gradio.Blocks, "launch", lambda self, *args, **options: self)
    page: Any = launch(FakeStudio())
    with pytest.raises(AdCreativeError, match="is being stopped"):
        page.model_queue.join()
    page = launch(FakeStudio(), prevent_thread_lock=True)
    assert page.model_queue.join()


@pytest.mark.parametrize(
    ("host", "expected"),
    [("127.0.0.1", True), ("::1", True), ("localhost", True), ("0.0.0.0", False), ("192.168.0.2", False), ("box", False)],
)
def test_loopback_is_recognised(host: str, expected: bool) -> None:
    assert is_loopback(host) is expected


def test_password_guards_page_and_api() -> None:
    served = Served(FakeStudio(), auth=("anna", "secret"))
    assert httpx.get(f"{served.url}/config", timeout=60).status_code == 401
    assert httpx.get(f"{served.url}/gradio_api/info", timeout=60).status_code == 401
