"""Impression logs of any size, read in parts: CSV, parquet, libsvm/libfm, Criteo's and Avazu's raw files. No torch.

A part is a pandas table with the requested columns. Names, ids and categories are read as text: the caller says which columns
hold them, since 007 and 7 look like the same number. libsvm lines (`label index:1 ...`) become the columns label and f0, f1,
... in the order of the line: libfm files have one entry per field.
"""

from __future__ import annotations

import contextlib
import csv
import re
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet

from adcreative.catalog.formats.item_sequences import is_item_sequences, iter_sequence_log
from adcreative.catalog.formats.parser_errors import typed
from adcreative.catalog.log_schema import LogSchema
from adcreative.catalog.names import read_name
from adcreative.catalog.tables import is_our_header, unescape_cell
from adcreative.errors import CatalogError
from adcreative.progress import track

PART_ROWS = 131_072
READ_BYTES = 1 << 20  # read size per column of a parquet file; with pre-buffering, earlier row groups would stay in memory
PART_ITEMS, MIN_PART_ROWS = 2_000_000, 256  # history items read at a time
CSV_SUFFIXES, PARQUET_SUFFIXES, LIBSVM_SUFFIXES = (".csv", ".tsv", ".txt"), (".parquet", ".pq"), (".libsvm", ".libfm", ".svm")
CRITEO_COLUMNS = ("label", *(f"I{k}" for k in range(1, 14)), *(f"C{k}" for k in range(1, 27)))

_NOT_UTF8 = re.compile(r"CSV column #(\d+).*invalid UTF8")
_EXACT = {2: 2**11, 4: 2**24}  # bytes of a float -> the first whole number that may be rounded
_INDEX = re.compile(r"__index_level_\d+__")
IsText = Callable[[str], bool]

AVAZU_COLUMNS, AVAZU_HOURS = {"id", "click", "hour", "banner_pos", "site_id", "app_id"}, ("hour", "weekday", "is_weekend")


def list_log_files(path: Path) -> list[Path]:
    """Return the files of a log, sorted by name: the file itself, or the files in the folder.

    Raises:
        CatalogError: the path does not exist, or no file has a known suffix.
    """
    path = Path(path)
    known = (*CSV_SUFFIXES, *PARQUET_SUFFIXES, *LIBSVM_SUFFIXES)
    if not path.exists():
        raise CatalogError(f"{path} is not there; give the file or folder of an impression log")
    files = [path] if path.is_file() else sorted(one for one in path.iterdir() if one.suffix.casefold() in known)
    if not files or files[0].suffix.casefold() not in known:
        raise CatalogError(f"{path} is no log that can be read; known endings: {', '.join(known)}")
    return files


def log_columns(path: Path) -> list[str]:
    """Return the column names of a log's first file. Raises CatalogError as `list_log_files`."""
    return list(map(str, read_sample(path, 50).columns))


def read_sample(path: Path, num_rows: int = 10_000) -> pd.DataFrame:
    """Return the first rows of a log.

    Raises:
        CatalogError: as `iter_log`, or the log has no row.
    """
    for part in iter_log(path, part_rows=num_rows):
        return part.head(num_rows)
    raise CatalogError(f"{path} has no row")


def read_whole_log(path: Path, is_text: IsText = lambda name: True) -> pd.DataFrame:
    """Return all rows of a log that fits in memory; every column is text unless `is_text` says otherwise.

    Raises:
        CatalogError: as `iter_log`, or the log has no row.
    """
    parts = [*iter_log(path, is_text=is_text)]
    if not parts:
        raise CatalogError(f"{path} has no row")
    return pd.concat(parts, ignore_index=True)


def read_names(column: pd.Series) -> pd.Series:
    """Return a column of names or ids as text, "" for missing values.

    Raises:
        CatalogError: the column holds lists, or floats so large that digits are lost.
    """
    if pd.api.types.is_float_dtype(column) and (column.abs() >= _EXACT.get(column.to_numpy().itemsize, 1e15)).any():
        most = column.abs().max()
        raise CatalogError(f'the column "{column.name}" holds ids as rounded numbers, such as {most:g}; save them as text')
    try:
        codes, found = pd.factorize(column)
    except TypeError as error:
        raise CatalogError(f'the column "{column.name}" holds lists or records; it needs one name a row') from error
    names = np.array([*(read_name(value) for value in found), ""], dtype=object)
    return pd.Series(names[codes], index=column.index, name=column.name, dtype=str)


