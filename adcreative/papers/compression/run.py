"""The verb `compress` with all methods. Imports no torch until called."""

from __future__ import annotations

from pathlib import Path

from adcreative.options import takes
from adcreative.progress import Callbacks, Progress, ShouldStop, never, silent
from adcreative.verbs import compress as product
from adcreative.verbs.settings import CompressSettings


@takes(CompressSettings)
def compress(
    model: Path,
    data: Path,
    out: Path,
    settings: CompressSettings,
    *,
    restart: bool = False,
    progress: Progress = silent,
    should_stop: ShouldStop = never,
) -> product.CompressSummary:
    """Make a model of an impression log smaller as `verbs.compress.compress` does, by more methods.

    Methods: values (drop values by gates), dims (zero most numbers of the tables), rows-dims (drop rows, cut widths), hash (a
    row for each cluster of ids), and low-rank, int8 and distil.

    Raises:
        AdCreativeError: as `verbs.compress.compress`.
    """
    from adcreative.papers.compression.methods import ALL_METHODS

    callbacks: Callbacks = {"progress": progress, "should_stop": should_stop}
    return product.compress(model, data, out, settings, restart=restart, methods=ALL_METHODS, **callbacks)
