"""Read a pickle without running any function that it names.

A pickle is a program for a small stack machine that may call any importable function and set any attribute. This machine
keeps only the instructions that network pickles need (`OPCODES`), in Python's own slow form, so that no C structure can be
written through. A name becomes an inert `Name`; calling one looks it up in the literal table `stand_ins.CALLS`; a name
outside the table ends the reading. Attributes are set on nothing: a value that the file describes further stores the
description itself (`StoredObject.set_state`). Module source text stored in NVlabs pickles is dropped unread.

Only for the reading process (`reading_process.py`), never for the caller's.
"""

from __future__ import annotations

import io
import pickle
import pickletools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, NoReturn, Protocol

import numpy as np

from stylegan.errors import CheckpointError
from stylegan.foreign.stand_ins import CALLS, StoredArray, StoredDict, StoredObject, UnfitContentError

OPCODES = (
    "PROTO",
    "FRAME",
    "STOP",
    "MARK",
    "POP",
    "POP_MARK",
    "MEMOIZE",
    "BINPUT",
    "LONG_BINPUT",
    "BINGET",
    "LONG_BINGET",
    "NONE",
    "NEWTRUE",
    "NEWFALSE",
    "BININT",
    "BININT1",
    "BININT2",
    "LONG1",
    "LONG4",
    "BINFLOAT",
    "SHORT_BINUNICODE",
    "BINUNICODE",
    "BINUNICODE8",
    "SHORT_BINBYTES",
    "BINBYTES",
    "BINBYTES8",
    "BYTEARRAY8",
    "EMPTY_TUPLE",
    "TUPLE",
    "TUPLE1",
    "TUPLE2",
    "TUPLE3",
    "EMPTY_LIST",
    "APPEND",
    "APPENDS",
    "EMPTY_DICT",
    "SETITEM",
    "SETITEMS",
    "EMPTY_SET",
    "ADDITEMS",
    "GLOBAL",
    "STACK_GLOBAL",
    "REDUCE",
    "NEWOBJ",
    "BUILD",
)
PLAIN_KEYS = (str, bytes, int, float, bool, type(None))


@dataclass(frozen=True)
class Name:
    """A function or class of `CALLS` named by the file."""

    key: tuple[str, str]


class BoundedReader:
    """A file with a limit on the remaining bytes: a false length ends the reading instead of allocating memory."""

    def __init__(self, file: BinaryIO, num_bytes: int) -> None:
        self._file, self._left = file, num_bytes

    def read(self, num_bytes: int) -> bytes:
        """Return exactly `num_bytes` bytes."""
        if not 0 <= num_bytes <= self._left:
            raise EOFError(f"{num_bytes} bytes were announced, {self._left} are left")
        self._left -= num_bytes
        return self._file.read(num_bytes)

    def readline(self) -> bytes:
        """Return one line, at most 1,000 bytes long."""
        line = self._file.readline(1000)
        self._left -= len(line)
        return line


class _Machine(Protocol):
    """What instructions use of `pickle._Unpickler`."""

    stack: list[Any]

    def pop_mark(self) -> list[Any]: ...
    def read(self, num_bytes: int, /) -> bytes: ...


def _append(machine: _Machine, items: list[Any]) -> None:
    if type(machine.stack[-1]) is not list:
        raise UnfitContentError("items were appended to what is no list")
    machine.stack[-1].extend(items)


def _set_items(machine: _Machine, items: list[Any]) -> None:
    target = machine.stack[-1]
    if type(target) not in (dict, StoredDict) or len(items) % 2:
        raise UnfitContentError("items were set on what is no dict")
    if not all(type(key) in PLAIN_KEYS for key in items[::2]):
        raise UnfitContentError("a dict has keys that are no names")
    target.update(zip(items[::2], items[1::2], strict=True))


def _add_items(machine: _Machine) -> None:
    items = machine.pop_mark()
    if type(machine.stack[-1]) is not set or not all(type(item) in PLAIN_KEYS for item in items):
        raise UnfitContentError("a set holds more than names")
    machine.stack[-1].update(items)


