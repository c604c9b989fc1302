"""Foreign names and pages of other sites get no answer; the app's own page, and clients without a browser, do."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from apps.studio.calls import CheckedCalls
from apps.studio.doors import OwnPagesOnly
from apps.studio.pages.parts import NOT_UPLOADED, take_only_uploads
from tests.apps.fakes import FakeStudio

gr = pytest.importorskip("gradio")
FileData = pytest.importorskip("gradio.data_classes").FileData
SessionState = pytest.importorskip("gradio.state_holder").SessionState

HOST = "127.0.0.1:7860"
OWN = {"host": HOST, "origin": f"http://{HOST}", "sec-fetch-site": "same-origin"}
ROOT = Path(__file__).parents[2]


async def nothing(*_: object) -> None:
    raise AssertionError("not called")


@pytest.mark.parametrize(
    ("path", "leads"),
    [
        ("/ads/0123456789abcdef", "../ads?open=0123456789abcdef"),
        ("/ads/0123456789abcdef/versions", "../../ads?open=0123456789abcdef"),
        ("/tests/0123456789abcdef/", "../../tests?open=0123456789abcdef"),
        ("/ads/../secret", ""),
        ("/ads/012", ""),
    ],
)
def test_an_ad_its_versions_and_a_test_have_addresses(path: str, leads: str) -> None:
    sent: list[dict[str, Any]] = []

    async def answer(message: dict[str, Any]) -> None:
        sent.append(message)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})

    scope = {"type": "http", "path": path, "method": "GET", "headers": [(b"host", HOST.encode())]}
    asyncio.run(OwnPagesOnly(app, bound="127.0.0.1")(scope, None, answer))  # type: ignore[arg-type]
    assert sent[0]["status"] == (307 if leads else 200)
    assert dict(sent[0]["headers"]).get(b"location", b"").decode() == leads


@pytest.mark.parametrize(
    ("method", "headers", "expected"),
    [
        ("POST", OWN, None),
        ("POST", {"host": HOST}, None),  # a client without a browser
        ("GET", {"host": "localhost:7860"}, None),
        ("GET", {"host": "[::1]:7860", "sec-fetch-site": "cross-site"}, None),  # a link that leads here
        ("GET", {"host": "evil.example:7860"}, 421),
        ("GET", {"host": "127.0.0.1.evil.example"}, 421),
        ("GET", {"host": "192.168.0.7"}, 421),
        ("GET", {"host": "evil@127.0.0.1"}, 421),
        ("GET", {"host": "[::1"}, 421),
        ("GET", {}, 421),
        ("POST", OWN | {"origin": "https://evil.example"}, 403),
        ("GET", {"host": HOST, "origin": "https://evil.example"}, 403),
        ("POST", OWN | {"origin": "null"}, 403),
        ("POST", OWN | {"origin": f"file://{HOST}"}, 403),
        ("POST", OWN | {"origin": "http://127.0.0.1:9999"}, 403),  # another program's page on this machine
        ("POST", {"host": HOST, "sec-fetch-site": "cross-site"}, 403),
        ("POST", {"host": HOST, "sec-fetch-site": "same-site"}, 403),
    ],
)
def test_who_is_answered_on_this_machine(method: str, headers: dict[str, str], expected: int | None) -> None:
    refusal = OwnPagesOnly(nothing, bound="127.0.0.1").refusal(method, headers)
    assert (refusal[0] if refusal else None) == expected


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"host": "192.168.0.7:7860"}, None),
        ({"host": "studio.example"}, None),
        ({"host": "10.0.0.1", "origin": "https://studio.example"}, None),  # through a proxy that names the address
        ({"host": "evil.example"}, 421),
        ({"host": "192.168.0.7:7860", "origin": "http://evil.example"}, 403),
    ],
)
def test_who_is_answered_when_open_to_the_network(headers: dict[str, str], expected: int | None) -> None:
    refusal = OwnPagesOnly(nothing, bound="0.0.0.0", names=["Studio.example"]).refusal("POST", headers)
    assert (refusal[0] if refusal else None) == expected


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    from apps.studio.launch import launch
    from tests.apps.test_launch import free_port

    port = free_port()
    launch(FakeStudio(), port=port, prevent_thread_lock=True)
    yield f"http://127.0.0.1:{port}"
    gr.close_all()


def test_the_served_app_refuses_foreign_names_and_cross_site_uploads(url: str) -> None:
    assert httpx.get(url, timeout=60).status_code == 200
    refused = httpx.get(f"{url}/config", headers={"Host": "evil.example"}, timeout=60)
    assert (refused.status_code, "--allowed-host" in refused.text) == (421, True)
    files = {"files": ("a.png", b"x")}
    for headers in ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}, {"Origin": "null"}):
        assert httpx.post(f"{url}/gradio_api/upload", files=files, headers=headers, timeout=60).status_code == 403
        body = {"data": ["a"] * 8}
        assert httpx.post(f"{url}/gradio_api/call/score", json=body, headers=headers, timeout=60).status_code == 403
    assert httpx.post(f"{url}/gradio_api/upload", files=files, headers={"Origin": url}, timeout=60).status_code == 200


SERVE = """
import time
from apps.studio.sessions.privacy import end_tidily, private_dir
(private_dir() / "upload.png").write_bytes(b"a face")
end_tidily()
print("ready", flush=True)
time.sleep(60)
"""


def _serve(folder: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", SERVE],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={**os.environ, "GRADIO_TEMP_DIR": str(folder)},
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def test_the_served_app_ends_tidily(url: str) -> None:
    for signum in (signal.SIGTERM, signal.SIGHUP):
        ends = signal.getsignal(signum)
        try:
            with pytest.raises(SystemExit):
                ends(signum, None)  # type: ignore[operator, misc]
        finally:
            signal.signal(signum, signal.SIG_DFL)


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="signals of POSIX")
def test_uploads_go_with_the_process_however_it_ends(tmp_path: Path) -> None:
    """A signal is enough; what a killed process leaves, the next one removes, and only that."""
    kept = _serve(tmp_path)
    for signum in (signal.SIGTERM, signal.SIGHUP, signal.SIGKILL):
        process = _serve(tmp_path)
        assert len(list(tmp_path.rglob("upload.png"))) == 2
        process.send_signal(signum)
        process.communicate(timeout=30)
    assert len(list(tmp_path.rglob("upload.png"))) == 2  # one of the running process, one of the killed one
    process = _serve(tmp_path)
    assert len(list(tmp_path.rglob("upload.png"))) == 2
    for one in (process, kept):
        one.send_signal(signal.SIGTERM)
        one.communicate(timeout=30)
    deadline_s = time.monotonic() + 5
    while list(tmp_path.rglob("upload.png")) and time.monotonic() < deadline_s:
        time.sleep(0.05)
    assert not list(tmp_path.rglob("upload.png"))


def test_a_picture_s_field_that_was_updated_still_takes_uploads_alone(tmp_path: Path) -> None:
    """Gradio puts another component in its place, in the session of whoever saw the update."""
    (tmp_path / "mine.png").write_bytes(b"not of an upload")
    with CheckedCalls() as page:
        image = gr.Image(type="filepath")
        take_only_uploads(image)
        gr.Button().click(lambda given: given, image, None)
    session = SessionState(page)
    session[image._id] = gr.Image(type="filepath", label="updated", render=False)
    handed = session[image._id].preprocess

    async def call() -> Any:
        return await page.preprocess_data(next(iter(page.fns.values())), [None], session, False)

    assert asyncio.run(call()) == [None]
    reader = session[image._id].preprocess
    assert reader is not handed
    with pytest.raises(gr.Error, match=NOT_UPLOADED):
        reader(FileData(path=str(tmp_path / "mine.png")))