def part_rows_of(schema: LogSchema) -> int:
    """Return the number of log rows to read at a time: fewer for long histories."""
    items_a_row = max(len(schema.sequences) * schema.max_history, 1)
    return min(PART_ROWS, max(PART_ITEMS // items_a_row, MIN_PART_ROWS))


def iter_log(
    path: Path, columns: Sequence[str] | None = None, *, part_rows: int = PART_ROWS, is_text: IsText = lambda name: False
) -> Iterator[pd.DataFrame]:
    """Yield a log in parts of about `part_rows` rows, in the order of its files; memory holds one part.

    Args:
        columns: columns to read; None reads all.
        is_text: whether a column holds names, ids or categories, which are read verbatim; other columns are parsed as numbers
            if possible.
    Raises:
        CatalogError: a file cannot be read, or has a column twice; the message names the column.
    """
    for file in list_log_files(path):
        try:
            with typed(str(file)):
                parts = _iter_file(file, columns, part_rows, is_text)
                for part in track(parts, f"reading {file.name}", count=len):
                    if part.columns.has_duplicates:
                        twice = part.columns[part.columns.duplicated()][0]
                        raise CatalogError(f'{file} has the column "{twice}" more than once; rename or remove one')
                    yield part
        except CatalogError as error:
            if isinstance(error.__cause__, (pa.ArrowException, OSError, KeyError)):
                said = " ".join(str(error.__cause__).split())
                if found := _NOT_UTF8.search(said):
                    column = log_names(file)[int(found[1])]
                    raise CatalogError(f'{file}: the column "{column}" is not UTF-8; save the table as CSV (UTF-8)') from error
                raise CatalogError(f"{file} cannot be read ({said}); check the file and its columns") from error.__cause__
            raise


def _iter_file(file: Path, columns: Sequence[str] | None, part_rows: int, is_text: IsText) -> Iterator[pd.DataFrame]:
    suffix = file.suffix.casefold()
    if suffix in PARQUET_SUFFIXES:
        yield from _iter_parquet(file, columns, part_rows, is_text)
    elif suffix in LIBSVM_SUFFIXES:
        yield from (part if columns is None else part[list(columns)] for part in _iter_libsvm(file, part_rows))
    else:
        yield from _iter_csv(file, columns, part_rows, is_text)


def _iter_parquet(file: Path, columns: Sequence[str] | None, part_rows: int, is_text: IsText) -> Iterator[pd.DataFrame]:
    """Yield parts of a parquet file; a file of item sequences becomes rows with histories."""
    opened = pyarrow.parquet.ParquetFile(file, pre_buffer=False, buffer_size=READ_BYTES)
    if is_item_sequences(set(opened.schema_arrow.names)):
        num_items = int(pc.max(pc.list_flatten(opened.read(["items"]).column("items"))).as_py() or 0)
        tables = (batch.to_pandas() for batch in opened.iter_batches(max(part_rows // 16, 1)))
        yield from (part if columns is None else part[list(columns)] for part in iter_sequence_log(tables, num_items))
        return
    wanted = None if columns is None else list(columns)
    for batch in opened.iter_batches(part_rows, columns=wanted, use_threads=False):
        yield _with_texts(batch, is_text).to_pandas()


def _with_texts(batch: pa.RecordBatch, is_text: IsText) -> pa.RecordBatch:
    """Return a part with ids as text: pandas would hold whole numbers with gaps as floats, which lose digits.

    The pandas metadata of the file (types and row labels) is dropped.
    """
    if not any(is_text(field.name) and _is_held_otherwise(field.type) for field in batch.schema):
        return batch
    batch = batch.replace_schema_metadata(None).select([name for name in batch.schema.names if not _INDEX.fullmatch(name)])
    for at, field in enumerate(batch.schema):
        if is_text(field.name) and _is_held_otherwise(field.type):
            kind = field.type.value_type if pa.types.is_dictionary(field.type) else field.type
            with contextlib.suppress(pa.ArrowInvalid):  # non-text bytes stay bytes; the column's reader reports them
                batch = batch.set_column(at, field.name, batch.column(at).cast(kind).cast(pa.string()))
    return batch


def _is_held_otherwise(kind: pa.DataType) -> bool:
    """Return whether pandas would not hold ids of this type as text."""
    tests = (pa.types.is_integer, pa.types.is_decimal, pa.types.is_dictionary, pa.types.is_binary, pa.types.is_large_binary)
    return any(test(kind) for test in tests)


def _split_hour(part: pd.DataFrame) -> pd.DataFrame:
    """Return Avazu rows with hour (YYMMDDHH) split into hour of the day, weekday (0 = Monday) and is_weekend."""
    when = pd.to_datetime(part["hour"].astype(str).str.zfill(8), format="%y%m%d%H")
    weekday = when.dt.day_of_week
    return part.assign(hour=when.dt.hour, weekday=weekday, is_weekend=(weekday >= 5).astype("int64"))


def _iter_csv(file: Path, columns: Sequence[str] | None, part_rows: int, is_text: IsText) -> Iterator[pd.DataFrame]:
    """Yield parts of a CSV file; Criteo's raw files get column names, Avazu's hour is split into three columns."""
    if set(_first_line(file).split(",")) >= AVAZU_COLUMNS:
        wanted = None if columns is None else list(dict.fromkeys("hour" if c in AVAZU_HOURS else c for c in columns))
        for part in _iter_csv_rows(file, wanted, part_rows, is_text):
            found = _split_hour(part) if "hour" in part else part
            yield found if columns is None else found[list(columns)]
        return
    yield from _iter_csv_rows(file, columns, part_rows, is_text)


def _first_line(file: Path) -> str:
    with file.open("r", encoding="utf-8", errors="replace") as lines:
        return lines.readline().rstrip("\n").removeprefix("\ufeff")


def _find_delimiter(head: str) -> str:
    return "\t" if head.count("\t") > head.count(",") else ","


def _is_criteo(head: str) -> bool:
    return head.count("\t") == len(CRITEO_COLUMNS) - 1 and head.split("\t", 1)[0] in ("0", "1")


def log_names(file: Path) -> Sequence[str]:
    """Return the column names of a CSV file, from its first line."""
    head = _first_line(file)
    return CRITEO_COLUMNS if _is_criteo(head) else next(csv.reader([head], delimiter=_find_delimiter(head)), [])


def _iter_csv_rows(file: Path, columns: Sequence[str] | None, part_rows: int, is_text: IsText) -> Iterator[pd.DataFrame]:
    delimiter, is_criteo = _find_delimiter(head := _first_line(file)), _is_criteo(head)
    is_ours = is_our_header(head)
    reader = pyarrow.csv.open_csv(
        file,
        read_options=pyarrow.csv.ReadOptions(column_names=list(CRITEO_COLUMNS) if is_criteo else None, block_size=1 << 24),
        parse_options=pyarrow.csv.ParseOptions(delimiter=delimiter),
        convert_options=pyarrow.csv.ConvertOptions(
            include_columns=None if columns is None else list(columns),
            column_types={name: pa.string() for name in log_names(file) if is_text(name)},
        ),
    )
    waiting: list[pd.DataFrame] = []
    for batch in reader:
        unread = [field.name for field in batch.schema if pa.types.is_binary(field.type)]
        if unread:
            raise CatalogError(f'{file}: the column "{unread[0]}" is not UTF-8; save the table as CSV (UTF-8)')
        waiting.append(_unescape(batch.to_pandas()) if is_ours else batch.to_pandas())
        if sum(map(len, waiting)) >= part_rows:
            whole = pd.concat(waiting, ignore_index=True)
            yield from (whole.iloc[start : start + part_rows] for start in range(0, len(whole) - part_rows + 1, part_rows))
            waiting = [whole.iloc[len(whole) - len(whole) % part_rows :]]
    if sum(map(len, waiting)):
        yield pd.concat(waiting, ignore_index=True)


def _unescape(part: pd.DataFrame) -> pd.DataFrame:
    """Return rows of a table written by this program with the escaping of formulas undone."""
    words = part.select_dtypes(["object", "string"])
    return part.assign(**{str(name): words[name].map(_unescape_text) for name in words})


def _unescape_text(value: object) -> object:
    return unescape_cell(value) if isinstance(value, str) else value


def _iter_libsvm(file: Path, part_rows: int) -> Iterator[pd.DataFrame]:
    with file.open("r", encoding="utf-8") as lines:
        width, number = None, 0
        while chunk := list(islice(lines, part_rows)):
            rows = []
            for line in chunk:
                number += 1
                label, *entries = line.split() or [""]
                try:
                    pairs = [(int(index), float(value)) for index, value in (entry.split(":") for entry in entries)]
                    click = float(label)
                except ValueError as error:
                    raise CatalogError(f'{file} line {number} must be a label and "index:1" for each category') from error
                if any(value != 1.0 for _, value in pairs):
                    raise CatalogError(f'{file} line {number}: entries must be "index:1", one for each category')
                width = len(pairs) if width is None else width
                if len(pairs) != width:
                    raise CatalogError(
                        f"{file} line {number} has {len(pairs)} entries, the first line {width}; each field needs one"
                    )
                rows.append([click, *(index for index, _ in pairs)])
            yield pd.DataFrame(rows, columns=["label", *(f"f{k}" for k in range(width or 0))])