def _set_item(machine: _Machine) -> None:
    items = [machine.stack.pop() for _ in range(2)]
    _set_items(machine, items[::-1])


def _call(machine: _Machine) -> None:
    """Call a name of the table with a tuple of arguments (REDUCE and NEWOBJ, which are equivalent here)."""
    arguments, name = machine.stack.pop(), machine.stack.pop()
    if type(name) is not Name or type(arguments) is not tuple:
        raise UnfitContentError("what is called has no name")
    machine.stack.append(CALLS[name.key](*arguments))


def _bytearray(machine: _Machine) -> None:
    """Read a byte array; Python's own instruction allocates the memory before checking that the bytes exist."""
    length = int.from_bytes(machine.read(8), "little")
    machine.stack.append(bytearray(machine.read(length)))


def _build(machine: _Machine) -> None:
    """Apply a pickled state to its object; the class of the object must allow a state."""
    state, target = machine.stack.pop(), machine.stack[-1]
    if not isinstance(target, StoredObject):
        raise UnfitContentError(f"a state was set on a {type(target).__name__}")
    target.set_state(state)


_OWN: dict[str, Callable[[Any], None]] = {
    "APPEND": lambda machine: _append(machine, [machine.stack.pop()]),
    "APPENDS": lambda machine: _append(machine, machine.pop_mark()),
    "SETITEM": _set_item,
    "SETITEMS": lambda machine: _set_items(machine, machine.pop_mark()),
    "ADDITEMS": _add_items,
    "REDUCE": _call,
    "NEWOBJ": _call,
    "BUILD": _build,
    "BYTEARRAY8": _bytearray,
}


class _Instructions(dict):
    """Instruction byte -> function; an unknown byte is refused by name."""

    def __missing__(self, code: int) -> NoReturn:
        name = next((known.name for known in pickletools.opcodes if known.code == chr(code)), code)
        raise UnfitContentError(f"instruction {name} is not one that weights need")


class AllowListUnpickler(pickle._Unpickler):
    """Python's own pickle machine, restricted to the instructions in `OPCODES` and the names in `CALLS`."""

    dispatch = _Instructions(
        {ord(getattr(pickle, name)): _OWN.get(name, pickle._Unpickler.dispatch[ord(getattr(pickle, name))]) for name in OPCODES}
    )

    def find_class(self, module: str, name: str) -> Name:
        if (module, name) not in CALLS:
            raise CheckpointError(
                f"the file asks for {module}.{name} on loading, which no StyleGAN2 weights need; refused without running it"
            )
        return Name((module, name))


def read_pickle(path: Path) -> object:
    """Read a pickle file to plain containers, tensors and the values of `stand_ins`.

    Raises:
        CheckpointError: the file uses any other name, or is truncated or damaged.
    """
    try:
        with path.open("rb") as file:
            size = file.seek(0, io.SEEK_END)
            file.seek(0)
            return AllowListUnpickler(BoundedReader(file, size)).load()
    except CheckpointError:
        raise
    except (MemoryError, RecursionError):
        raise
    except UnfitContentError as error:
        raise CheckpointError(f"the file holds something else than weights: {error}; refused") from error
    except Exception as error:  # damaged instructions raise nearly anything
        raise CheckpointError(
            f"the file is truncated or damaged ({type(error).__name__}: {error}); download it again"
        ) from error


def numbers_of(value: object, name: str) -> np.ndarray:
    """Return a stored array, or a plain number, as numpy numbers.

    Raises:
        CheckpointError: the value is neither, or an array whose bytes do not match its shape.
    """
    try:
        numbers = value.numbers() if isinstance(value, StoredArray) else np.asarray(value)
    except UnfitContentError as error:
        raise CheckpointError(f"{name} cannot be read: {error}") from error
    if numbers.dtype.kind not in "biuf":
        raise CheckpointError(f"{name} is a {type(value).__name__}, expected numbers")
    return numbers
