"""The verb `describe`: product descriptions from a shop's table, one row a product. Loads no torch with the template engine."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from adcreative.catalog.formats.raw_rows import RawRow
from adcreative.catalog.sources import open_product_feed, open_source
from adcreative.catalog.tables import failures_path, write_failures, write_rows
from adcreative.creative import Creative, FailedCreative
from adcreative.errors import CatalogError, ConfigError, CopywriterError, CreativeError
from adcreative.progress import Progress, ShouldStop, never, silent
from adcreative.provenance.run_records import MADE_FROM
from adcreative.runs.batch import RunSummary
from adcreative.runs.continuing import find_kept, hash_told
from adcreative.runs.log import RunLog
from adcreative.runs.outputs import check_outputs, own_outputs
from adcreative.verbs.model_folder import read_model_manifests

if TYPE_CHECKING:
    import numpy as np

    from adcreative.copywriter.brand_kit import BrandKit
    from adcreative.copywriter.products import Description, Lexicon, Product
    from adcreative.copywriter.products.describer import TextScorer

__all__ = ["DESCRIPTION_COLUMNS", "describe"]

DESCRIPTION_COLUMNS = (
    "id", "title", "description", "written_by", "attribute_recall", "missing", "unsupported_claims", "notes",
)  # fmt: skip
_MAX_VALUES = 20_000
_TELLING_PARTS = 2  # of a title in another language, beside its name
_TELLING_NAME_WORDS = 7  # of which a name tells what a thing is without anything else


@dataclass(frozen=True)
class _Feed:
    """What a table says as a whole: its language, "" for English, and the shop's name where it stands for every maker."""

    language: str = ""
    seller: str = ""


def describe(
    data: Path, out: Path, *, llm: str = "template", seed: int = 0, max_chars: int | None = None, rank_by: str = "record",
    model: Path | None = None, brand_kit: Path | None = None, restart: bool = False, progress: Progress = silent,
    should_stop: ShouldStop = never,
) -> RunSummary:  # fmt: skip
    """Write a description for each product of a table; write a CSV, and X.failures.csv beside it.

    Feeds of Google Merchant Center (tables and XML), Shopify, WooCommerce and Amazon are read as they are, plain tables by the
    names of their columns in seven languages (rules/feeds.yaml). Price, pictures, stock and links are passed over, every other
    column with a value is an attribute. Of the shop's own text sentences that say what the product is are told as they are
    (rules/shop_text.yaml); a short name alone is refused. Rows are logged beside `out`; a killed run goes on from there. Rows
    that changed since are done anew, all of them where other values stand in the table.

    Args:
        llm: as for `build_copywriter`. The embedded SmolLM2 gives values to the wrong part ("6 mm in weight"), which
            no check here sees: read its texts before they run.
        rank_by: "record" ranks candidates by coverage and unsupported claims, "predictor" by the predicted rate too.
        model: folder written by `train`, for "predictor"; None is the shipped one.
        brand_kit: a brand manifest (see copywriter.brand_kit): words to avoid, and the brand where a row has none.
    Raises:
        CatalogError: the table cannot be read or has no title column, or no row could be described.
        ConfigError: an engine, a ranking or the brand kit cannot be used, `out` holds a run with other settings, is what is
            read or, without `restart`, somebody else's file.
    """
    from adcreative.copywriter.brand_kit import read_brand_kit
    from adcreative.copywriter.products import Lexicon, build_describer

    data, out = Path(data), Path(out)
    _check_choices(rank_by, max_chars)
    outputs, inputs = (out, failures_path(out)), (data, brand_kit)
    check_outputs(outputs, inputs, restart=restart)
    kit = read_brand_kit(brand_kit) if brand_kit is not None else None
    rows, header = _read_table(data)
    lexicon, feed = _lexicon(rows, header, Lexicon), _read_feed(rows, header)
    scorer = _predictor_scorer(model) if rank_by == "predictor" else None
    describer = build_describer(llm, lexicon=lexicon, scorer=scorer, max_chars=max_chars)
    settings = {
        "verb": "describe", "data": str(data.resolve()), "llm": llm, "seed": seed, "max_chars": describer.max_chars,
        "brand_kit": repr(kit), "ranked_by": read_model_manifests(model)["predictor"].content_hash if scorer else rank_by,
    }  # fmt: skip
    made_from = _hash_rows(rows, header, feed, lexicon)
    describe_one = partial(describer.describe, seed=seed, should_stop=should_stop)
    with RunLog(out.with_name(f".{out.name}.partial.jsonl"), settings, key_field="row", restart=restart) as log:
        kept = find_kept(log.rows, ((number, digest, ("", "")) for number, digest in made_from.items()))
        log.rearrange(kept.places)
        for number, row in enumerate(rows):
            progress("describing", number, len(rows))
            if should_stop() or (found := log.rows.get(row.row) or _describe_row(row, header, feed, kit, describe_one)) is None:
                return RunSummary(path=log.path, done=len(log.rows), failed=0, stopped=True)
            if row.row not in log.rows:
                log.append({"row": row.row, MADE_FROM: made_from[row.row], **found})
        with own_outputs(outputs, inputs, restart=restart):
            summary = _write_descriptions(out, [log.rows[row.row] for row in rows], log)
    return replace(summary, warnings=(*kept.warnings(len(rows)), *summary.warnings))


