"""A catalogue looked over once before a run: how many creatives, which failed, what brands did earlier, which are still to do.

The catalogue is streamed, as often as it is needed: what is kept of a creative is its row number, and of brands with results
their latest creatives (words and counts, no pixels). Loads no torch.
"""

from __future__ import annotations

import hashlib
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from adcreative.catalog import CatalogReader
from adcreative.creative import Creative, FailedCreative
from adcreative.errors import CatalogError, ConfigError

HISTORY_PER_BRAND = 16


@dataclass(frozen=True, kw_only=True)
class Survey:
    """What one look over a catalogue found.

    data: where it lies, as it was given. num_creatives: usable ones, at most the limit; last_row: of the last of them.
    history: folded brand -> its latest creatives with results, brands with one creative left out, oldest first.
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
        """Sentences about the catalogue that the user should see."""
        return tuple(self.reader.warnings)

    def creatives_to_do(self, done: Container[int], rows: Mapping[int, Mapping[str, Any]] | None = None) -> Iterator[Creative]:
        """Yield the wanted creatives that have no row yet, in order.

        Args:
            rows: what is done already, to be compared with the catalogue.
        Raises:
            ConfigError: a row that is done belongs to another creative: the catalogue was changed meanwhile.
        """
        for creative in self.reader:
            if isinstance(creative, FailedCreative) or not self.is_wanted(creative.row):
                continue
            if creative.row not in done:
                yield creative
            elif rows is not None and creative.row in rows:
                _check_same(creative, rows[creative.row], self.data)

    def failures(self) -> Iterator[FailedCreative]:
        """Yield the rows of the catalogue that cannot be used."""
        if self.num_failures:
            yield from (item for item in self.reader if isinstance(item, FailedCreative))


def survey_catalog(data: Path, columns: Path | None = None, limit: int | None = None, *, images: Path | None = None) -> Survey:
    """Look over a catalogue once, under its absolute path, which workers with another working folder understand too.

    images is the folder with the pictures of an export's ads.

    Raises:
        CatalogError: it cannot be read, or nothing in it can be used; the first failure is named.
    """
    reader = CatalogReader(Path(data).absolute(), columns=columns, images=images and Path(images).absolute())
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
        data=Path(data), reader=reader, num_creatives=num_creatives, last_row=last_row, num_failures=num_failures,
        first_failure=first_failure, is_limited=num_beyond > 0, history=history,
    )  # fmt: skip


def _latest(creatives: Sequence[Creative]) -> list[Creative]:
    return sorted(creatives, key=lambda creative: creative.date_start)[-HISTORY_PER_BRAND:]


def fold_brand(creative: Creative) -> str:
    """Return a brand as it is compared; see `features.builder.fold`."""
    return " ".join(creative.brand.split()).casefold()


def chunked(creatives: Iterable[Creative], size: int) -> Iterator[tuple[Creative, ...]]:
    """Yield runs of `size` creatives; the last may be shorter."""
    source = iter(creatives)
    while chunk := tuple(islice(source, size)):
        yield chunk


def hash_names(salt: str, file_name: str, ad_name: str) -> str:
    """Return what is kept of a purged creative's names: enough to know it again, and no byte of them."""
    return hashlib.sha256("\0".join((salt, file_name, ad_name)).encode("utf-8", "replace")).hexdigest()


def _check_same(creative: Creative, row: Mapping[str, Any], data: Path) -> None:
    logged = row.get("failed", row)
    if "purged" not in row and not (isinstance(logged, Mapping) and {"file_name", "ad_name"} <= logged.keys()):
        raise ConfigError(
            f"what this run kept of row {creative.row} is damaged; choose another --out, or start over with --restart"
        )
    if "purged" in row:  # its names are gone; what is left says only whether it was this creative
        salt, digest = row["purged"]
        if hash_names(salt, creative.file_name, creative.ad_name) != digest:
            raise ConfigError(
                f"{data} was changed since this run began: row {creative.row} is another creative than was purged; "
                "choose another --out, or start over with --restart"
            )
        return
    for name in ("file_name", "ad_name"):
        if logged[name] != getattr(creative, name):
            raise ConfigError(
                f'{data} was changed since this run began: {name} of row {creative.row} was "{logged[name]}" and is '
                f'"{getattr(creative, name)}"; choose another --out, or start over with --restart'
            )
