"""The allowed content of a network pickle, as inert values that only store the file's data and execute nothing.

A pickle names functions and classes. `CALLS` is the complete list of names that network pickles need; each returns one of
the values below or a checked number, array or tensor. NumPy itself is used in one place only, `StoredArray.numbers`,
after kind, shape and length have been compared.
"""

from __future__ import annotations

import io
import math
import pickle
import re
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch

from stylegan.foreign.torch_files import load_tensors

DTYPE = re.compile(r"[<>=|]?([biuf])([1248])")
MAX_AXES = 8


class UnfitContentError(pickle.UnpicklingError):
    """The file holds content that no network pickle needs: crafted, or damaged but still readable."""


class StoredObject:
    """A value that the file may describe further (opcode BUILD); `set_state` checks and stores the description."""

    def set_state(self, state: object) -> None:
        raise NotImplementedError


class StoredDict(dict, StoredObject):
    """Stand-in for OrderedDict and dnnlib's EasyDict: its items; attributes set on it are dropped."""

    def set_state(self, state: object) -> None:
        """Drop the attributes (a state dict's version numbers)."""


class PersistentObject(StoredObject):
    """An object of NVlabs' `torch_utils.persistence`: class name and state; its source text is not kept."""

    def __init__(self, class_name: str, state: object) -> None:
        self.class_name, self.state = class_name, state

    def set_state(self, state: object) -> None:
        """Store the state; the library passes it in the call, other versions after it."""
        self.state = state


class TensorFlowNetwork(StoredObject):
    """A stored `dnnlib.tflib.network.Network`: only its state."""

    def __init__(self) -> None:
        self.state: Mapping[str, Any] = {}

    def set_state(self, state: object) -> None:
        """Store the state, a dict."""
        if not isinstance(state, dict):
            raise UnfitContentError("the state of a network is not a dict")
        self.state = state


class StoredDtype(StoredObject):
    """A number type by kind (b, i, u, f), bytes and byte order."""

    def __init__(self, code: object, *_: object) -> None:
        found = DTYPE.fullmatch(code) if isinstance(code, str) else None
        if found is None or (found[1] == "b") != (found[0].endswith("b1")) or found[0].endswith("f1"):
            raise UnfitContentError(f"an array is of type {str(code)[:20]}, expected booleans, integers or floats")
        self.kind, self.itemsize = found[1], int(found[2])
        self.order = ">" if found[0].startswith(">") else "<"

    def set_state(self, state: object) -> None:
        """Store the byte order from numpy's state (version, order, subtype, names, fields, size, alignment, flags)."""
        if not isinstance(state, tuple) or len(state) < 5 or state[1] not in ("<", ">", "|", "=", None):
            raise UnfitContentError("a number type has an unknown state")
        if any(part is not None for part in state[2:5]):
            raise UnfitContentError("an array holds records, expected plain numbers")
        self.order = ">" if state[1] == ">" else "<"

    @property
    def code(self) -> str:
        """The type in numpy's notation, such as "<f4"."""
        return f"{self.order}{self.kind}{self.itemsize}"


class StoredArray(StoredObject):
    """A numpy array: type, shape and bytes, as in the file."""

    def __init__(self, content: object = b"", dtype: object = None, shape: object = (0,), order: object = "C") -> None:
        self._parts = (content, dtype, shape, order)

    def set_state(self, state: object) -> None:
        """Store numpy's state (version, shape, type, stored by columns, bytes)."""
        if not isinstance(state, tuple) or len(state) != 5:
            raise UnfitContentError("an array has an unknown state")
        _, shape, dtype, by_columns, content = state
        self._parts = (content, dtype, shape, "F" if by_columns is True else "C")

    def numbers(self) -> np.ndarray:
        """Return the numbers as a copied array.

        Raises:
            UnfitContentError: the type is no number, or bytes and shape do not match.
        """
        content, dtype, shape, order = self._parts
        if not isinstance(dtype, StoredDtype) or order not in ("C", "F") or not isinstance(content, bytes | bytearray):
            raise UnfitContentError("an array does not hold plain numbers")
        axes = _axes(shape)
        if math.prod(axes) * dtype.itemsize != len(content):
            raise UnfitContentError(f"an array of shape {list(axes)} came with {len(content)} bytes")
        flat = np.frombuffer(content, dtype=dtype.code) if content else np.zeros(0, dtype.code)
        return flat.reshape(axes, order="F" if order == "F" else "C").astype(flat.dtype.newbyteorder("="))


