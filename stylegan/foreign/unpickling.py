"""Read a pickle without running anything it names.

A pickle is a program that may call any importable function. Here every name it asks for is looked up in one literal table
of inert stand-ins; a name outside the table ends the reading. Module source text stored in NVlabs pickles is dropped unread.
Still meant for the reading process only (`reading_process.py`), never for the caller's.
"""

from __future__ import annotations

import argparse
import io
import pickle
import re
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from stylegan.errors import CheckpointError


@dataclass
class PersistentObject:
    """An object of NVlabs' `torch_utils.persistence`: class name and state; its source text is not kept."""

    class_name: str
    state: Any


class TensorFlowNetwork:
    """A stored `dnnlib.tflib.network.Network`: only its state."""

    def __init__(self) -> None:
        self.state: Mapping[str, Any] = {}

    def __setstate__(self, state: object) -> None:
        if not isinstance(state, Mapping):
            raise pickle.UnpicklingError("the state of a network is not a dict")
        self.state = state


class EasyDict(dict):
    """Stand-in for `dnnlib.util.EasyDict`."""

    def __setstate__(self, state: object) -> None:
        """Ignore attributes; the items have arrived by themselves."""


def load_tensors(file: Path | io.BytesIO) -> Any:
    """Read a torch.save file with torch's own allow-list, plus `argparse.Namespace`, which training checkpoints hold.

    Raises:
        CheckpointError: it asks to run code, or is truncated or damaged.
    """
    try:
        with torch.serialization.safe_globals([argparse.Namespace]):
            return torch.load(file, map_location="cpu", weights_only=True)
    except (MemoryError, RecursionError):
        raise
    except Exception as error:  # torch raises many kinds for damaged files
        found = re.search(r"(?:unsupported|global:) GLOBAL (\S+)|unrecognized function (.+)|instances of (.+)", str(error))
        if found:
            name = next(filter(None, found.groups()))
            raise CheckpointError(
                f"the file asks for {name} on loading, which no StyleGAN2 weights need; refused without running it"
            ) from error
        reason = str(error).rpartition("WeightsUnpickler error: ")[2].strip().split("\n")[0]
        raise CheckpointError(f"the file is truncated or damaged ({reason[:120]}); download it again") from error


def _persistent_object(meta: object) -> PersistentObject:
    if not isinstance(meta, Mapping) or meta.get("type") != "class":
        raise pickle.UnpicklingError("a persistent object is not a class instance")
    return PersistentObject(str(meta.get("class_name")), meta.get("state"))


def _load_storage(content: object) -> Any:
    if not isinstance(content, bytes):
        raise pickle.UnpicklingError("a tensor's storage is not bytes")
    return load_tensors(io.BytesIO(content))


def _rebuild_tensor(storage: Any, offset: int, size: Any, stride: Any, *_: object) -> torch.Tensor:
    return torch._utils._rebuild_tensor(storage, offset, size, stride)


def _rebuild_parameter(data: object, *_: object) -> torch.Tensor:
    if not isinstance(data, torch.Tensor):
        raise pickle.UnpicklingError("a parameter is not a tensor")
    return data


def _empty_array(kind: object, shape: Any, _: object) -> np.ndarray:
    if kind is not np.ndarray:
        raise pickle.UnpicklingError("an array is of an unknown kind")
    return np.ndarray(shape, dtype=np.int8)


def _array_from_buffer(content: Any, dtype: Any, shape: Any, order: str) -> np.ndarray:
    return np.frombuffer(content, dtype=np.dtype(dtype)).reshape(shape, order=order)  # type: ignore[call-overload]


def _number(dtype: np.dtype, content: Any) -> Any:
    if dtype.kind not in "biufc" or not isinstance(content, bytes):
        raise pickle.UnpicklingError(f"a number is of type {dtype}")
    return np.frombuffer(content, dtype=dtype, count=1)[0]


def _latin1(text: str, encoding: str) -> bytes:
    if encoding != "latin1":
        raise pickle.UnpicklingError(f"text is encoded as {encoding}")
    return text.encode("latin1")


ALLOWED: dict[tuple[str, str], Callable[..., Any]] = {
    ("torch_utils.persistence", "_reconstruct_persistent_obj"): _persistent_object,
    ("dnnlib.util", "EasyDict"): EasyDict,
    ("dnnlib.tflib.network", "Network"): TensorFlowNetwork,
    ("collections", "OrderedDict"): OrderedDict,
    ("torch.storage", "_load_from_bytes"): _load_storage,
    ("torch._utils", "_rebuild_tensor_v2"): _rebuild_tensor,
    ("torch._utils", "_rebuild_parameter"): _rebuild_parameter,
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
    ("numpy.core.multiarray", "_reconstruct"): _empty_array,
    ("numpy._core.multiarray", "_reconstruct"): _empty_array,
    ("numpy.core.numeric", "_frombuffer"): _array_from_buffer,
    ("numpy._core.numeric", "_frombuffer"): _array_from_buffer,
    ("numpy.core.multiarray", "scalar"): _number,
    ("numpy._core.multiarray", "scalar"): _number,
    ("_codecs", "encode"): _latin1,
    ("builtins", "set"): set,
    ("__builtin__", "set"): set,
}


class AllowListUnpickler(pickle.Unpickler):
    """Unpickler that knows the names in `ALLOWED` and no other."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in ALLOWED:
            raise CheckpointError(
                f"the file asks for {module}.{name} on loading, which no StyleGAN2 weights need; refused without running it"
            )
        return ALLOWED[module, name]


def read_pickle(path: Path) -> object:
    """Read a pickle file to plain containers, tensors, arrays and the stand-ins above.

    Raises:
        CheckpointError: the file asks for any other name, or is truncated or damaged.
    """
    try:
        with path.open("rb") as file:
            return AllowListUnpickler(file).load()
    except CheckpointError:
        raise
    except (MemoryError, RecursionError):
        raise
    except Exception as error:  # damaged opcodes raise nearly anything
        raise CheckpointError(
            f"the file is truncated or damaged ({type(error).__name__}: {error}); download it again"
        ) from error
