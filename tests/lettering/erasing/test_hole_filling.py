"""Holes are filled by an ONNX model or by a painter, pixels outside stay bit for bit, and a wrong file is one sentence."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from adcreative.errors import ConfigError
from adcreative.lettering.erasing import hole_filling
from adcreative.lettering.erasing.hole_filling import fill_once, fill_with_painter, load_lama

PICTURE = np.random.default_rng(0).integers(0, 256, (90, 120, 3), dtype=np.uint8)
MASK = np.zeros((90, 120), bool)
MASK[30:50, 40:80] = True
NOTHING = np.zeros_like(MASK)


def write_model(path: Path, *, side: int | str = 64, gain: float = 1.0, channels: int = 3) -> Path:
    """Write an ONNX model that fills the hole with the mean of what is around it, as LaMa's exports take and return it."""
    onnx = pytest.importorskip("onnx")
    helper, numpy_helper = onnx.helper, onnx.numpy_helper
    shape = [1, channels, side, side]
    inputs = [helper.make_tensor_value_info("image", 1, shape), helper.make_tensor_value_info("mask", 1, [1, 1, side, side])]
    constants = [
        numpy_helper.from_array(np.array(1.0, np.float32), "one"),
        numpy_helper.from_array(np.array(gain, np.float32), "gain"),
        numpy_helper.from_array(np.array([2, 3], np.int64), "axes"),
    ]
    nodes = [
        helper.make_node("Sub", ["one", "mask"], ["known"]),
        helper.make_node("Mul", ["image", "known"], ["seen"]),
        helper.make_node("ReduceSum", ["seen", "axes"], ["sum"]),
        helper.make_node("ReduceSum", ["known", "axes"], ["count"]),
        helper.make_node("Div", ["sum", "count"], ["mean"]),
        helper.make_node("Mul", ["mean", "mask"], ["filled"]),
        helper.make_node("Add", ["seen", "filled"], ["both"]),
        helper.make_node("Mul", ["both", "gain"], ["output"]),
    ]
    graph = helper.make_graph(nodes, "mean", inputs, [helper.make_tensor_value_info("output", 1, shape)], constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.save(model, str(path))
    return path


@pytest.mark.parametrize(("side", "gain"), [(64, 1.0), (64, 255.0), ("side", 1.0)])
def test_a_model_fills_the_hole_alone_whatever_its_size_and_range(tmp_path: Path, side: int | str, gain: float) -> None:
    ground = np.full_like(PICTURE, 0) + np.array([200, 120, 60], np.uint8)
    ground[MASK] = 0
    filled = load_lama(write_model(tmp_path / "lama.onnx", side=side, gain=gain))(ground, MASK, NOTHING)
    assert (filled[~MASK] == ground[~MASK]).all()
    assert np.abs(filled[MASK].astype(int) - [200, 120, 60]).max() <= 6
    assert load_lama(tmp_path / "lama.onnx")(ground, NOTHING, NOTHING) is ground


def test_a_file_that_is_no_inpainting_model_is_refused(tmp_path: Path) -> None:
    (tmp_path / "torn.onnx").write_bytes(b"torn")
    with pytest.raises(ConfigError, match=r"inpainting model .* cannot be loaded .*; name a LaMa export in ONNX"):
        load_lama(tmp_path / "torn.onnx")
    with pytest.raises(ConfigError, match=r"takes .*; a picture \[N, 3, H, W\] and a mask \[N, 1, H, W\] are needed"):
        load_lama(write_model(tmp_path / "grey.onnx", channels=1))


class Brush:
    def __init__(self, num: int) -> None:
        self.num = num

    def paint(self, image_u8: np.ndarray, mask: np.ndarray, *_: Any, **__: Any) -> list[np.ndarray]:
        assert mask.any()
        return [np.full_like(image_u8, 77)] * self.num


def test_a_model_that_fails_or_loops_while_it_runs_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    onnx = pytest.importorskip("onnx")
    path = write_model(tmp_path / "lama.onnx")
    ground = np.full((90, 120, 3), 100, np.uint8)
    mask = np.zeros((90, 120), bool)
    mask[30:40, 30:50] = True
    model = onnx.load(str(path))
    model.graph.output[0].CopyFrom(onnx.helper.make_tensor_value_info("kept", 1, None))
    helper, bool_type = onnx.helper, onnx.TensorProto.BOOL
    turn = helper.make_graph(
        [helper.make_node("Identity", ["on"], ["on_out"]), helper.make_node("Identity", ["sum"], ["sum_out"])],
        "turn",
        [
            helper.make_tensor_value_info("turn_number", onnx.TensorProto.INT64, []),
            helper.make_tensor_value_info("on", bool_type, []),
            helper.make_tensor_value_info("sum", 1, None),
        ],
        [helper.make_tensor_value_info("on_out", bool_type, []), helper.make_tensor_value_info("sum_out", 1, None)],
    )
    truth = helper.make_tensor("truth", bool_type, [], [True])
    model.graph.initializer.append(truth)
    model.graph.node.append(helper.make_node("Loop", ["", "truth", model.graph.input[0].name], ["kept"], body=turn))
    onnx.save(model, str(tmp_path / "loop.onnx"))
    monkeypatch.setattr(hole_filling, "FITTED", replace(hole_filling.FITTED, max_seconds=0.5))
    with pytest.raises(ConfigError, match="the inpainting model failed while it ran"):
        load_lama(tmp_path / "loop.onnx")(ground, mask, mask)


def test_a_painter_fills_the_hole_alone_and_one_that_paints_nothing_leaves_it() -> None:
    filled = fill_with_painter(Brush(1))(PICTURE, MASK, NOTHING)
    assert (filled[MASK] == 77).all()
    assert (filled[~MASK] == PICTURE[~MASK]).all()
    assert fill_with_painter(Brush(0))(PICTURE, MASK, NOTHING) is PICTURE


def test_a_hole_is_filled_once_and_its_pixels_are_the_asker_s_own() -> None:
    asked: list[int] = []

    def fill(image_u8: np.ndarray, mask: np.ndarray, keep_out: np.ndarray) -> np.ndarray:
        asked.append(int(mask.sum()))
        return image_u8 // 2

    once, other = fill_once(fill), ~MASK
    once(PICTURE, MASK, NOTHING)[:] = 0
    np.testing.assert_array_equal(once(PICTURE.copy(), MASK, NOTHING), PICTURE // 2)
    for image_u8, mask, keep_out in ((PICTURE + 1, MASK, NOTHING), (PICTURE, other, NOTHING), (PICTURE, MASK, other)):
        once(image_u8, mask, keep_out)
    assert len(asked) == 4