def _axes(shape: object) -> tuple[int, ...]:
    """Return a shape as checked integers."""
    if not isinstance(shape, tuple) or len(shape) > MAX_AXES or not all(type(n) is int and 0 <= n < 1 << 40 for n in shape):
        raise UnfitContentError("a shape is no short tuple of sizes")
    return shape


def _persistent_object(meta: object) -> PersistentObject:
    if not isinstance(meta, dict) or meta.get("type") != "class":
        raise UnfitContentError("a persistent object is not a class instance")
    return PersistentObject(str(meta.get("class_name")), meta.get("state"))


def _empty_array(kind: object, *_: object) -> StoredArray:
    if getattr(kind, "key", None) != ("numpy", "ndarray"):
        raise UnfitContentError("an array is of an unknown kind")
    return StoredArray()


def _number(dtype: object, content: object) -> bool | int | float:
    if not isinstance(dtype, StoredDtype) or not isinstance(content, bytes) or len(content) != dtype.itemsize:
        raise UnfitContentError("a number is of an unknown type")
    return np.frombuffer(content, dtype=dtype.code)[0].item()


def _load_storage(content: object) -> torch.TypedStorage:
    if not isinstance(content, bytes):
        raise UnfitContentError("a tensor's storage is not bytes")
    storage = load_tensors(io.BytesIO(content))
    if not isinstance(storage, torch.TypedStorage):
        raise UnfitContentError("a tensor's storage is of an unknown kind")
    return storage


def _tensor(storage: object, offset: object, size: object, stride: object, *_: object) -> torch.Tensor:
    """Build a tensor over its storage, after checking that it stays inside the storage."""
    if not isinstance(storage, torch.TypedStorage) or type(offset) is not int or offset < 0:
        raise UnfitContentError("a tensor has no storage")
    sizes, strides = _axes(size), _axes(stride)
    plain = torch.tensor([], dtype=storage.dtype)
    last = offset + sum((n - 1) * step for n, step in zip(sizes, strides, strict=True))
    if math.prod(sizes) and last >= storage._untyped_storage.nbytes() // plain.element_size():
        raise UnfitContentError(f"a tensor of shape {list(sizes)} reaches beyond its storage")
    return plain.set_(storage._untyped_storage, offset, sizes, strides) if math.prod(sizes) else plain.reshape(sizes)


def _parameter(data: object, *_: object) -> torch.Tensor:
    if not isinstance(data, torch.Tensor):
        raise UnfitContentError("a parameter is not a tensor")
    return data


def _latin1(text: object, encoding: object) -> bytes:
    if not isinstance(text, str) or encoding != "latin1":
        raise UnfitContentError("bytes are encoded in an unknown way")
    return text.encode("latin1")


def _dict(items: object = ()) -> StoredDict:
    if items != ():  # no writer does this; a list of pairs could contain keys that are no names
        raise UnfitContentError("a dict came with its items in the call")
    return StoredDict()


def _set(items: object = ()) -> set[Any]:
    if not isinstance(items, list | tuple) or not all(type(item) in (str, int) for item in items):
        raise UnfitContentError("a set holds more than names")
    return set(items)


def _refuse(*_: object) -> object:
    raise UnfitContentError("a type was called that only has a name here")


CALLS: dict[tuple[str, str], Callable[..., Any]] = {
    ("torch_utils.persistence", "_reconstruct_persistent_obj"): _persistent_object,
    ("dnnlib.util", "EasyDict"): _dict,
    ("dnnlib.tflib.network", "Network"): TensorFlowNetwork,
    ("collections", "OrderedDict"): _dict,
    ("torch.storage", "_load_from_bytes"): _load_storage,
    ("torch._utils", "_rebuild_tensor_v2"): _tensor,
    ("torch._utils", "_rebuild_parameter"): _parameter,
    ("numpy", "ndarray"): _refuse,
    ("numpy", "dtype"): StoredDtype,
    ("numpy.core.multiarray", "_reconstruct"): _empty_array,
    ("numpy._core.multiarray", "_reconstruct"): _empty_array,
    ("numpy.core.numeric", "_frombuffer"): StoredArray,
    ("numpy._core.numeric", "_frombuffer"): StoredArray,
    ("numpy.core.multiarray", "scalar"): _number,
    ("numpy._core.multiarray", "scalar"): _number,
    ("_codecs", "encode"): _latin1,
    ("builtins", "set"): _set,
    ("__builtin__", "set"): _set,
}
