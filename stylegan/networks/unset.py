"""Build networks whose weights are read afterwards, without random initialisation."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

Network = TypeVar("Network", bound=nn.Module)
_DRAWS = (Tensor.normal_, Tensor.uniform_)  # called by those functions of torch.nn.init, and not seen by any mode


class _NoInitialisation(TorchFunctionMode):
    def __torch_function__(
        self, func: Callable[..., Any], types: Sequence[type], args: Sequence[Any] = (), kwargs: dict[str, Any] | None = None
    ) -> object:
        options = kwargs or {}
        if getattr(func, "__module__", "") == "torch.nn.init" or func in _DRAWS:
            return options["tensor"] if "tensor" in options else args[0]
        return func(*args, **options)


@contextmanager
def unset_weights() -> Iterator[None]:
    """Skip `torch.nn.init` within the block: weights are uninitialised memory, and each must be set afterwards.

    The device "meta" does the same, but its first use imports torch's compiler, which takes two seconds.
    """
    with _NoInitialisation():
        yield


def build_unset(kind: Callable[..., Network], *args: object, **options: object) -> Network:
    """Return kind(*args, **options) with uninitialised weights, without drawing random numbers.

    As `torch.nn.utils.skip_init`, which uses the device "meta".
    """
    with unset_weights():
        return kind(*args, **options)
