"""The served app under attack: files of this machine, addresses, and pictures beyond the limits."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image

from tests.apps.fakes import FakeStudio
from tests.security.test_bombs import png

gradio = pytest.importorskip("gradio")


class Watched(FakeStudio):
    """Notes which files it was asked to read."""

    def stand_one(self, creative: Any, **options: Any) -> Any:
        self.asked.append({"path": creative.image_path})
        return super().stand_one(creative, **options)


@pytest.fixture(scope="module")
def served() -> Iterator[tuple[str, Watched]]:
    from apps.studio.launch import launch
    from tests.apps.test_launch import free_port

    studio, port = Watched(), free_port()
    launch(studio, port=port, prevent_thread_lock=True)
    yield f"http://127.0.0.1:{port}", studio
    gradio.close_all()


def call(url: str, picture: Any) -> str:
    """Call /score the way a hand-written client does, and return the last event."""
    posted = httpx.post(
        f"{url}/gradio_api/call/score", json={"data": [picture, "words", "", "", "", "", "", "", None, None]}, timeout=60
    )
    if posted.status_code != 200:
        return f"error {posted.status_code}"
    with httpx.stream("GET", f"{url}/gradio_api/call/score/{posted.json()['event_id']}", timeout=60) as events:
        return events.read().decode()


FILE = {"_type": "gradio.FileData"}


@pytest.mark.parametrize("is_declared", [True, False])
@pytest.mark.parametrize("spelling", ["{}", "file://{}", "/proc/self/root{}", "x/../../../../../../../../../..{}"])
def test_no_file_of_this_machine_is_read(served: tuple[str, Watched], tmp_path: Path, spelling: str, is_declared: bool) -> None:
    url, studio = served
    Image.new("RGB", (100, 100)).save(tmp_path / "secret.png")
    payload = {"path": spelling.format(tmp_path / "secret.png")} | ({"meta": FILE} if is_declared else {})
    studio.asked.clear()
    assert "error" in call(url, payload)
    assert not studio.asked


@pytest.mark.parametrize(
    "payload",
    [
        {"path": "http://93.184.216.34/a.png", "meta": FILE},
        {"path": "http://93.184.216.34/a.png"},
        {"path": "https://example.com/a.png", "url": "https://example.com/a.png", "meta": FILE},
        {"path": "a.png", "url": "http://169.254.169.254/latest", "meta": FILE},
        "http://93.184.216.34/a.png",
    ],
)
def test_no_address_is_fetched(served: tuple[str, Watched], monkeypatch: pytest.MonkeyPatch, payload: Any) -> None:
    from gradio import processing_utils

    fetched = []

    async def fetch(url: str, *_: Any, **__: Any) -> None:
        fetched.append(url)
        raise OSError("no network in tests")

    monkeypatch.setattr(processing_utils, "async_ssrf_protected_get", fetch)
    url, studio = served
    studio.asked.clear()
    assert "error" in call(url, payload)
    assert not fetched
    assert not studio.asked


def test_an_upload_is_read_and_a_bomb_is_refused(served: tuple[str, Watched], tmp_path: Path) -> None:
    url, studio = served
    Image.new("RGB", (100, 100)).save(tmp_path / "good.png")
    for name, content, said in (
        ("good.png", (tmp_path / "good.png").read_bytes(), "ac-verdict"),
        ("bomb.png", png(60_000, 60_000), "megapixels; at most 40 are read"),
    ):
        (path,) = httpx.post(f"{url}/gradio_api/upload", files={"files": (name, content)}, timeout=60).json()
        studio.asked.clear()
        assert said in json.dumps(call(url, {"path": path, "meta": FILE}))
        assert studio.asked


def test_an_upload_cannot_name_its_own_place(served: tuple[str, Watched]) -> None:
    from apps.studio.sessions.privacy import private_dir

    url, _ = served
    for name in ("../../../evil.png", "..\\evil.png", "/etc/evil.png", "results/evil.png"):
        answer = httpx.post(f"{url}/gradio_api/upload", files={"files": (name, b"x")}, timeout=60)
        if answer.status_code == 200:
            (path,) = answer.json()
            assert Path(path).resolve().is_relative_to(private_dir().resolve())
            assert not Path(path).resolve().is_relative_to(private_dir().resolve() / "results")


MALFORMED = [
    {"path": "a\0b", "meta": FILE},
    {"path": ["x"], "meta": FILE},
    [None],
    3.5,
    True,
    "x" * 100_000,
    {"path": "", "meta": FILE},
    {"path": "/etc/passwd\n\x1b[2J", "meta": FILE},
]


def test_a_malformed_call_is_one_plain_line_of_the_log(
    served: tuple[str, Watched], caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    """Before, each of them wrote a whole traceback."""
    url, _ = served
    names = [name for name in httpx.get(f"{url}/gradio_api/info").json()["named_endpoints"] if "forget" not in name]
    num_calls = 0
    for value in MALFORMED:
        assert "error" in call(url, value)
        num_calls += 1
    for name in names:
        for data in ([], ["a\0b"] * 30):
            posted = httpx.post(f"{url}/gradio_api/call{name}", json={"data": data}, timeout=60)
            with httpx.stream("GET", f"{url}/gradio_api/call{name}/{posted.json()['event_id']}", timeout=60) as events:
                assert "event: error" in events.read().decode(), name
            num_calls += 1
    assert "Traceback" not in capfd.readouterr().err
    lines = [record.getMessage() for record in caplog.records if record.name == "apps.studio.calls"]
    assert len(lines) == num_calls
    assert all("refused: " in line and line.isascii() and line.isprintable() and len(line) < 400 for line in lines)
