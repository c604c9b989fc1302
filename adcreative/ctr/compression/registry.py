"""Compression methods for models of a log, by their name in `compress --method`. One literal dict.

Further published methods, not used by default, are in `papers.compression`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from adcreative.config import did_you_mean
from adcreative.ctr.compression.distillation import DistilConfig, compress_distil
from adcreative.ctr.compression.int8 import Int8Config, compress_int8
from adcreative.ctr.compression.low_rank import LowRankConfig, compress_low_rank
from adcreative.errors import ConfigError


@dataclass(frozen=True, kw_only=True)
class Method:
    """compress: (model, work, config) -> report; it changes the model's network, or returns a "student" in its place.

    has_budget: whether the method takes a share to keep.
    """

    compress: Callable[..., dict[str, Any]]
    config: type[Any]
    has_budget: bool


METHODS: Mapping[str, Method] = {
    "low-rank": Method(compress=compress_low_rank, config=LowRankConfig, has_budget=True),
    "int8": Method(compress=compress_int8, config=Int8Config, has_budget=False),
    "distil": Method(compress=compress_distil, config=DistilConfig, has_budget=False),
}


def find_methods(names: str, methods: Mapping[str, Method] = METHODS) -> list[str]:
    """Return the methods of a list such as "hash,low-rank", in the order given.

    Raises:
        ConfigError: there is no such method, a method is repeated, or int8 is not the last.
    """
    found = [name.strip() for name in names.split(",") if name.strip()]
    for name in found:
        if name not in methods:
            raise ConfigError(f'no method "{name}". {did_you_mean(name, methods)}')
    if "int8" in found[:-1]:
        raise ConfigError("int8 rounds what the other methods left, so it comes last")
    if not found or len(set(found)) < len(found):
        raise ConfigError(f"name each method once, such as hash,low-rank; known: {', '.join(methods)}")
    return found
