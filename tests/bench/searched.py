"""What comes true of the best of many versions after own results: many markets at little cost, by the rule of delivery.

    python -m tests.bench.searched --out FOLDER                    markets 40 to 59, which no rule was chosen on
    python -m tests.bench.searched --out FOLDER --shipped          the same with the shipped models, without own results

A market's truth depends on its seed and on what is measured in pictures and words, not on who drew them. So 384 ads, and twelve
to edit with 15 to 37 finished pictures each, are drawn, read and measured once and kept in FOLDER. Each market plants its own
truth over them, draws results for --ads of the first, and fits an account's model to these (`fit_account`; the networks, which
earn little weight here, are left out). Then it searches the versions of each of the others: every new line, button and picture
alone, and the best of each kind together. Words are not set into pictures. The rule is the editor's own (`decision.opinions`).

share: true over expected change, both summed over delivered edits; what is expected is not yet multiplied with the share of
`ctr/search_shrinkage.toml`. interval: 95 %, over markets. Markets are written to FOLDER as they come; a run goes on.
bars: what the same versions give where lower bounds lie further below the mean than the search's did (--risk-aversion).
"""

from __future__ import annotations

import argparse
import json
import pickle
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from scipy import stats

from adcreative.creative import Creative
from adcreative.ctr.account import part_fitting
from adcreative.ctr.account.fitting import fit_account
from adcreative.ctr.account.members import NETWORKS
from adcreative.ctr.search_shrinkage import read_searched_share
from adcreative.editor.decision.judge import Verdict, shrink_uplift
from adcreative.editor.decision.opinions import THIRD_SHARE, Opinion, ask_choosers, audit
from adcreative.editor.models import EditorTools
from adcreative.editor.preparation.lines import build_lines, offer_buttons
from adcreative.editor.preparation.picture import open_creative
from adcreative.editor.settings import EditorConfig, SessionSettings
from adcreative.editor.space.lines import Lines
from adcreative.errors import CreativeError
from adcreative.features.batch import CreativeFeatures
from adcreative.market.measures import PictureMeasures, measure_picture
from adcreative.market.simulator import CREATIVE_NOISE, IMPRESSION_SPREAD, MAX_IMPRESSIONS, MEDIAN_IMPRESSIONS, MIN_IMPRESSIONS
from adcreative.market.truth import AdContext, PlantedTruth, rate
from adcreative.verbs.loading import Judges, load_market, load_model, load_tools

MARKETS = tuple(range(40, 60))
KNOWN_MARKET, EDITED_MARKET = 60, 61  # whose drawing is used; what they plant is not
NUM_PARTS, ADS_PER_PART, NUM_EDITED = 6, 64, 6
NUM_BEST = (5, 3, 4, 2)  # headlines, descriptions, pictures and buttons that are combined
CONFIG = EditorConfig(edit_look=True, set_text=False, num_buttons=0)
NUM_RESAMPLES = 2000
BARS = (0.8, 1.0, 1.28, 1.645)
Key = tuple[int, int, int, int]  # headline, description, picture, button


@dataclass(frozen=True)
class Seen:
    """An ad as encoders and market see it: its pixels are not kept."""

    creative: Creative
    features: CreativeFeatures
    measures: PictureMeasures | None
    appeal: float

    def log_odds(self, truth: PlantedTruth) -> dict[str, float]:
        """Return the parts of the true log-odds."""
        one = self.creative
        context = AdContext(brand=one.brand, category=one.category, placement=one.placement, cta=one.cta)
        return truth.terms(context, headline=one.headline, body=one.body, appeal=self.appeal, picture=self.measures)


@dataclass(frozen=True)
class Editable:
    """An ad to edit: itself, its lines with their appeals, and its finished pictures, its own first."""

    ad: Seen
    lines: Lines
    appeals: Sequence[float]
    pictures: Sequence[Seen]

    def version(self, key: Key) -> Seen:
        """Return a version by its lines, picture and button."""
        headline, description, picture, button = key
        creative = self.lines.apply(self.ad.creative, headline, description, button)
        features, measures = self.pictures[picture].features, self.pictures[picture].measures
        for words, part in (
            (self.lines.headline_features[headline], "headline"),
            (self.lines.description_features[description], "body"),
        ):
            if words is not None and (headline if part == "headline" else description):
                features = features.with_words_of(words, (part,))
        return Seen(creative, features, measures, self.appeals[headline])


