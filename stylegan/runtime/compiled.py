"""Convolutional networks on a CPU as tflite graphs, which XNNPACK computes in half of torch's time.

Input are networks after `folding.fold_batch_norms`: convolutions, ReLU6, sums and a final average, such as timm's
EfficientNet-Lite. Knows modules; knows neither pictures nor files. Milliseconds of EfficientNet-Lite0 for one picture, one
thread of an EPYC with AVX-512:

                                128 px    224 px
    plain torch                   6.3      13.5
    torch, batch norms folded     4.8      10.3
    torch.compile                 4.8      10.7
    this file                     1.9       5.2
    onnxruntime                   1.6       4.2

onnxruntime is not used, since its input needs two more packages (onnx, onnxscript) and its numbers would differ from those
in cached features and shipped models; the tflite interpreter is required anyway, for the face networks.
"""

from __future__ import annotations

import operator
import threading
from typing import cast

import numpy as np
import torch
from torch import Tensor, fx, nn

from stylegan.runtime.tflite import TfliteModel
from stylegan.runtime.tflite_graph import GraphWriter

_WITHOUT_EFFECT = (nn.Identity, nn.Dropout)
_SUMS = (operator.add, operator.iadd, torch.add)


class CompiledNetwork(nn.Module):
    """A network for inference on a CPU, one thread per call; on another device, or with gradients, the plain network.

    Outputs equal those of the network up to float rounding, and are independent of the other pictures of a batch. The weights
    are read at the first call: later changes are ignored.
    """

    def __init__(self, network: nn.Module, steps: fx.GraphModule) -> None:
        """Store a network in eval mode, and its steps for one picture."""
        super().__init__()
        self.network, self._steps = network, steps
        self._compiled: tuple[tuple[int, ...], TfliteModel] | None = None
        self._compiling = threading.Lock()

    def forward(self, images_f32: Tensor) -> Tensor | list[Tensor]:
        """Return the network's output for images [B, C, H, W] float32: a tensor [B, ...] or a list of tensors."""
        if images_f32.device.type != "cpu" or images_f32.dtype != torch.float32 or torch.is_grad_enabled():
            return cast("Tensor | list[Tensor]", self.network(images_f32))
        model = self._compile(tuple(images_f32.shape[1:]))
        rows = [model.compute(image_f32) for image_f32 in images_f32.permute(0, 2, 3, 1).contiguous().numpy()]
        outputs = [torch.from_numpy(np.stack(found)).movedim(-1, 1) for found in zip(*rows, strict=True)]
        return outputs if isinstance(_returned(self._steps), (list, tuple)) else outputs[0]

    def _compile(self, shape: tuple[int, ...]) -> TfliteModel:
        """Return the network for pictures [C, H, W]; the last shape is cached."""
        with self._compiling:
            if self._compiled is None or self._compiled[0] != shape:
                self._compiled = shape, TfliteModel(_write(self._steps, shape))
            return self._compiled[1]


def compile_network(network: nn.Module) -> nn.Module:
    """Return a CompiledNetwork, or the network itself if it has unsupported steps."""
    try:
        steps = fx.symbolic_trace(network)
    except (fx.proxy.TraceError, TypeError, AttributeError):  # its steps depend on the input
        return network
    return CompiledNetwork(network, steps) if all(_can_be_written(steps, node) for node in steps.graph.nodes) else network


def _can_be_written(steps: fx.GraphModule, node: fx.Node) -> bool:
    if node.op == "call_function":
        return node.target in _SUMS and all(isinstance(one, fx.Node) for one in node.args) and not node.kwargs
    if node.op != "call_module":
        return node.op in ("placeholder", "output")
    module = steps.get_submodule(str(node.target))
    if type(module) is nn.Conv2d:
        is_depthwise = module.groups == module.in_channels == module.out_channels
        return (module.groups == 1 or is_depthwise) and _is_even(module) and module.padding_mode == "zeros"
    if type(module) is nn.AdaptiveAvgPool2d:
        return module.output_size in (1, (1, 1)) and all(_is_flatten(steps, user) for user in node.users)
    return type(module) in (*_WITHOUT_EFFECT, nn.ReLU6) or _is_flatten(steps, node)


def _is_even(conv: nn.Conv2d) -> bool:
    """Return whether a convolution is symmetric in height and width, without dilation."""
    pairs = (conv.kernel_size, conv.stride, conv.padding)
    return conv.dilation == (1, 1) and all(isinstance(pair, tuple) and pair[0] == pair[1] for pair in pairs)


def _is_flatten(steps: fx.GraphModule, node: fx.Node) -> bool:
    """Return whether a step flattens the output of the average."""
    modules = [steps.get_submodule(str(one.target)) for one in (node, *node.all_input_nodes) if one.op == "call_module"]
    return [type(module) for module in modules] == [nn.Flatten, nn.AdaptiveAvgPool2d]


def _returned(steps: fx.GraphModule) -> fx.Node | list[fx.Node]:
    """Return the network's output: a step, or a list of steps."""
    return cast("fx.Node | list[fx.Node]", next(node.args[0] for node in steps.graph.nodes if node.op == "output"))


def _write(steps: fx.GraphModule, shape: tuple[int, ...]) -> bytes:
    """Write the steps for pictures [C, H, W] as a tflite graph."""
    channels, height, width = shape
    writer, made = GraphWriter(height, width, channels), dict[fx.Node, int]()
    for node in steps.graph.nodes:
        sources = [made[one] for one in node.all_input_nodes if one in made]
        if node.op == "placeholder":
            made[node] = writer.input
        elif node.op == "call_function":
            made[node] = writer.add(*(made[one] for one in node.args))
        elif node.op == "call_module":
            made[node] = _write_module(writer, steps.get_submodule(node.target), sources[0])
    returned = _returned(steps)
    return writer.finish([made[node] for node in (returned if isinstance(returned, (list, tuple)) else [returned])])


def _write_module(writer: GraphWriter, module: nn.Module, source: int) -> int:
    if isinstance(module, nn.Conv2d):
        weight, is_depthwise = module.weight.detach(), module.groups > 1
        bias = torch.zeros(module.out_channels) if module.bias is None else module.bias.detach()
        return writer.conv(
            source,
            weight.permute((1, 2, 3, 0) if is_depthwise else (0, 2, 3, 1)).float().numpy(),
            bias.float().numpy(),
            stride=module.stride[0],
            padding=int(module.padding[0]),
            is_depthwise=is_depthwise,
        )
    if isinstance(module, nn.ReLU6):
        return writer.relu6(source)
    return writer.mean(source) if isinstance(module, nn.AdaptiveAvgPool2d) else source
