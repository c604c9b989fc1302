"""The closed loop: store results of variants in a DuckDB file, compare them with predictions, and train on them.

Results are joined to variants by the id in the ad name, else by the exact name. Importing is idempotent: importing the same
file again changes nothing, and a later export of the same days replaces the earlier counts. Needs the extra `loop`.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from adcreative.artifacts import make_private_dir, open_atomically
from adcreative.catalog.mapping import TableSettings
from adcreative.catalog.platforms.columns import fold_column
from adcreative.catalog.results import ResultRow, read_results
from adcreative.creative import TEXT_COLUMNS
from adcreative.delivery.experiment.variants import Variant, find_variant_id
from adcreative.errors import CatalogError, ConfigError
from adcreative.problem import Problem
from adcreative.progress import track

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_TABLES = """
CREATE TABLE IF NOT EXISTS variants (
    variant_id VARCHAR PRIMARY KEY, run_hash VARCHAR, campaign VARCHAR, test VARCHAR, arm VARCHAR, name VARCHAR,
    ctr_predicted DOUBLE, image_path VARCHAR, creative JSON);
CREATE TABLE IF NOT EXISTS imports (sha256 VARCHAR PRIMARY KEY, file_name VARCHAR);
CREATE TABLE IF NOT EXISTS results (
    variant_id VARCHAR, campaign VARCHAR, ad_set VARCHAR, placement VARCHAR, date_start VARCHAR, date_end VARCHAR,
    impressions BIGINT, clicks BIGINT, spend DOUBLE, currency VARCHAR, sha256 VARCHAR,
    PRIMARY KEY (variant_id, campaign, ad_set, placement, date_start, date_end));
