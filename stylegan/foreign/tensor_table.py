"""The tensors of a checkpoint by name; each must be taken exactly once, so that none is missing, ignored or not a number."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from stylegan.errors import CheckpointError
from stylegan.networks.ops import BLUR_TAPS

WRAPPER = "module."


def without_wrapper(tensors: Mapping[str, object]) -> Mapping[str, object]:
    """Return tensors without the "module." that DataParallel and DistributedDataParallel prepend to every name."""
    if tensors and all(str(name).startswith(WRAPPER) for name in tensors):
        return {str(name).removeprefix(WRAPPER): tensor for name, tensor in tensors.items()}
    return tensors


class TensorTable:
    """Tensors by their foreign names; `take` removes one, `check_empty` refuses the rest.

    Args:
        tensors: name -> tensor; any other value is refused.
        what: the source in words, for messages, such as "rosinality checkpoint".
    """

    def __init__(self, tensors: Mapping[str, object], *, what: str) -> None:
        self.what = what
        self._tensors: dict[str, Tensor] = {}
        for name, tensor in without_wrapper(tensors).items():
            if not isinstance(tensor, Tensor):
                raise CheckpointError(f"{what}: {name} is a {type(tensor).__name__}, expected a tensor")
            self._tensors[str(name)] = tensor.detach()

    def __contains__(self, name: str) -> bool:
        return name in self._tensors

    def names(self) -> list[str]:
        """Names not taken yet."""
        return list(self._tensors)

    def __getitem__(self, name: str) -> Tensor:
        """Return a tensor without taking it, to read a size."""
        if name not in self._tensors:
            raise CheckpointError(f"{self.what} lacks {name}: it is incomplete, or of another architecture")
        return self._tensors[name]

    def size(self, name: str, axis: int) -> int:
        """Return the length of one axis of a tensor, without taking it."""
        tensor = self[name]
        if tensor.ndim <= axis:
            raise CheckpointError(f"{self.what}: {name} has shape {list(tensor.shape)}, expected more axes")
        return int(tensor.shape[axis])

    def take(self, name: str, *shape: int) -> Tensor:
        """Return a tensor as float32 of `shape` (same number of elements; no shape: as stored), and remove it.

        Raises:
            CheckpointError: the tensor is missing, of another size, or holds NaN or infinity.
        """
        tensor = self[name]
        del self._tensors[name]
        if tensor.is_floating_point():
            tensor = tensor.float()
            if not bool(torch.isfinite(tensor).all()):
                raise CheckpointError(f"{self.what}: {name} holds NaN or infinite weights; the run that wrote it had diverged")
        if not shape:
            return tensor
        wanted, found = [n for n in shape if n != 1], [n for n in tensor.shape if n != 1]
        if wanted != found:
            raise CheckpointError(f"{self.what}: {name} has shape {list(tensor.shape)}, expected {list(shape)}")
        return tensor.reshape(shape)

    def take_blur_kernel(self, name: str, *, gain: float) -> None:
        """Remove a resampling kernel after comparing it with outer([1, 3, 3, 1]) scaled to sum `gain`.

        Raises:
            CheckpointError: another kernel; the pictures would differ.
        """
        taps = torch.tensor(BLUR_TAPS)
        expected = taps.outer(taps) * (gain / float(taps.sum()) ** 2)
        kernel = self.take(name)
        if kernel.shape != expected.shape or not torch.allclose(kernel, expected, rtol=1e-4, atol=1e-6):
            raise CheckpointError(
                f"{self.what}: {name} is not the [1, 3, 3, 1] kernel with sum {gain:g} (its sum is {float(kernel.sum()):.4g}): "
                "the network resamples differently, which is not supported"
            )

    def check_empty(self) -> None:
        """Refuse remaining tensors.

        Raises:
            CheckpointError: with the number of remaining tensors and the first name.
        """
        if self._tensors:
            names = sorted(self._tensors)
            raise CheckpointError(
                f"{self.what} has {len(names)} tensors with no place, first {names[0]}: "
                "the network has parts that StyleGAN2's skip generator does not"
            )
