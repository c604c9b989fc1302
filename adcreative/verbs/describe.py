"""The verb `describe`: product descriptions from a shop's table, one row a product. The template engine imports no torch."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from adcreative.catalog.formats.raw_rows import RawRow
from adcreative.catalog.sources import open_product_feed, open_source
from adcreative.catalog.tables import failures_path, write_failures, write_rows
from adcreative.creative import FailedCreative
from adcreative.encoders.language import detect_language
from adcreative.errors import CatalogError, ConfigError, CopywriterError
from adcreative.progress import Progress, ShouldStop, never, silent
from adcreative.provenance.run_records import MADE_FROM
from adcreative.runs.batch import RunSummary
from adcreative.runs.continuing import find_kept, hash_named, hash_values
from adcreative.runs.log import RunLog, log_files
from adcreative.runs.outputs import check_not_read, check_outputs, own_outputs

if TYPE_CHECKING:
    from adcreative.copywriter.products import Description, Product

DESCRIPTION_COLUMNS = (
    "id",
    "title",
    "description",
    "written_by",
    "attribute_recall",
    "missing",
    "unsupported_claims",
    "notes",
)
_MAX_VALUES, _MAX_TITLES, _MAX_CHARS = 20_000, 200, 60  # of values, their characters


def describe(
    data: Path,
    out: Path,
    *,
    llm: str = "template",
    seed: int = 0,
    max_chars: int | None = None,
    brand_kit: Path | None = None,
    restart: bool = False,
    progress: Progress = silent,
    should_stop: ShouldStop = never,
) -> RunSummary:
    """Write a description for each product of a table; write a CSV, and X.failures.csv next to it.

    A description is the record's own title without shop boilerplate, then up to four facts in the words of the record. With
    `llm` the description is prose; every number, material, name and claim of the prose must be in the record. Otherwise the
    plain form is given and the column notes says why. Feeds of Google Merchant Center (tables and XML), Shopify, WooCommerce
    and Amazon are recognized, plain tables by column names (rules/feeds.yaml). Rows are logged next to `out`; a killed run
    continues from the log. Changed rows are done anew; all rows are, when the table's set of values changed.

    Args:
        llm: as for `build_copywriter`.
        brand_kit: a brand manifest (see copywriter.brand_kit): facts with words to avoid are left out.
    Raises:
        CatalogError: the table cannot be read or has no title column, or no row could be described.
        ConfigError: an engine or the brand kit cannot be used, `out` holds a run with other settings, is an input or, without
            `restart`, a file of another program.
    """
    from adcreative.copywriter.brand_kit import read_brand_kit
    from adcreative.copywriter.products import build_source, describe_product

    data, out = Path(data), Path(out)
    if max_chars is not None and max_chars < 40:
        raise ConfigError(f"max_chars must be at least 40, got {max_chars}")
    outputs, inputs = (out, failures_path(out)), (data, brand_kit, Path(llm))
    log_path = out.with_name(f".{out.name}.partial.jsonl")
    check_outputs(outputs, inputs, restart=restart)
    check_not_read(log_files(log_path), inputs)
    kit = read_brand_kit(brand_kit) if brand_kit is not None else None
    products = _read_table(data)
    if kit is not None:
        products = {row: one if isinstance(one, list) else kit.product(one) for row, one in products.items()}
    whole = [one for one in products.values() if not isinstance(one, list)]
    values = {one.value.casefold() for product in whole for one in product.attributes if len(one.value) <= _MAX_CHARS}
    others = sorted(values)[:_MAX_VALUES]
    language = detect_language(". ".join(product.title for product in whole[:_MAX_TITLES]))
    describe_one = partial(
        describe_product,
        source=build_source(llm),
        others=others,
        max_chars=max_chars,
        seed=seed,
        should_stop=should_stop,
    )
    settings = {
        "verb": "describe",
        "data": str(data.resolve()),
        "llm": llm,
        "seed": seed,
        "max_chars": max_chars,
        "brand_kit": repr(kit),
        **hash_named(llm=llm),
    }
    made_from = {row: hash_values(language, others, repr(product)) for row, product in products.items()}
    with RunLog(log_path, settings, key_field="row", restart=restart) as log:
        kept = find_kept(log.rows, ((number, digest, ("", "")) for number, digest in made_from.items()))
        log.rearrange(kept.places)
        for number, (row, product) in enumerate(products.items()):
            progress("describing", number, len(products))
            found = {} if should_stop() else log.rows.get(row) or _describe_row(product, language, describe_one)
            if should_stop():
                return RunSummary(path=log.path, done=len(log.rows), failed=0, stopped=True)
            if row not in log.rows:
                log.append({"row": row, MADE_FROM: made_from[row], **found})
        with own_outputs(outputs, inputs, restart=restart):
            summary = _write_descriptions(out, [log.rows[row] for row in products], log)
    return replace(summary, warnings=(*kept.warnings(len(products)), *summary.warnings))


def _describe_row(product: Product | list[str], language: str, describe_one: Callable[..., Description]) -> dict[str, Any]:
    """Return the row of one product, or [name, problem, remedy] of a product that cannot be described."""
    if isinstance(product, list):
        return {"failed": product}
    try:
        found = describe_one(product, is_english=(product.language or language) in ("", "en"))
    except CopywriterError as error:
        return {"failed": [product.key or product.title, *str(error).split(". ", 1), ""][:3]}
    return {
        "id": product.key,
        "title": product.title,
        "description": found.text,
        "written_by": found.engine,
        "attribute_recall": round(len(found.told) / (len(found.told) + len(found.untold)), 3),
        "missing": "; ".join(found.untold),
        "unsupported_claims": "",
        "notes": "; ".join(found.notes),
    }


def _write_descriptions(out: Path, done: Sequence[Mapping[str, Any]], log: RunLog) -> RunSummary:
    """Write the table and the failures; remove the log.

    Raises:
        CatalogError: no product could be described.
    """
    written = [{name: row[name] for name in DESCRIPTION_COLUMNS} for row in done if "failed" not in row]
    failures = [_failure(row["row"], *row["failed"]) for row in done if "failed" in row]
    write_failures(failures_path(out), failures)
    if written:
        write_rows(out, written, DESCRIPTION_COLUMNS)
    log.remove()
    if not written:
        raise CatalogError(f"none of the {len(failures)} products could be described; {failures_path(out)} says why")
    warnings = tuple(dict.fromkeys(row["notes"] for row in written if row["notes"]))[:5]
    return RunSummary(path=out, done=len(written), failed=len(failures), warnings=warnings)


def _failure(row: int, name: str, problem: str, remedy: str) -> FailedCreative:
    return FailedCreative(file_name="", ad_name=name, problem=f"row {row}: {problem}", remedy=remedy)


def _read_table(path: Path) -> dict[int, Product | list[str]]:
    """Return row number -> product, or [name, problem, remedy]; variants of Shopify are merged into their product.

    Raises:
        CatalogError: no such file, or no column is a title.
    """
    from adcreative.copywriter.products.feeds import cells_of, merge_variants, read_product, roles_of

    if not path.is_file():
        raise CatalogError(
            f"{path} is not a file. Give a CSV, TSV, JSONL or parquet table, or an XML feed, with one product a row."
        )
    source = open_product_feed(path) if path.suffix.casefold() == ".xml" else open_source(path)
    header = roles_of([str(column) for column in source.header])
    if "title" not in header:
        raise CatalogError(
            f"{path.name} has no column title. Name the column that says what each product is, such as a tote bag."
        )
    rows: list[RawRow] = list(source.read_rows())
    merged = merge_variants([cells_of(header, row.cells) if row.fault is None else {} for row in rows])
    return {
        row.row: ["", *row.fault] if row.fault is not None else read_product(cells)
        for row, cells in zip(rows, merged, strict=True)
        if row.fault is not None or cells
    }