def _check_choices(rank_by: str, max_chars: int | None) -> None:
    if rank_by not in ("record", "predictor"):
        raise ConfigError(f'rank_by must be "record" or "predictor", got {rank_by!r}')
    if max_chars is not None and max_chars < 40:
        raise ConfigError(f"max_chars must be at least 40, got {max_chars}")


def _hash_rows(rows: Sequence[RawRow], header: Sequence[str], feed: _Feed, lexicon: Lexicon) -> dict[int, str]:
    """Return number -> hash of each row and of what the table says as a whole, which decides about every row."""
    table = hash_told(asdict(feed), sorted(lexicon.values), sorted(lexicon.written), list(header))
    return {row.row: hash_told(table, list(row.cells), row.fault) for row in rows}


def _describe_row(
    row: RawRow, header: Sequence[str], feed: _Feed, kit: BrandKit | None, describe: Callable[[Product], Description]
) -> dict[str, Any] | None:
    """Return the description of one product, or why there is none; None when it was stopped."""
    try:
        product = _product(row, header, feed)
        found = describe(product if kit is None else kit.product(product))
        _check_tells(product, found.text)
    except CreativeError as error:
        return {**_cells(row, header, ("id", "title")), "failed": [error.problem, error.remedy]}
    except CopywriterError as error:
        failed = [str(error), "Correct the row, or use --llm template."]
        return {**_cells(row, header, ("id", "title")), "failed": failed}
    return None if found.is_cancelled else {**_cells(row, header, ("id",)), **_result(product, found)}


def _write_descriptions(out: Path, done: Sequence[Mapping[str, Any]], log: RunLog) -> RunSummary:
    """Write the table and its failures; the log goes.

    Raises:
        CatalogError: no product could be described.
    """
    written = [{name: row[name] for name in DESCRIPTION_COLUMNS} for row in done if "failed" not in row]
    failures = [_failure(row) for row in done if "failed" in row]
    write_failures(failures_path(out), failures)
    if written:
        write_rows(out, written, DESCRIPTION_COLUMNS)
    log.remove()
    if not written:
        raise CatalogError(f"none of the {len(failures)} products could be described; {failures_path(out)} says why")
    warnings = tuple(dict.fromkeys(row["notes"] for row in written if row["notes"]))[:5]
    return RunSummary(path=out, done=len(written), failed=len(failures), warnings=warnings)


def _read_table(path: Path) -> tuple[list[RawRow], tuple[str, ...]]:
    """Return all rows and the header as our names where we know them; the title column must be there."""
    if not path.is_file():
        raise CatalogError(
            f"{path} is not a file. Give a CSV, TSV, JSONL or parquet table, or an XML feed, with one product a row."
        )
    from adcreative.copywriter.products.feeds import roles_of

    source = open_product_feed(path) if path.suffix.casefold() == ".xml" else open_source(path)
    header = roles_of([str(column) for column in source.header])
    if "title" not in header:
        raise CatalogError(
            f"{path.name} has no column title. Name the column that says what each product is, such as a tote bag."
        )
    return _without_variants(list(source.read_rows()), header), header


def _without_variants(rows: Sequence[RawRow], header: Sequence[str]) -> list[RawRow]:
    """Return the rows without Shopify's variants, whose options stand in the row of their product."""
    from adcreative.copywriter.products.feeds import merge_variants

    names = list(dict.fromkeys(name for name in header if name))
    merged = merge_variants([_cells(row, header, names) if row.fault is None else {} for row in rows])
    return [
        row if row.fault is not None else replace(row, cells=[cells.get(name) for name in header])
        for row, cells in zip(rows, merged, strict=True)
        if row.fault is not None or cells
    ]


def _product(row: RawRow, header: Sequence[str], feed: _Feed) -> Product:
    from adcreative.copywriter.products.feeds import read_product
    from adcreative.copywriter.products.product import in_feed

    if row.fault is not None:
        raise CreativeError(*row.fault)
    product = in_feed(read_product(_cells(row, header, header)), feed.language, feed.seller)
    if not product.title:
        raise CreativeError("it has no title.", "Say what the product is, such as a tote bag.")
    if not product.attributes and not product.brand and not _tells_more(product):
        what = "and no sentence of its text surely says what it is" if product.text else "so there is nothing to describe"
        raise CreativeError(f"it has neither a brand nor an attribute, {what}.", "Fill in a column such as material.")
    return product


