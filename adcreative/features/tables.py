"""From a folder or table to creatives with features: the first steps shared by several verbs. Imports no torch."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from adcreative.catalog import Catalog, read_catalog
from adcreative.catalog.mapping import TableSettings
from adcreative.catalog.tables import failed_creative
from adcreative.creative import Creative, FailedCreative
from adcreative.errors import CatalogError, CreativeError
from adcreative.features.known_words import load_known_words
from adcreative.progress import Count, Progress, ShouldStop

if TYPE_CHECKING:
    from adcreative.features.extraction import FeatureExtractor

CHUNK = 32


def read_usable(
    data: Path, columns: Path | TableSettings | None = None, *, images: Path | None = None, words: Path | None = None
) -> Catalog:
    """Read a catalogue with at least one usable creative.
    `columns` is a mapping file or its content, `images` a folder with the pictures of an export's ads, `words` a words file.

    Raises:
        CatalogError: no creative can be used; names the first failure.
    """
    amend = None if words is None else load_known_words(words).attach
    catalog = read_catalog(data, columns=columns, images=images, amend=amend)
    if not catalog.creatives:
        first = f": {catalog.failures[0].problem} {catalog.failures[0].remedy}" if catalog.failures else ""
        raise CatalogError(f"nothing in {data} can be used ({len(catalog.failures)} rows failed){first}")
    return catalog


def keep_with_results(catalog: Catalog, data: Path) -> list[Creative]:
    """Return the creatives that have impressions and clicks.

    Raises:
        CatalogError: none has.
    """
    found = [creative for creative in catalog.creatives if creative.has_results]
    if not found:
        raise CatalogError(f"no creative in {data} has both impressions and clicks; add these two columns")
    return found


def extract_features(
    extractor: FeatureExtractor, creatives: Sequence[Creative], progress: Progress, should_stop: ShouldStop
) -> tuple[list[Creative], list[Any], list[FailedCreative]]:
    """Return usable creatives with their features, and the failures."""
    usable: list[Creative] = []
    features: list[Any] = []
    failures: list[FailedCreative] = []
    tell = partial(progress, "reading creatives")
    for creative, result in iter_features(extractor, creatives, len(creatives), tell, should_stop):
        if isinstance(result, CreativeError):
            failures.append(failed_creative(creative, result))
        else:
            usable.append(creative)
            features.append(result)
    return usable, features, failures


def iter_features(
    extractor: FeatureExtractor, creatives: Iterable[Creative], total: int, tell: Count, should_stop: ShouldStop
) -> Iterator[tuple[Creative, Any]]:
    """Yield each creative with its features, or with the CreativeError that says why there are none; until stopped.

    Reads a chunk at a time, so that memory use is constant. tell: called with (creatives read, total) after each chunk.
    """
    rest, num_read = iter(creatives), 0
    tell(0, total)
    while not should_stop() and (chunk := list(islice(rest, CHUNK))):
        yield from zip(chunk, extractor.extract(chunk), strict=True)
        num_read += len(chunk)
        tell(num_read, total)
