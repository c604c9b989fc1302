"""The interpreter's notes stay out of the terminal; what others say at the same time does not."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

pytest.importorskip("ai_edge_litert")

from stylegan.faces.analysis import FaceNetworks
from stylegan.runtime.tflite import TfliteModel, native_notes_left_out


def test_threads_do_not_meet_in_an_interpreter() -> None:
    model = TfliteModel(FaceNetworks.installed().mesh)
    pictures = np.random.default_rng(0).random((24, model.size, model.size, 3), np.float32)
    alone = [model.compute(picture_f32) for picture_f32 in pictures]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(model.compute, pictures))
    for first, second in zip(alone, together, strict=True):
        assert all(map(np.array_equal, first, second))
    assert not np.array_equal(alone[0][0], alone[1][0])


def test_notes_are_left_out_and_everything_else_follows(capfd: pytest.CaptureFixture[str]) -> None:
    with native_notes_left_out():
        os.write(2, b"INFO: Created something.\nWARNING: look here\nINFO: again\nno end of line")
    os.write(2, b", and on\n")
    assert capfd.readouterr().err == "WARNING: look here\nno end of line, and on\n"


def test_stderr_is_back_after_an_error(capfd: pytest.CaptureFixture[str]) -> None:
    def fail() -> None:
        with native_notes_left_out():
            os.write(2, b"ERROR: said before\n")
            raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        fail()
    os.write(2, b"after\n")
    assert capfd.readouterr().err == "ERROR: said before\nafter\n"


def test_loading_the_face_networks_says_nothing() -> None:
    code = "from stylegan import FaceAnalyzer; import numpy as np; FaceAnalyzer().analyze(np.zeros((64, 64, 3), np.uint8))"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (ran.stdout, ran.stderr) == ("", "")