"""
_ALL_TIME = ("0000-00-00", "9999-99-99")


@dataclass(frozen=True, kw_only=True)
class Import:
    """Outcome of one import: matched rows, rows without a known variant (and some of their names), refused rows."""

    matched: int
    unmatched: int
    refused: int
    is_known: bool
    warnings: tuple[str, ...]


@contextmanager
def open_store(path: Path) -> Iterator[Any]:
    """Open or create the DuckDB file; the block is one atomic transaction.

    Raises:
        ConfigError: duckdb is not installed. CatalogError: not a DuckDB file, or in use by another program.
    """
    try:
        import duckdb
    except ImportError as error:
        raise ConfigError("the closed loop needs DuckDB; run pip install 'adcreative[loop]'") from error
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.is_file() and not _is_store(path):  # DuckDB opens tables too, and keeps nothing of what is written then
        raise CatalogError(f"{path} is not a DuckDB file, so it cannot keep results. Choose another --db.")
    try:
        connection = duckdb.connect(str(path))
    except duckdb.Error as error:
        reason = str(error).splitlines()[0]
        raise CatalogError(f"{path} cannot be opened ({reason}). Close other programs, or choose another --db.") from error
    try:
        connection.execute("BEGIN")
        connection.execute(_TABLES)
        yield connection
        connection.execute("COMMIT")
    except duckdb.Error as error:
        connection.execute("ROLLBACK")
        reason = str(error).splitlines()[0]
        raise CatalogError(f"{path} is of another program, or damaged ({reason}). Choose another --db.") from error
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    finally:
        connection.close()


def _is_store(path: Path) -> bool:
    """Return whether a file is empty or has the mark of a DuckDB file behind its checksum."""
    with path.open("rb") as file:
        head = file.read(12)
    return not head or head[8:] == b"DUCK"


def import_results(
    store: Path, export: Path, variants: Sequence[Variant] = (), *, columns: Path | TableSettings | None = None
) -> Import:
    """Import the results of one platform export into the store; `variants` of a run are stored first.

    Args:
        store: the DuckDB file, created when missing.
        export: a table readable by `read_results`.
        columns: mapping file for its columns, or its content.
    Raises:
        CatalogError: the export is unreadable, or no row belongs to a known variant.
    """
    results = read_results(export, columns=columns)
    sha256 = hashlib.sha256(Path(export).read_bytes()).hexdigest()
    warnings = list(results.warnings)
    with open_store(store) as connection:
        _remember(connection, variants)
        matches, unmatched = _match(connection, results.rows)
        if not matches:
            shown = ", ".join(f'"{name[:60]}"' for name in list(unmatched)[:3])
            raise CatalogError(
                f"{Path(export).name}: none of the {len(results.rows)} rows belongs to a known variant (such as {shown}). "
                "Give the run they come from, and keep the ids in the names of the ads."
            )
        if unmatched:
            shown = ", ".join(f'"{name[:60]}"' for name in list(unmatched)[:3])
            warnings.append(Problem("no_known_variant", num=sum(unmatched.values()), shown=shown))
        is_known = connection.execute("SELECT count(*) FROM imports WHERE sha256 = ?", [sha256]).fetchone()[0] > 0
        refused = 0
        if is_known:
            warnings.append(f"{Path(export).name} was imported before; nothing changed.")
        else:
            for variant_id, rows in matches.items():
                if not _replace(connection, variant_id, rows, sha256):
                    refused += len(rows)
            connection.execute("INSERT INTO imports VALUES (?, ?)", [sha256, Path(export).name])
        if refused:
            warnings.append(
                f"{refused} rows cover days that an earlier import covers only as part of a longer span; they were left out. "
                "Export whole spans, or day by day."
            )
    num_rows = sum(len(rows) for rows in matches.values())
    return Import(
        matched=num_rows - refused,
        unmatched=sum(unmatched.values()),
        refused=refused,
        is_known=is_known,
        warnings=tuple(warnings),
    )


def _remember(connection: DuckDBPyConnection, variants: Sequence[Variant]) -> None:
    for variant in variants:
        creative = {name: getattr(variant.creative, name) for name in TEXT_COLUMNS}
        image = str(variant.creative.image_path.resolve()) if variant.creative.image_path else ""
        connection.execute(
            "INSERT OR REPLACE INTO variants VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [
                variant.variant_id,
                variant.run_hash,
                variant.campaign,
                variant.test,
                variant.arm,
                variant.name,
                variant.ctr,
                image,
                json.dumps(creative, ensure_ascii=False),
            ],
        )


def _match(connection: DuckDBPyConnection, rows: Sequence[ResultRow]) -> tuple[dict[str, list[ResultRow]], Counter[str]]:
    """Return variant id -> its rows, and the names that match no variant."""
    ids: set[str] = set()
    by_name: dict[str, set[str]] = {}
    for variant_id, arm, name, creative in connection.execute(
        "SELECT variant_id, arm, name, creative FROM variants"
    ).fetchall():
        ids.add(variant_id)
        by_name.setdefault(fold_column(name), set()).add(variant_id)
        ad_name = json.loads(creative)["ad_name"]
        if arm == "control" and ad_name:  # the original may keep running under its old name
            by_name.setdefault(fold_column(ad_name), set()).add(variant_id)
    matches: dict[str, list[ResultRow]] = {}
    unmatched: Counter[str] = Counter()
    for row in rows:
        variant_id = find_variant_id(row.ad_name, row.ad_id)
        if variant_id not in ids:
            named = by_name.get(fold_column(row.ad_name), set())
            variant_id = next(iter(named)) if len(named) == 1 else ""
        if variant_id:
            matches.setdefault(variant_id, []).append(row)
        else:
            unmatched[row.ad_name] += 1
    return matches, unmatched


def _replace(connection: DuckDBPyConnection, variant_id: str, rows: Sequence[ResultRow], sha256: str) -> bool:
    """Replace older rows of one variant on the same days; False if an older date range extends beyond the new one."""
    spans = [(row.date_start or _ALL_TIME[0], row.date_end or _ALL_TIME[1]) for row in rows]
    first, last = min(start for start, _ in spans), max(end for _, end in spans)
    older = connection.execute(
        "SELECT DISTINCT date_start, date_end FROM results WHERE variant_id = ? AND date_start <= ? AND date_end >= ?",
        [variant_id, last, first],
    ).fetchall()
    if any(start < first or end > last for start, end in older):
        return False
    connection.execute(
        "DELETE FROM results WHERE variant_id = ? AND date_start >= ? AND date_end <= ?", [variant_id, first, last]
    )
    added: dict[tuple[str, ...], list[Any]] = {}
    for row, span in zip(rows, spans, strict=True):
        entry = added.setdefault((row.campaign, row.ad_set, row.placement, *span), [0, 0, None, row.currency])
        entry[0] += row.impressions
        entry[1] += row.clicks
        entry[2] = entry[2] if row.spend is None else (entry[2] or 0.0) + row.spend
    for key, values in added.items():
        connection.execute("INSERT INTO results VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", [variant_id, *key, *values, sha256])
    return True


def read_outcomes(store: Path) -> list[dict[str, Any]]:
    """Return one row per variant with results: ids, predicted and real click rate, counts; sorted by test and arm."""
    with open_store(store) as connection:
        cursor = connection.execute(
            "SELECT v.variant_id, v.run_hash, v.campaign, v.test, v.arm, v.name, v.ctr_predicted, v.image_path, v.creative,"
            " sum(r.impressions)::BIGINT AS impressions, sum(r.clicks)::BIGINT AS clicks, sum(r.spend) AS spend,"
            " min(r.date_start) AS date_start, max(r.date_end) AS date_end, max(r.currency) AS currency"
            " FROM variants v JOIN results r USING (variant_id) GROUP BY ALL ORDER BY v.run_hash, v.campaign, v.test, v.arm"
        )
        names = [column[0] for column in cursor.description]
        rows = [dict(zip(names, values, strict=True)) for values in cursor.fetchall()]
    for row in rows:
        row["ctr_real"] = row["clicks"] / row["impressions"]
        row["real_by_predicted"] = row["ctr_real"] / row["ctr_predicted"] if row["ctr_predicted"] else None
        row["date_start"], row["date_end"] = (
            "" if value in _ALL_TIME else value for value in (row["date_start"], row["date_end"])
        )
    return rows


def write_training_table(outcomes: Sequence[Mapping[str, Any]], out_dir: Path) -> int:
    """Write a folder readable by `adcreative train`: metadata.parquet and the pictures; return the number of rows.

    The arms of one test share a test_id, so that no split separates them. A variant with a missing picture is left out.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    out_dir = Path(out_dir)
    rows = []
    for outcome in track(outcomes, "copying pictures"):
        creative = {name: value for name, value in json.loads(outcome["creative"]).items() if name in TEXT_COLUMNS}
        creative["file_name"] = ""
        if outcome["image_path"]:
            image_path = Path(outcome["image_path"])
            if not image_path.is_file():
                continue
            creative["file_name"] = f"images/{outcome['variant_id']}{image_path.suffix.lower()}"
            make_private_dir(out_dir / "images")
            shutil.copyfile(image_path, out_dir / creative["file_name"])
            (out_dir / creative["file_name"]).chmod(0o600)
        creative |= {name: outcome[name] or "" for name in ("date_start", "date_end", "currency")}
        creative |= {
            "ad_name": outcome["name"],
            "test_id": f"{outcome['run_hash'][:12]}/{outcome['campaign']}/{outcome['test']}",
            "impressions": outcome["impressions"],
            "clicks": outcome["clicks"],
            "spend": outcome["spend"],
        }
        rows.append(creative)
    if not rows:
        raise CatalogError(
            "no variant with results still has its picture, so there is nothing to train on. Keep the run folders."
        )
    with open_atomically(out_dir / "metadata.parquet") as file:
        pq.write_table(pa.Table.from_pylist(rows), file)
    return len(rows)
