"""Infer the decimal sign of the numbers in a file: one sign for the whole file.

"1.234" is a thousand or a little more than one. A file has one number format, so the sign is inferred from all number columns
together: from cells that are a number under only one sign ("1.234,56", "0,021", "12.5"), and from counts, which have no
decimals. An ambiguous file is refused until the user gives the sign (`--decimals`). A cell that is not a number under the sign
is invalid.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from adcreative.catalog.formats.raw_rows import TableSource, read_unbroken
from adcreative.catalog.platforms.columns import TABLES
from adcreative.catalog.platforms.numbers import COMMA, PLAIN, POINT, NumberReading, is_blank, read_marks
from adcreative.config import did_you_mean
from adcreative.errors import CatalogError, ConfigError

DECIMALS = {"point": POINT, "comma": COMMA}
COUNTS = frozenset(TABLES["fields"]["counts"])
AMOUNTS = frozenset(TABLES["fields"]["amounts"])
_SAID = {POINT: "a decimal point", COMMA: "a decimal comma"}
_OTHER = {POINT: COMMA, COMMA: POINT}
_MUCH = 20  # ratio of cells for one sign against the other that settles a contradictory file
_MOST = 0.8  # share of an unknown column's cells from which the column holds numbers


@dataclass(frozen=True)
class _Cell:
    column: str
    row: int
    text: str

    def __str__(self) -> str:
        return f'"{self.text[:40]}" (row {self.row}, column "{self.column[:40]}")'


@dataclass
class _Tally:
    """Evidence from the cells of one or more columns: cells that need each sign, and cells that fit both signs."""

    proofs: dict[str, int] = field(default_factory=lambda: {POINT: 0, COMMA: 0})
    proof: dict[str, _Cell] = field(default_factory=dict)
    open_counts: dict[str, _Cell] = field(default_factory=dict)  # ambiguous mark -> the first such cell
    open_amounts: dict[str, _Cell] = field(default_factory=dict)
    decimal_counts: set[str] = field(default_factory=set)  # signs under which counts have decimals, as "24.0"
    num_filled: int = 0
    num_read: int = 0

    def add(self, cell: _Cell, *, is_count: bool) -> None:
        point, comma = read_marks(cell.text, is_count=is_count)
        self.num_read += point is not None or comma is not None
        if point == comma:
            return
        if point is None or comma is None:
            sign = COMMA if point is None else POINT
            self.proofs[sign] += 1
            self.proof.setdefault(sign, cell)
            if is_count and sign in cell.text:
                self.decimal_counts.add(sign)
        else:  # a group of three digits, or three decimals
            (self.open_counts if is_count else self.open_amounts).setdefault(COMMA if "," in cell.text else POINT, cell)

    def join(self, other: _Tally) -> None:
        self.decimal_counts |= other.decimal_counts
        for sign in (POINT, COMMA):
            self.proofs[sign] += other.proofs[sign]
        for ours, theirs in (
            (self.proof, other.proof),
            (self.open_counts, other.open_counts),
            (self.open_amounts, other.open_amounts),
        ):
            for sign, cell in theirs.items():
                ours.setdefault(sign, cell)


def check_decimals(given: str) -> None:
    """Refuse an unknown decimal sign; "" means none. Raises ConfigError."""
    if given and given not in DECIMALS:
        raise ConfigError(f'--decimals must be point or comma, got "{given[:40]}". {did_you_mean(given, DECIMALS)}')


def find_numbers(source: TableSource, names: Sequence[str], *, name: str, given: str = "") -> NumberReading:
    """Scan a whole table and return how to read its numbers.

    Args:
        names: the field of each column, "" for none.
        name: name of the table in messages.
        given: "point" or "comma" if given by the user, else "".
    Raises:
        CatalogError: the cells fit both signs and the difference matters, or the cells contradict each other.
        ConfigError: `given` is neither "point" nor "comma".
    """
    check_decimals(given)
    if given:
        return NumberReading(decimal=DECIMALS[given])
    known, others = _count_cells(source, names)
    if any(known.proofs.values()):
        return _by_proof(known, name)
    if known.open_counts:
        return _by_counts(known, name)
    if known.open_amounts:
        if sign := _leading(others):
            return NumberReading(decimal=sign)
        raise _ask(next(iter(known.open_amounts.values())), name, "and no other number tells")
    return PLAIN


def guess_numbers(cells: Iterable[Any]) -> NumberReading:
    """Return how to read most cells of unknown kind; with a decimal point if no cell decides."""
    tally = _Tally()
    for cell in cells:
        if isinstance(cell, str):
            tally.add(_Cell("", 0, cell), is_count=False)
    return NumberReading(decimal=max((POINT, COMMA), key=lambda sign: tally.proofs[sign]))


def _count_cells(source: TableSource, names: Sequence[str]) -> tuple[_Tally, _Tally]:
    """Return the evidence from known number columns, and from other columns that hold numbers."""
    tallies = {at: _Tally() for at, name in enumerate(names) if name in COUNTS or name in AMOUNTS or not name}
    for raw in read_unbroken(source):
        for at, tally in tallies.items():
            cell: Any = raw.cells[at]
            if is_blank(cell):
                continue
            tally.num_filled += 1
            if isinstance(cell, str):
                tally.add(_Cell(source.header[at].strip(), raw.row, cell.strip()), is_count=names[at] in COUNTS)
    known, others = _Tally(), _Tally()
    for at, tally in tallies.items():
        if names[at]:
            known.join(tally)
        elif tally.num_read >= _MOST * tally.num_filled:
            others.join(tally)
    return known, others


def _leading(tally: _Tally) -> str:
    """Return the sign with far more evidence than the other, or ""."""
    for sign in (POINT, COMMA):
        if tally.proofs[sign] and tally.proofs[sign] >= _MUCH * tally.proofs[_OTHER[sign]]:
            return sign
    return ""


def _by_proof(tally: _Tally, name: str) -> NumberReading:
    sign = _leading(tally)
    if not sign:
        shown = [f"{tally.proof[one]} has {_SAID[one]}" for one in (POINT, COMMA)]
        raise CatalogError(
            f"{name} writes numbers in two ways: {shown[0]}, {shown[1]}. Write them alike, or say which is right with "
            "--decimals point or --decimals comma."
        )
    if sign in tally.open_counts and sign not in tally.decimal_counts:
        raise _ask(tally.open_counts[sign], name, f"while {tally.proof[sign]} has {_SAID[sign]}")
    return NumberReading(decimal=sign)


def _by_counts(tally: _Tally, name: str) -> NumberReading:
    """Return how to read numbers whose marks all precede three digits: in counts, such a mark groups digits."""
    mark, cell = next(iter(tally.open_counts.items()))
    if len(tally.open_counts) > 1:
        raise _ask(cell, name, "and no other number tells")
    note = f"{cell} is read as {max(value or 0 for value in read_marks(cell.text)):,.0f}, since counts have no decimals."
    return NumberReading(decimal=_OTHER[mark], note=note if mark == POINT else "")


def _ask(cell: _Cell, name: str, why: str) -> CatalogError:
    point, comma = read_marks(cell.text)
    return CatalogError(
        f"{name}: {cell} can mean {point:,.10g} or {comma:,.10g}, {why}. Say which with --decimals point or --decimals comma."
    )
