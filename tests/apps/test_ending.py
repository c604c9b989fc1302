"""The program ends as it was told while a model computes: no abort of C++, nothing left on the disk."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from adcreative.errors import AdCreativeError
from apps.studio.sessions.ending import Worker, end_work
from apps.studio.sessions.jobs import Job
from apps.studio.sessions.model_queue import ModelQueue

ROOT = Path(__file__).parents[2]
# a thread that is inside this layer when the interpreter is torn down aborts the process, each time
SERVE = """
import sys, threading, time
import torch
from apps.studio.sessions.ending import Worker, ending_tidily
from apps.studio.sessions.jobs import Job
from apps.studio.sessions.privacy import end_tidily, private_dir
from apps.studio.sessions.model_queue import ModelQueue

torch.set_num_threads(1)
layer, queue, is_computing = torch.nn.TransformerEncoderLayer(64, 4, batch_first=True).eval(), ModelQueue(), threading.Event()

def compute(should_stop=lambda: False):
    with torch.inference_mode():
        while not should_stop():
            layer(torch.zeros(4, 16, 64))
            is_computing.set()

def ask():
    with queue.quick():
        compute()

begin = {
    "search": lambda: Job(work=lambda report, should_stop: compute(should_stop)).start(),
    "question": lambda: threading.Thread(target=ask, daemon=True).start(),
    "loading": lambda: Worker(compute, name="load-models").start(),
}
(private_dir() / "upload.png").write_bytes(b"a face")
end_tidily()
with ending_tidily(queue, wait_s=0.5):
    begin[sys.argv[1]]()
    is_computing.wait()
    print("ready", flush=True)
    time.sleep(60)
"""


@pytest.mark.parametrize(("what", "signum"), [("search", "SIGINT"), ("question", "SIGTERM"), ("loading", "SIGINT")])
def test_the_program_ends_quietly_while_a_model_computes(tmp_path: Path, what: str, signum: str) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", SERVE, what],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={**os.environ, "GRADIO_TEMP_DIR": str(tmp_path)},
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),  # also where tests run in the background
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    number = signal.Signals[signum]
    process.send_signal(number)
    _, errors = process.communicate(timeout=30)
    assert (process.returncode, errors) == (128 + number, "")
    assert not list(tmp_path.rglob("upload.png"))


def test_work_that_stops_is_waited_for_and_other_work_is_told_of() -> None:
    job = Job(work=lambda report, should_stop: _wait_until(should_stop)).start()
    assert end_work(ModelQueue(), wait_s=10)
    assert job.is_finished
    goes_on = threading.Event()
    Worker(goes_on.wait, name="cannot be stopped").start()
    begun_s = time.monotonic()
    assert not end_work(ModelQueue(), wait_s=10)
    assert time.monotonic() - begun_s < 5  # nobody waits for it
    goes_on.set()


def test_a_closed_seat_is_given_to_nobody_and_tells_whether_the_model_is_free() -> None:
    queue, said = ModelQueue(), list[str]()

    def wait() -> None:
        try:
            with queue.quick():
                said.append("had it")
        except AdCreativeError as error:
            said.append(str(error))

    with queue.quick():
        waiting = threading.Thread(target=wait)
        waiting.start()
        while not queue.is_waited_for:
            time.sleep(0.01)
        assert not queue.close(wait_s=0.1)
        waiting.join(timeout=10)
    assert len(said) == 1
    assert "is being stopped" in said[0]
    assert queue.close(wait_s=0.1)
    with pytest.raises(AdCreativeError, match="Start it again"):
        queue.join()
    other = ModelQueue()
    with other.beside():
        assert not other.close(wait_s=0.1)
    assert other.close(wait_s=0.1)
    with pytest.raises(AdCreativeError, match="is being stopped"), other.beside():
        pass


def _wait_until(should_stop: object) -> None:
    while not should_stop():  # type: ignore[operator]
        time.sleep(0.01)