@dataclass(frozen=True, kw_only=True)
class Found:
    """The best version of an ad in a market, in log-odds. expected: before the share of searched changes; std: around it."""

    market: int
    ad: int
    key: Key
    true: float
    chosen: float
    low: float
    audited: float
    audited_low: float
    expected: float
    std: float
    is_delivered: bool


def read_ads(creatives: Sequence[Creative]) -> list[Seen]:
    """Return ads as encoders and market see them; those that cannot be read are left out."""
    tools = load_tools()
    appeals = _appeals([one.headline for one in creatives])
    seen = []
    for creative, features in zip(creatives, tools.extractor.for_models(()).extract(creatives), strict=True):
        if not isinstance(features, CreativeError):
            pixels = creative.image_u8
            measures = None if pixels is None else measure_picture(pixels, tools.analyzer)
            seen.append(Seen(replace(creative, image_u8=None), features, measures, appeals[creative.headline]))
    return seen


def _appeals(headlines: Sequence[str]) -> dict[str, float]:
    texts = sorted({text for text in headlines if text.strip()})
    scores = load_tools().headline_model.score(texts) if texts else []
    return dict.fromkeys(headlines, 0.0) | dict(zip(texts, map(float, scores), strict=True))


def prepare(creative: Creative, *, seed: int) -> Editable:
    """Return an ad with its lines and with pictures in which faces and look were edited, one by one and together, at random."""
    tools = load_tools().editor_tools(load_model(None), None)
    tools = replace(tools, text_reader=None)
    opened = open_creative(creative, tools, SessionSettings(config=CONFIG))
    lines, _ = build_lines(opened.creative, opened.features, tools, CONFIG, None)
    pictures = [replace(opened.creative, image_u8=pixels) for pixels in _compose(opened, tools, np.random.default_rng(seed))]
    seen = read_ads(pictures)
    kept = [one for one in seen if len(one.features.face_codes) == len(opened.features.face_codes)]
    appeals = _appeals(lines.headlines)
    return Editable(kept[0], lines, [appeals[line] for line in lines.headlines], kept)


def _compose(opened: Any, tools: EditorTools, rng: np.random.Generator) -> Iterator[np.ndarray]:
    adjuster, image_u8 = opened.adjuster, opened.image_u8
    sides = [np.where(np.arange(5) == place, side, 0.0) for place in range(4) for side in (adjuster.low, adjuster.high)]
    looks = [np.zeros(5), *sides]
    looks += [rng.uniform(adjuster.low, adjuster.high) * (rng.random(5) < 0.7) for _ in range(6)]
    for look in looks:
        yield adjuster.apply(image_u8, look)
    if opened.session is None:
        return
    low, high = 0.6 * np.asarray(tools.directions.low), 0.6 * np.asarray(tools.directions.high)
    num, plain = len(low), np.zeros(5)
    edits = [(np.where(np.arange(num) == place, side, 0.0), plain) for place in range(num) for side in (low, high)]
    for number in range(8):
        strengths = rng.uniform(low, high) * (rng.random(num) < 0.6)
        look = rng.uniform(adjuster.low, adjuster.high) * (rng.random(5) < 0.6) if number >= 4 else plain
        edits.append((strengths, look))
    for strengths, look in edits:
        composed = opened.session.compose(np.tile(strengths, (len(opened.face_rows), 1)).astype(np.float32))
        yield adjuster.apply(composed, look)


def load_ads(folder: Path) -> tuple[list[Seen], list[Editable]]:
    """Return the ads of the account and those to edit, from the folder where they are kept; what is missing is made."""
    folder.mkdir(parents=True, exist_ok=True)
    known: list[Seen] = []
    for part in range(NUM_PARTS):
        known += _kept(folder / f"known{part}.pkl", partial(_draw_known, part))
    edited = [_kept(folder / f"edited{number}.pkl", partial(_draw_edited, number)) for number in range(2 * NUM_EDITED)]
    return known, edited


def _draw_known(part: int) -> list[Seen]:
    return read_ads(load_market(KNOWN_MARKET).make_creatives(ADS_PER_PART, seed=100 + part, results=False))


