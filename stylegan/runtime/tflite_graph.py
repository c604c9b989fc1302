"""Write a small convolutional network as a tflite graph, in memory.

Knows shapes, weights and the file format; knows no interpreter and no torch. Tensors are named by number, activations are
[1, H, W, C] float32, weights are stored in the file. Only the operations that `compiled.py` needs are here.

Source:
    tensorflow/lite/schema/schema.fbs, whose Python classes come with the interpreter's wheel.
"""

from __future__ import annotations

from collections.abc import Sequence

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

_SCHEMA_VERSION = 3
_IDENTIFIER = b"TFL3"
_LAST_OLD_CODE = 127  # operators beyond this number are named only by the newer field


class GraphWriter:
    """One graph, built operation by operation; each method returns the number of its output tensor."""

    def __init__(self, height: int, width: int, channels: int) -> None:
        """Begin with one input [1, height, width, channels]."""
        self._graph, self._codes = schema.SubGraphT(), list[int]()
        self._graph.tensors, self._graph.operators = [], []
        self._buffers = [schema.BufferT()]  # the first one means "no data"
        self.input = self._tensor([1, height, width, channels])
        self._graph.inputs = [self.input]

    def shape(self, tensor: int) -> list[int]:
        """Return the shape of a tensor, batch first."""
        return list(self._graph.tensors[tensor].shape)

    def conv(self, source: int, weight: np.ndarray, bias: np.ndarray, *, stride: int, padding: int, is_depthwise: bool) -> int:
        """Convolve with weight [O, kH, kW, I], or [1, kH, kW, C] channel by channel, and bias [O]; zeros around the picture."""
        height, width = (length + 2 * padding for length in self.shape(source)[1:3])
        if padding:  # "SAME" pads differently for stride two; the interpreter fuses this with the next operation
            around = np.array([[0, 0], [padding, padding], [padding, padding], [0, 0]], np.int32)
            source = self._apply("PAD", [source, self._constant(around)], [1, height, width, self.shape(source)[3]])
        kernel_height, kernel_width = weight.shape[1:3]
        out = [1, (height - kernel_height) // stride + 1, (width - kernel_width) // stride + 1, len(bias)]
        settings = {
            "padding": schema.Padding.VALID,
            "strideW": stride,
            "strideH": stride,
            "dilationWFactor": 1,
            "dilationHFactor": 1,
        }
        name = "DEPTHWISE_CONV_2D" if is_depthwise else "CONV_2D"
        if is_depthwise:
            settings["depthMultiplier"] = 1
        return self._apply(name, [source, self._constant(weight), self._constant(bias)], out, **settings)

    def relu6(self, source: int) -> int:
        """Clip to 0..6."""
        return self._apply("RELU6", [source], self.shape(source))

    def add(self, one: int, other: int) -> int:
        """Add two tensors of one shape."""
        return self._apply("ADD", [one, other], self.shape(one))

    def mean(self, source: int) -> int:
        """Average over height and width, [1, C]."""
        shape = self.shape(source)
        return self._apply("MEAN", [source, self._constant(np.array([1, 2], np.int32))], [1, shape[3]], keepDims=False)

    def finish(self, outputs: Sequence[int]) -> bytes:
        """Return the file."""
        self._graph.outputs = list(outputs)
        model = schema.ModelT()
        model.version, model.subgraphs, model.buffers = _SCHEMA_VERSION, [self._graph], self._buffers
        model.operatorCodes = [_operator_code(code) for code in self._codes]
        num_bytes = sum(len(buffer.data) for buffer in self._buffers if buffer.data is not None)
        builder = flatbuffers.Builder(num_bytes + 1024 * len(self._graph.tensors))
        builder.Finish(model.Pack(builder), _IDENTIFIER)
        return bytes(builder.Output())

    def _tensor(self, shape: Sequence[int], kind: int = schema.TensorType.FLOAT32, buffer: int = 0) -> int:
        tensor = schema.TensorT()
        tensor.shape, tensor.type, tensor.buffer = list(map(int, shape)), kind, buffer
        self._graph.tensors.append(tensor)
        return len(self._graph.tensors) - 1

    def _constant(self, values: np.ndarray) -> int:
        """Store float32 or int32 values."""
        buffer = schema.BufferT()
        buffer.data = np.ascontiguousarray(values).reshape(-1).view(np.uint8)
        self._buffers.append(buffer)
        kind = schema.TensorType.INT32 if values.dtype == np.int32 else schema.TensorType.FLOAT32
        return self._tensor(values.shape, kind, len(self._buffers) - 1)

    def _apply(self, name: str, inputs: list[int], shape: Sequence[int], **settings: object) -> int:
        """Append an operator, by its name in the schema, with its options; return its output of the given shape."""
        code = getattr(schema.BuiltinOperator, name)
        if code not in self._codes:
            self._codes.append(code)
        operator = schema.OperatorT()
        operator.opcodeIndex, operator.inputs, operator.outputs = self._codes.index(code), inputs, [self._tensor(shape)]
        if (kind := _OPTIONS.get(name)) is not None:
            operator.builtinOptionsType = getattr(schema.BuiltinOptions, kind)
            operator.builtinOptions = getattr(schema, f"{kind}T")()
            for setting, value in settings.items():
                setattr(operator.builtinOptions, setting, value)
        self._graph.operators.append(operator)
        return int(operator.outputs[0])


# operator -> its table of options
_OPTIONS = {
    "PAD": "PadOptions",
    "CONV_2D": "Conv2DOptions",
    "DEPTHWISE_CONV_2D": "DepthwiseConv2DOptions",
    "ADD": "AddOptions",
    "MEAN": "ReducerOptions",
}


def _operator_code(code: int) -> schema.OperatorCodeT:
    found = schema.OperatorCodeT()
    found.builtinCode, found.deprecatedBuiltinCode, found.version = code, min(code, _LAST_OLD_CODE), 1
    return found
