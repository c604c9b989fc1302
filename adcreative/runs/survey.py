"""One pass over a catalogue before a run: count creatives and failures, collect brand histories, list remaining creatives.

The catalogue is streamed as often as needed; memory holds only the row number of each creative, and for brands with results the
latest creatives (words and counts, no pixels). Does not import torch.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from adcreative.catalog import CatalogReader
from adcreative.catalog.mapping import TableSettings
from adcreative.creative import Creative, FailedCreative
from adcreative.errors import CatalogError
from adcreative.features.known_words import load_known_words
from adcreative.progress import Progress

HISTORY_PER_BRAND = 16


@dataclass(frozen=True, kw_only=True)
class Survey:
    """Result of one pass over a catalogue.

    data: path as given. num_creatives: number of usable creatives, at most the limit; last_row: row of the last of them.
    history: folded brand -> its latest creatives with results, oldest first, only for brands with more than one creative.
    """

    data: Path
    reader: CatalogReader = field(repr=False)
    num_creatives: int
    last_row: int
    num_failures: int
    first_failure: FailedCreative | None
    is_limited: bool
    history: Mapping[str, Sequence[Creative]] = field(repr=False)

    def is_wanted(self, row: int) -> bool:
        return row <= self.last_row

    @property
    def warnings(self) -> tuple[str, ...]:
        """Return warnings about the catalogue for the user."""
        return tuple(self.reader.warnings)

    def creatives_to_do(self, done: Container[int] = ()) -> Iterator[Creative]:
        """Yield the wanted creatives without a row yet, in order."""
        for creative in self.reader:
            if isinstance(creative, Creative) and self.is_wanted(creative.row) and creative.row not in done:
                yield creative

    def hashed(self, hash_row: Callable[[Creative], str], progress: Progress) -> Iterator[tuple[int, str, tuple[str, str]]]:
        """Yield number, hash and names of each wanted creative, in order."""
        for done, creative in enumerate(self.creatives_to_do()):
            progress("comparing with what was done", done, self.num_creatives)
            yield creative.row, hash_row(creative), (creative.file_name, creative.ad_name)

    def failures(self) -> Iterator[FailedCreative]:
        """Yield the rows of the catalogue that cannot be used."""
        if self.num_failures:
            yield from (item for item in self.reader if isinstance(item, FailedCreative))


def survey_catalog(
    data: Path,
    columns: Path | TableSettings | None = None,
    limit: int | None = None,
    *,
    images: Path | None = None,
    with_days: bool = True,
    words: Path | None = None,
) -> Survey:
    """Scan a catalogue once, under its absolute path, which is also valid for workers with another working folder.

    images: folder with the pictures of an export's ads; with_days: as in `read_catalog`; words: a words file, which adds the
    words in each ad's picture (`features.known_words`).

    Raises:
        CatalogError: the catalogue or words file cannot be read, or no creative is usable (the first failure is named).
    """
    reader = CatalogReader(
        Path(data).absolute(),
        columns=columns,
        images=images and Path(images).absolute(),
        with_days=with_days,
        amend=None if words is None else load_known_words(words).attach,
    )
    num_creatives, num_beyond, num_failures, last_row = 0, 0, 0, 0
    first_failure: FailedCreative | None = None
    by_brand: dict[str, list[Creative]] = {}
    in_brand: dict[str, int] = {}
    for item in reader:
        if isinstance(item, FailedCreative):
            num_failures += 1
            first_failure = first_failure or item
            continue
        if limit is None or num_creatives < limit:
            num_creatives, last_row = num_creatives + 1, item.row
        else:
            num_beyond += 1
        if brand := fold_brand(item):
            in_brand[brand] = in_brand.get(brand, 0) + 1
            if item.has_results:
                latest = by_brand.setdefault(brand, [])
                latest.append(item)
                if len(latest) > 4 * HISTORY_PER_BRAND:
                    by_brand[brand] = _latest(latest)
    if not num_creatives:
        first = f": {first_failure.problem} {first_failure.remedy}" if first_failure else ""
        raise CatalogError(f"nothing in {data} can be used ({num_failures} rows failed){first}")
    history = {brand: _latest(found) for brand, found in by_brand.items() if in_brand[brand] > 1}
    return Survey(
        data=Path(data),
        reader=reader,
        num_creatives=num_creatives,
        last_row=last_row,
        num_failures=num_failures,
        first_failure=first_failure,
        is_limited=num_beyond > 0,
        history=history,
    )


def _latest(creatives: Sequence[Creative]) -> list[Creative]:
    return sorted(creatives, key=lambda creative: creative.date_start)[-HISTORY_PER_BRAND:]


def fold_brand(creative: Creative) -> str:
    """Return a brand in the form used for comparison; see `features.builder.fold`."""
    return " ".join(creative.brand.split()).casefold()


def chunked(creatives: Iterable[Creative], size: int) -> Iterator[tuple[Creative, ...]]:
    """Yield tuples of `size` creatives; the last may be shorter."""
    source = iter(creatives)
    while chunk := tuple(islice(source, size)):
        yield chunk
