"""All methods of `papers compress --method`: methods of this folder and of the product."""

from __future__ import annotations

from collections.abc import Mapping

from adcreative.ctr.compression.registry import METHODS, Method
from adcreative.papers.compression.dims import DimsConfig, compress_dims
from adcreative.papers.compression.hashing import HashConfig, compress_hash
from adcreative.papers.compression.rows_dims import RowsDimsConfig, compress_rows_dims
from adcreative.papers.compression.values import ValuesConfig, compress_values

ALL_METHODS: Mapping[str, Method] = {
    "values": Method(compress=compress_values, config=ValuesConfig, has_budget=False),
    "dims": Method(compress=compress_dims, config=DimsConfig, has_budget=True),
    "rows-dims": Method(compress=compress_rows_dims, config=RowsDimsConfig, has_budget=False),
    "hash": Method(compress=compress_hash, config=HashConfig, has_budget=True),
    **METHODS,
}