def _check_tells(product: Product, text: str) -> None:
    """Refuse a text that says a short name and a brand and nothing else, "Waffle set from Acme.", or a title and no more.

    Raises:
        CreativeError: it does.
    """
    from adcreative.copywriter.products.product import content, read_product_facts, tokenize
    from adcreative.copywriter.rules import rule_pack, word_set

    facts = read_product_facts(product)
    elsewhere = rule_pack("product_meanings")["elsewhere"].values()
    from_words = {words["from"] for words in elsewhere}
    for elided in {words["elided"] for words in elsewhere if "elided" in words}:
        text = text.replace(f" {elided}", " ")  # "d'Auzou"
    joints = {token for word in word_set("product_meanings", "joints") | from_words for token in tokenize(word)}
    name = {token for token in content(tokenize(facts.parts.name)) if not token[:1].isdigit()} - joints
    brand = {*tokenize(facts.brand), *tokenize(product.brand)}
    told = set(content(tokenize(text))) - name - brand - joints - {"come"}
    parts = sum(part in text for part in facts.parts.rest)
    is_title = not facts.is_english and not told - set(tokenize(facts.title)) and parts < _TELLING_PARTS
    units = set(rule_pack("products")["units"])
    is_short = len(name - brand) < _TELLING_NAME_WORDS and not any(not token[:1].isdigit() for token in told - units)
    if name and (is_short or is_title):
        raise CreativeError(
            "it has a short name and nothing else that a description is sure to tell rightly.",
            "Fill in a column such as material or description.",
        )


def _tells_more(product: Product) -> bool:
    """Say whether a title tells more than a name: "Deurmat - geribbeld, antislip - 90x150 cm", "Removable Wall Sticker"."""
    from adcreative.copywriter.products.product import read_product_facts
    from adcreative.copywriter.products.title_words import properties_in_title, size_in_title

    facts = read_product_facts(product)
    parts = facts.parts
    is_told = bool(facts.sentences or facts.items or facts.attributes) or bool(parts.has) or len(parts.uses) > 1
    told_in_english = is_told or bool(properties_in_title(product.title)) or bool(size_in_title(product.title))
    return told_in_english if facts.is_english else bool(facts.sentences or facts.items or facts.attributes or parts.rest)


def _cells(row: RawRow, header: Sequence[str], names: Sequence[str]) -> dict[str, str]:
    from adcreative.copywriter.products.feeds import cell_text

    found: dict[str, str] = {}
    for name, cell in zip(header, row.cells, strict=False):
        if name and not found.get(name):
            found[name] = cell_text(cell)
    return {name: found.get(name, "") for name in names}


def _read_feed(rows: Sequence[RawRow], header: Sequence[str]) -> _Feed:
    """Return what a table says as a whole; see `feed_language` and `feed_seller`."""
    from adcreative.copywriter.products.feeds import read_product
    from adcreative.copywriter.products.product import feed_language, feed_seller

    products = [read_product(_cells(row, header, header)) for row in rows if row.fault is None]
    return _Feed(feed_language(products), feed_seller(products))


def _lexicon(rows: Sequence[RawRow], header: Sequence[str], kind: type[Lexicon]) -> Lexicon:
    """Return what the table's other products are like: a value that this one lacks is then known for a false claim."""
    from adcreative.copywriter.products.feeds import read_product

    seen: dict[tuple[str, str], None] = {}
    for row in rows:
        for one in read_product(_cells(row, header, header)).attributes if row.fault is None else ():
            if len(seen) < _MAX_VALUES and len(one[1]) <= 60:
                seen[one] = None
    return kind.of(seen)


def _result(product: Product, found: Description) -> dict[str, Any]:
    return {
        "title": product.title, "description": found.text, "written_by": found.engine,
        "attribute_recall": round(found.statement.recall, 3), "missing": "; ".join(found.statement.missing),
        "unsupported_claims": "; ".join(found.statement.unsupported), "notes": "; ".join(found.notes),
    }  # fmt: skip


def _failure(row: Mapping[str, Any]) -> FailedCreative:
    problem, remedy = row["failed"]
    return FailedCreative(
        file_name="", ad_name=row["id"] or row["title"], problem=f"row {row['row']}: {problem}", remedy=remedy
    )


def _predictor_scorer(model: Path | None) -> TextScorer:
    """Return predicted log-odds of an ad with each text under the product's name."""
    from adcreative.verbs.loading import load_scorer

    extractor, predictor = load_scorer(model)

    def score(texts: Sequence[str], product: Any) -> np.ndarray:
        ads = [Creative(headline=product.name, description=text, brand=product.brand) for text in texts]
        return predictor.predict_log_odds(ads, extractor.extract(ads))[0]  # type: ignore[arg-type]

    return score
