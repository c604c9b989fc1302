"""The verb `place`: positions of sponsored creatives in a text, and the price of each."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from adcreative.artifacts import dump_json, write_atomically
from adcreative.catalog import read_catalog
from adcreative.catalog.event_log import read_numbers
from adcreative.catalog.formats.logs import read_whole_log
from adcreative.catalog.metadata import find_metadata, find_sole_table
from adcreative.catalog.names import read_name
from adcreative.catalog.platforms.rates import HIGH_SHARE
from adcreative.catalog.sources import SOURCES, read_named_cells
from adcreative.catalog.tables import beside
from adcreative.config import did_you_mean
from adcreative.errors import CatalogError, ConfigError
from adcreative.options import takes
from adcreative.papers.position_auctions.settings import PlaceSettings
from adcreative.progress import Progress, ShouldStop, never, silent
from adcreative.runs.batch import RunSummary
from adcreative.runs.outputs import check_outputs, own_outputs

if TYPE_CHECKING:
    from adcreative.creative import Creative
    from adcreative.papers.position_auctions.model import Price
    from adcreative.papers.position_auctions.text import SponsoredText

READERS, OBJECTIVES = ("compare", "cascade"), ("welfare", "revenue")
DEFAULT_CTR = 0.02
MAX_TEXT_BYTES = 2_000_000


@dataclass(frozen=True, kw_only=True)
class _Market:
    """Ads with value per click (None: own products without payments), click rate, address."""

    ads: tuple[Creative, ...]
    values: np.ndarray
    has_bids: bool
    ctr: np.ndarray
    urls: tuple[str, ...]


@takes(PlaceSettings)
def place(
    text: Path,
    out: Path,
    settings: PlaceSettings,
    *,
    creatives: Path,
    restart: bool = False,
    progress: Progress = silent,
    should_stop: ShouldStop = never,
) -> RunSummary:
    """Place sponsored creatives between the paragraphs of a text, each labelled; write `out` (Markdown) and `<out>.json`.

    Ads with a column `bid` (value per click) take part in an auction: the allocation is exact, and each pays per click its
    externality on the others (VCG), or for maximise="revenue" Myerson's payment. Without bids all are own products without
    payment.

    Args:
        creatives: table or folder of ads; columns bid, ctr (click rate in an average place) and url are read besides the words.
        settings: placement options; fields may be given as keywords. The reserve price is computed from `past_bids`.
    Raises:
        CatalogError: text or ads cannot be used. ConfigError: a setting is out of range, or stopped.
    """
    out = Path(out)
    sheet = beside(out, ".json")
    _check(settings)
    inputs = (text, creatives, settings.past_bids, Path(settings.text_encoder) if settings.text_encoder else None)
    check_outputs((out, sheet), inputs, restart=restart)
    from adcreative.papers.position_auctions.text import attractions, read_places

    places, market = read_places(_read_text(Path(text))), _read_market(Path(creatives), settings.decimals)
    if settings.maximise == "revenue" and not market.has_bids:
        raise ConfigError("revenue needs bids: a column bid in the table of ads")
    progress("reading ads and text", 0, 2)
    fit = _measure_fit(market, places, settings.text_encoder)
    if should_stop():
        raise ConfigError("stopped before the result was complete; nothing was written")
    progress("placing", 1, 2)
    odds = attractions(market.ctr, fit, fit_weight=settings.fit_weight, min_fit=settings.min_fit)
    found = _allocate(market, odds, settings)
    with own_outputs((out, sheet), inputs, restart=restart):
        write_atomically(out, _render(places, market, found, settings.label).encode())
        write_atomically(sheet, dump_json(_as_dict(places, market, found, fit, settings), indent=1).encode())
    progress("placing", 2, 2)
    return RunSummary(
        path=out, done=len(found.ads), lines=_say(market, places, found), warnings=_warn(found, fit, settings.min_fit)
    )


@dataclass(frozen=True, kw_only=True)
class _Found:
    ads: np.ndarray
    places: np.ndarray
    chances: np.ndarray
    objective: float
    prices: dict[int, Price] | None
    method: str
    certificate: float


def _check(settings: PlaceSettings) -> None:
    readers, maximise = settings.readers, settings.maximise
    for name, value, known in (("readers", readers, READERS), ("maximise", maximise, OBJECTIVES)):
        if value not in known:
            raise ConfigError(f'{name} must be {" or ".join(known)}, got "{value}". {did_you_mean(value, known)}')
    if settings.max_ads < 1:
        raise ConfigError(f"max_ads must be at least 1, got {settings.max_ads}")
    if (maximise == "revenue") != (settings.past_bids is not None):
        raise ConfigError("maximise revenue and past_bids belong together: the reserve comes from bids of earlier auctions")
    if maximise == "revenue" and readers == "cascade":
        raise ConfigError('revenue is exact for readers "compare" only; choose welfare for cascade readers')
    if not settings.label.strip():
        raise ConfigError("sponsored creatives must be labelled; give a label")


def _read_text(path: Path) -> str:
    try:
        if path.stat().st_size > MAX_TEXT_BYTES:
            raise CatalogError(f"{path} has more than {MAX_TEXT_BYTES:,} bytes; give one article")
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise CatalogError(f"{path} cannot be read as text (UTF-8, Markdown or plain): {error}") from error


def _read_market(source: Path, decimals: str = "") -> _Market:
    """Return ads with their bids, whose numbers have the decimal sign `decimals`; "" infers it.

    Raises:
        CatalogError: as `read_catalog`, or no ad has words. ConfigError: an invalid bid or rate.
    """
    ads = tuple(one for one in read_catalog(source, with_days=False).creatives if one.has_words)
    if not ads:
        raise CatalogError(f"{source} has no ad with words")
    extra: dict[str, dict[str, Any]] = {}
    for path in _tables(source):
        extra |= read_named_cells(path, ("bid", "ctr", "url"))
    own = [extra.get(one.ad_name, {}) for one in ads]
    kinds = {"bid": "cpc", "ctr": "ctr"}
    table = pd.DataFrame({name: pd.Series([one.get(name) for one in own], dtype=object) for name in kinds})
    numbers, _ = read_numbers(table, kinds, str(source), decimals=decimals)
    bids, ctr = (
        [_number(value, one.name, name) for one, value in zip(ads, numbers[name].tolist(), strict=True)] for name in kinds
    )
    has_bids = any(bid is not None for bid in bids)
    if has_bids and None in bids:
        raise ConfigError(f'creative "{ads[bids.index(None)].name}" has no bid; every ad needs one, or none')
    return _Market(
        ads=ads,
        values=np.array([1.0 if bid is None else bid for bid in bids]),
        has_bids=has_bids,
        ctr=np.clip([DEFAULT_CTR if rate is None else rate for rate in ctr], 1e-6, 1 - 1e-6),
        urls=tuple(read_name(one.get("url")) for one in own),
    )


def _tables(source: Path) -> list[Path]:
    """Return the tables of a catalogue: the file itself, or the metadata of a folder, or its only table."""
    if source.is_file():
        return [source]
    return find_metadata(source) or [path for path in [find_sole_table(source, SOURCES)] if path is not None]


def _number(number: float, name: str, what: str) -> float | None:
    """Return a bid or a rate, None for NaN. Raises ConfigError for a number that cannot be one."""
    if number != number:
        return None
    if not (np.isfinite(number) and number >= 0) or (what == "ctr" and number > HIGH_SHARE):
        says = "a number of 0 or more" if what == "bid" else f"0 to {HIGH_SHARE}: 0.008 stands for 0.8 %"
        raise ConfigError(f'creative "{name}": {what} is {number:g}; {says}')
    return number


def _measure_fit(market: _Market, places: SponsoredText, text_encoder: str) -> np.ndarray:
    """Return [n, m] cosines between the words of ads and the words around places, on the scale of the shipped encoder."""
    from adcreative.concepts.grouping import UNRELATED, find_stretch
    from adcreative.verbs import loading

    encode = loading.load_words(text_encoder)
    stretch = find_stretch(encode(UNRELATED)) if text_encoder else 1.0
    ads = encode([f"{one.headline} {one.body}".strip() for one in market.ads])
    around = encode([places.around(gap) for gap in places.gaps])
    fit: np.ndarray = 1 - stretch * (1 - ads.astype(np.float64) @ around.astype(np.float64).T)
    return fit


def _allocate(market: _Market, odds: np.ndarray, settings: PlaceSettings) -> _Found:
    from adcreative.papers.position_auctions import model

    max_ads, past_bids = settings.max_ads, settings.past_bids
    if settings.readers == "cascade":
        cascade = model.place_for_cascade(odds / (1 + odds), market.values, max_ads)
        prices = {one.ad: one for one in cascade.prices} if cascade.prices is not None and market.has_bids else None
        method = "all placements counted" if cascade.prices is not None else "heuristic with certificate, nobody is charged"
        return _Found(
            ads=cascade.ads,
            places=cascade.places,
            chances=cascade.chances,
            objective=cascade.value,
            prices=prices,
            method=method,
            certificate=cascade.certificate,
        )
    if past_bids is not None:
        table = read_whole_log(Path(past_bids))
        if "bid" not in table.columns:
            raise ConfigError(f"{past_bids} has no column bid")
        earlier = read_numbers(table, {"bid": "cpc"}, str(past_bids), decimals=settings.decimals)[0]["bid"]
        usual = model.PastBids(earlier[~np.isnan(earlier)].tolist())
        shown, paid = model.allocate_for_revenue(odds, market.values, max_ads, [usual] * len(market.values))
        method = "exact for expected revenue (virtual values), Myerson payments"
    else:
        shown = model.allocate(odds, market.values, max_ads)
        paid = model.vcg_prices(odds, market.values, max_ads, shown) if market.has_bids else []
        method = "exact for welfare, VCG payments" if market.has_bids else "exact for clicks, own products"
    order = np.argsort(shown.places)
    return _Found(
        ads=shown.ads[order],
        places=shown.places[order],
        chances=shown.chances[order],
        objective=shown.objective,
        prices={one.ad: one for one in paid} if market.has_bids else None,
        method=method,
        certificate=1.0,
    )


def _render(places: SponsoredText, market: _Market, found: _Found, label: str) -> str:
    from adcreative.papers.position_auctions.text import describe_ad, render

    blocks = []
    for ad, at in zip(found.ads, found.places, strict=True):
        creative = market.ads[ad]
        words = describe_ad(creative.headline or creative.ad_name, creative.body, creative.brand, creative.cta, market.urls[ad])
        blocks.append((places.gaps[at], words))
    return render(places, blocks, label=label)


def _as_dict(places: SponsoredText, market: _Market, found: _Found, fit: np.ndarray, settings: PlaceSettings) -> dict[str, Any]:
    rows = []
    for ad, at, chance in zip(found.ads, found.places, found.chances, strict=True):
        price = (found.prices or {}).get(int(ad))
        rows.append(
            {
                "creative": market.ads[ad].name,
                "after_block": places.gaps[at] + 1,
                "fit": float(fit[ad, at]),
                "click_chance": float(chance),
                "bid": float(market.values[ad]) if market.has_bids else None,
                "price_per_click": price.per_click if price else None,
                "payment_per_view": price.per_view if price else None,
            }
        )
    return {
        "readers": settings.readers,
        "maximise": settings.maximise,
        "method": found.method,
        "objective": found.objective,
        "certificate": found.certificate,
        "num_ads": len(market.ads),
        "num_places": len(places.gaps),
        "placed": rows,
    }


def _say(market: _Market, places: SponsoredText, found: _Found) -> tuple[str, ...]:
    lines = []
    for ad, at, chance in zip(found.ads, found.places, found.chances, strict=True):
        price = (found.prices or {}).get(int(ad))
        paid = f", pays {price.per_click:.4g} per click (bid {market.values[ad]:.4g})" if price else ""
        lines.append(f'after block {places.gaps[at] + 1}: "{market.ads[ad].name[:60]}", clicked in {chance:.2%} of views{paid}')
    sure = found.method if found.certificate > 1 - 1e-9 else f"{found.method}: at least {found.certificate:.0%} of the optimum"
    return (*lines, sure)


def _warn(found: _Found, fit: np.ndarray, min_fit: float) -> tuple[str, ...]:
    if len(found.ads) or not fit.size:
        return ()
    if fit.max() < min_fit:
        return (f"no ad fits the text (best cosine {fit.max():.2f}, {min_fit:g} is needed); nothing was placed.",)
    return ("no ad is worth showing at these bids; nothing was placed.",)
