"""Run one small tflite network on one picture; the only place that knows the interpreter."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
from ai_edge_litert.interpreter import Interpreter


class TfliteModel:
    """One tflite network on one thread; calls from several threads wait for each other (interpreters hold state)."""

    def __init__(self, source: Path | bytes) -> None:
        """Read a network from its file, or from what such a file holds."""
        where = {"model_content": source} if isinstance(source, bytes) else {"model_path": str(source)}
        self._interpreter = Interpreter(**where, num_threads=1)
        self._interpreter.allocate_tensors()
        details = self._interpreter.get_input_details()[0]
        self._input_idx, self.size = details["index"], int(details["shape"][1])
        self._output_idx = [details["index"] for details in self._interpreter.get_output_details()]
        self._lock = threading.Lock()

    def compute(self, image_f32: np.ndarray) -> list[np.ndarray]:
        """Run on one picture [size, size, 3] float32 in the network's own range; returns its outputs without batch axis."""
        with self._lock:
            self._interpreter.set_tensor(self._input_idx, image_f32[None])
            self._interpreter.invoke()
            return [self._interpreter.get_tensor(index)[0] for index in self._output_idx]
