"""Run one small tflite network on one picture; the package's only use of the interpreter."""

from __future__ import annotations

import os
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from ai_edge_litert.interpreter import Interpreter


class TfliteModel:
    """One tflite network, one thread per call; each calling thread gets its own interpreter, since interpreters have state."""

    def __init__(self, source: Path | bytes) -> None:
        """Read a network from its file, or from the content of such a file."""
        self._where = {"model_content": source} if isinstance(source, bytes) else {"model_path": str(source)}
        first = self._new_interpreter()
        details = first.get_input_details()[0]
        self._input_idx, self.size = details["index"], int(details["shape"][1])
        self._output_idx = [details["index"] for details in first.get_output_details()]
        self._idle = [first]

    def compute(self, image_f32: np.ndarray) -> list[np.ndarray]:
        """Run on one picture [size, size, 3] float32 in the network's own range; return its outputs without batch axis."""
        try:
            interpreter = self._idle.pop()  # pop and append of a list are atomic
        except IndexError:
            interpreter = self._new_interpreter()
        try:
            interpreter.set_tensor(self._input_idx, image_f32[None])
            interpreter.invoke()
            return [interpreter.get_tensor(index)[0] for index in self._output_idx]
        finally:
            self._idle.append(interpreter)

    def _new_interpreter(self) -> Interpreter:
        with native_notes_left_out():
            interpreter = Interpreter(**self._where, num_threads=1)
            interpreter.allocate_tensors()
        return interpreter


_exchange = threading.Lock()  # two simultaneous exchanges would restore each other's file


@contextmanager
def native_notes_left_out() -> Iterator[None]:
    """Remove lines that begin with "INFO:" from stderr inside the block; all other lines follow after it.

    The interpreter reports its delegate in C++, and no argument, variable or call of its Python package disables that
    (google-ai-edge/LiteRT#7420), so the file behind stderr is exchanged temporarily.
    """
    with _exchange:
        try:
            sys.stderr.flush()
            kept = os.dup(2)
        except (OSError, AttributeError, ValueError):  # no stderr, nothing to keep clean
            yield
            return
        with tempfile.TemporaryFile() as caught:
            try:
                os.dup2(caught.fileno(), 2)
                yield
            finally:
                os.dup2(kept, 2)
                os.close(kept)
                caught.seek(0)
                said = [line for line in caught.read().splitlines(keepends=True) if not line.startswith(b"INFO:")]
                os.write(2, b"".join(said))