def _draw_edited(number: int) -> Editable:
    fresh = load_market(EDITED_MARKET).make_creatives(16, seed=200 + number // NUM_EDITED, results=False)
    return prepare([one for one in fresh if one.has_image][number % NUM_EDITED], seed=number)


def _kept(path: Path, make: Callable[[], Any]) -> Any:
    """Return what this program left in its own folder, or make and leave it."""
    if not path.exists():
        path.with_suffix(".new").write_bytes(pickle.dumps(make()))
        path.with_suffix(".new").rename(path)
    return pickle.loads(path.read_bytes())


def fit_models(known: Sequence[Seen], truth: PlantedTruth, num: int) -> Judges:
    """Draw results of `num` of the ads in a market, as it draws them, and fit the models of an account to them."""
    rng = np.random.default_rng([truth.seed, num])
    chosen = [known[row] for row in np.sort(rng.choice(len(known), min(num, len(known)), replace=False))]
    creatives = []
    for one in chosen:
        shown = np.exp(rng.normal(np.log(MEDIAN_IMPRESSIONS), IMPRESSION_SPREAD))
        impressions = int(np.clip(round(float(shown)), MIN_IMPRESSIONS, MAX_IMPRESSIONS))
        true = rate(one.log_odds(truth) | {"noise": float(rng.normal(0.0, CREATIVE_NOISE))})
        creatives.append(replace(one.creative, impressions=impressions, clicks=int(rng.binomial(impressions, true))))
    for half in ("KNOWN_GROUPS", "NEW_GROUPS"):
        setattr(part_fitting, half, tuple(name for name in getattr(part_fitting, half) if name not in NETWORKS))
    return Judges(*fit_account(creatives, [one.features for one in chosen], seed=0, shipped=load_model(None)))


def search(editable: Editable, models: Judges, config: EditorConfig = CONFIG) -> tuple[Key, Opinion, Verdict]:
    """Return the version with the largest lower bound, what those who chose it say, and the verdict; nothing is shrunk."""
    tools: Any = argparse.Namespace(**models._asdict())
    lines = replace(editable.lines, buttons=offer_buttons(editable.ad.creative, models.predictor, 4))
    editable, own = replace(editable, lines=lines), editable.ad
    opinions: dict[Key, Opinion] = {}

    def ask(keys: Sequence[Key]) -> None:
        fit = [key for key in keys if lines.is_fit(key[0], key[1]) and key not in opinions and any(key)]
        found = [editable.version(key) for key in fit]
        asked = [own.creative, *(one.creative for one in found)], [own.features, *(one.features for one in found)]
        opinions.update(zip(fit, ask_choosers(*asked, tools, config) if fit else (), strict=True))

    sizes = (len(lines.headlines), len(lines.descriptions), len(editable.pictures), max(len(lines.buttons), 1))
    alone = [[_alone(place, choice) for choice in range(1, size)] for place, size in enumerate(sizes)]
    ask([key for keys in alone for key in keys])
    best = [
        [0, *(key[place] for key in sorted((key for key in keys if key in opinions), key=lambda key: -opinions[key].low)[:num])]
        for place, (keys, num) in enumerate(zip(alone, NUM_BEST, strict=True))
    ]
    ask([(h, d, p, b) for h, d, p, b in product(*best)])
    key = max(opinions, key=lambda one: opinions[one].low)
    version = editable.version(key)
    verdict = audit([own.creative, version.creative], [own.features, version.features], opinions[key], tools, config)
    return key, opinions[key], verdict


def _alone(place: int, choice: int) -> Key:
    return (choice * (place == 0), choice * (place == 1), choice * (place == 2), choice * (place == 3))


def measure_market(
    seed: int, known: Sequence[Seen], edited: Sequence[Editable], num: int, *, shipped: bool, config: EditorConfig
) -> list[Found]:
    """Return what was found for each ad in one market."""
    truth = PlantedTruth(seed)
    models = load_model(None) if shipped else fit_models(known, truth, num)
    rows = []
    for number, editable in enumerate(edited):
        key, opinion, verdict = _search_shipped(number, editable, config) if shipped else search(editable, models, config)
        buttons = offer_buttons(editable.ad.creative, models.predictor, 4)
        after = replace(editable, lines=replace(editable.lines, buttons=buttons)).version(key).log_odds(truth)
        before = editable.ad.log_odds(truth)
        rows.append(
            Found(
                market=seed,
                ad=number,
                key=key,
                true=sum(after.values()) - sum(before.values()),
                chosen=opinion.chosen,
                low=opinion.low,
                audited=verdict.audited,
                audited_low=verdict.audited_low,
                expected=verdict.expected,
                std=verdict.std,
                is_delivered=verdict.is_delivered,
            )
        )
    return rows


_remembered: dict[int, tuple[Key, Opinion, Verdict]] = {}


def _search_shipped(number: int, editable: Editable, config: EditorConfig) -> tuple[Key, Opinion, Verdict]:
    """Return what `search` does with the shipped models, which say the same in every market."""
    if number not in _remembered:
        _remembered[number] = search(editable, load_model(None), config)
    return _remembered[number]


def summarise(rows: Sequence[Found], *, seed: int = 0) -> dict[str, Any]:
    """Return delivered edits, gain, those that are truly worse, the share and how far stated intervals hold the truth."""
    markets = sorted({one.market for one in rows})
    delivered = [one for one in rows if one.is_delivered]
    by_market = np.array(
        [
            [
                sum(one.true for one in delivered if one.market == market),
                sum(one.expected for one in delivered if one.market == market),
            ]
            for market in markets
        ]
    )
    picks = np.random.default_rng(seed).integers(len(markets), size=(NUM_RESAMPLES, len(markets)))
    above, below = by_market[picks].sum(axis=1).T
    shares = above[below > 0] / below[below > 0]
    held = [abs(one.true - one.expected) <= stats.norm.ppf(0.95) * one.std for one in delivered]
    return {
        "markets": len(markets),
        "ads": len(rows),
        **_count(rows, delivered),
        "share": float(by_market[:, 0].sum() / by_market[:, 1].sum()) if delivered else None,
        "share_interval": np.quantile(shares, (0.025, 0.975)).round(3).tolist() if len(shares) else None,
        "held": float(np.mean(held)) if delivered else None,
    }


def _count(rows: Sequence[Found], delivered: Sequence[Found]) -> dict[str, float]:
    worse = [one for one in delivered if one.true < 0]
    gain = sum(np.expm1(one.true) for one in delivered) / len(rows)
    return {"delivered": len(delivered), "worse": len(worse), "gain": round(float(gain), 4)}


def raise_bars(rows: Sequence[Found], risk_aversion: float) -> dict[str, dict[str, float]]:
    """Return what is delivered at each of BARS for those who chose; the third need only see a gain, or has to be sure by the
    rule's share of that bar, or by all of it."""
    found = {}
    for bar in BARS:
        for name, share in (("two", 0.0), ("rule", THIRD_SHARE), ("three", 1.0)):
            of_third = share * bar / THIRD_SHARE  # deviations of the recorded bound
            delivered = [
                one
                for one in rows
                if one.chosen - bar * (one.chosen - one.low) / risk_aversion > 0
                and one.audited - of_third * (one.audited - one.audited_low) / risk_aversion > 0
                and read_searched_share()[0] * shrink_uplift(one.chosen, one.audited) > CONFIG.min_uplift
            ]
            found[f"rule, {bar:g}" if name == "rule" else f"{name} models, {bar:g}"] = _count(rows, delivered)
    return found


def main() -> None:
    """Measure the markets that are not in the folder yet, and print what all of them say."""
    import torch

    torch.set_num_threads(1)
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--markets", type=int, nargs="+", default=list(MARKETS), help="seeds of planted truths")
    parser.add_argument("--ads", type=int, default=300, help="ads with results in each market")
    parser.add_argument("--out", type=Path, required=True, help="folder for the ads and what was found")
    parser.add_argument("--shipped", action="store_true", help="the shipped models, without own results")
    parser.add_argument("--risk-aversion", type=float, default=CONFIG.risk_aversion, help="of the search and the rule")
    parser.add_argument("--stop-after", type=float, default=np.inf, help="seconds after which no further market is begun")
    arguments = parser.parse_args()
    started_s = time.monotonic()
    known, edited = load_ads(arguments.out)
    config = replace(CONFIG, risk_aversion=arguments.risk_aversion)
    path = arguments.out / f"found-{'shipped' if arguments.shipped else arguments.ads}-{config.risk_aversion:g}.jsonl"
    rows = [Found(**json.loads(line)) for line in path.read_text().splitlines()] if path.exists() else []
    for seed in arguments.markets:
        if time.monotonic() - started_s > arguments.stop_after:
            break
        if seed not in {one.market for one in rows}:
            found = measure_market(seed, known, edited, arguments.ads, shipped=arguments.shipped, config=config)
            with path.open("a") as file:
                file.writelines(json.dumps(asdict(one)) + "\n" for one in found)
            rows += found
            print(f"market {seed}: {sum(one.is_delivered for one in found)} of {len(found)}", flush=True)
    rows = [one for one in rows if one.market in set(arguments.markets)]
    print(json.dumps(summarise(rows) | {"bars": raise_bars(rows, config.risk_aversion)}, indent=1))


if __name__ == "__main__":
    main()
