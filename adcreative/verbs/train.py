"""The verb `train`: fit predictor, judge and auditor to an account's results."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from adcreative.artifacts import check_replaceable, write_atomically
from adcreative.catalog import Catalog
from adcreative.catalog.mapping import read_settings as read_table_settings
from adcreative.catalog.tables import failures_path, write_failures
from adcreative.creative import Creative, FailedCreative
from adcreative.ctr.card import ACCOUNT_KIND
from adcreative.encoders.language import detect_language
from adcreative.encoders.text_encoder import E5, TextEncoder
from adcreative.encoders.weights import build_source, check_weight
from adcreative.errors import ArtifactError
from adcreative.features.picture_fields import fill_from_pictures, has_open_fields, words_without_picture
from adcreative.features.tables import extract_features, keep_with_results, read_usable
from adcreative.features.word_readings import find_reader
from adcreative.options import takes
from adcreative.progress import Count, Progress, ShouldStop, count_stage, never, silent
from adcreative.runs.batch import RunSummary
from adcreative.runs.log import locked
from adcreative.runs.outputs import check_outputs, own_outputs
from adcreative.verbs.model_folder import ROLES, TOGETHER, note_models
from adcreative.verbs.settings import TrainSettings

if TYPE_CHECKING:
    from adcreative.ctr.account.model import AccountModel
    from adcreative.lettering import TextReading

PLOT = "reliability.png"
NO_ENCODER = "none"  # value of `text_encoder` for training without a further encoder
MANY_PICTURES = 60  # a second or more each to read; as many ads are fitted in about a minute
MODALITIES = ("words", "picture", "faces", "context")


@dataclass(frozen=True, kw_only=True)
class Trainable:
    """Training data in a table: ads with impressions and clicks, clicks, and different ads, each with the minimum for `train`.

    Ads with the same words, test or picture count as one."""

    num_ads: int
    num_clicks: int
    num_different: int
    min_ads: int
    min_clicks: int
    min_different: int

    @property
    def is_enough(self) -> bool:
        had = self.num_ads, self.num_clicks, self.num_different
        return all(one >= least for one, least in zip(had, (self.min_ads, self.min_clicks, self.min_different), strict=True))


def count_trainable(data: Path, *, columns: Path | None = None, images: Path | None = None, dates: str = "") -> Trainable:
    """Count the training data for `train`, in seconds and without a model.

    Raises:
        CatalogError: nothing usable in `data`.
    """
    from adcreative.ctr.account.table import number_groups
    from adcreative.ctr.config import PredictorConfig

    catalog = read_usable(Path(data), read_table_settings(columns, dates=dates), images=images)
    found = [creative for creative in catalog.creatives if creative.has_results]
    clicks = sum(creative.clicks or 0 for creative in found)
    config = PredictorConfig()
    return Trainable(
        num_ads=len(found),
        num_clicks=clicks,
        num_different=len(set(number_groups(found).tolist())),
        min_ads=config.min_rows,
        min_clicks=config.min_clicks,
        min_different=config.min_groups,
    )


@takes(TrainSettings)
def train(
    data: Path,
    out: Path,
    settings: TrainSettings,
    *,
    restart: bool = False,
    progress: Progress = silent,
    should_stop: ShouldStop = never,
) -> RunSummary:
    """Fit predictor, judge and auditor to creatives with impressions and clicks; write all three into the folder `out`.

    Each is a stack of members, weighed on groups of ads left out of the fit (`ctr.account`): simple floors, a mixed-effects
    model of words, columns and pictures, and the shipped model's score. `out`/README.md is the card: every member's weight, the
    gain of the stack over each floor, level and coverage. The shipped model is left out with `from_scratch`, or with a warning
    where the installed encoders differ from the shipped model's. `data` may be the export of an ad platform: features are then
    words, and the pictures in `images`, joined by name, id or hash. For an ad without words the words in its picture are read,
    as in `score`. `text_encoder` names a further encoder of words, such as "multilingual-e5-small": a named weight, a folder,
    an installed package or a hub id, needed again to score. By default that encoder is used where most ads are in other
    languages than English; "none" uses no further encoder. `network` names networks of the registry that become members
    too; the card states their weight, and the gain over the rest. With `ledger`, the share of a searched change that is stated
    is what came true in the user's own tests, as far as they tell (`concepts.ledger`).

    Args:
        settings: training data and options; fields may be given as keywords.
    Raises:
        CatalogError: nothing usable in `data`. ConfigError: `out` has a README.md of another program, without `restart`.
        ArtifactError: `out`/predictor, /judge or /auditor holds a model of another kind.
        ConfigError: `text_encoder` cannot be loaded, or no `network` of that name is for creatives.
        TrainingError: too few creatives with results, or their clicks carry no information.
    """
    data, out, text_encoder = Path(data), Path(out), settings.text_encoder
    networks = [name.strip() for name in settings.network.split(",") if name.strip()]
    inputs = (data, settings.columns, settings.images, settings.words, *((Path(text_encoder),) if text_encoder else ()))
    shares = None if settings.ledger is None else _read_shares(settings.ledger)
    inputs += () if settings.ledger is None else (settings.ledger,)
    outputs = _check_place(out, inputs, restart)
    from adcreative.ctr.account.fitting import fit_account
    from adcreative.ctr.account.members import find_candidates
    from adcreative.ctr.config import PredictorConfig
    from adcreative.ctr.evaluation import describe_lonely_tests
    from adcreative.ctr.training.loop import Callbacks
    from adcreative.features.builder import check_finite
    from adcreative.verbs.loading import load_tools

    find_candidates(networks)  # refused before the ads are read
    named = TextEncoder.load(text_encoder) if text_encoder not in ("", NO_ENCODER) else None
    progress("reading results", 0, 1)
    catalog, with_results = _read_trainable(data, settings)
    extractor = load_tools(features=settings.features).extractor
    shipped_warnings: list[str] = []
    shipped = (None,) * len(ROLES) if settings.from_scratch else _load_shipped(shipped_warnings)
    warnings: list[str] = []

    def learn(ads: Sequence[Creative]) -> tuple[Sequence[Creative], list[FailedCreative], Sequence[AccountModel]] | None:
        """Return the readable ads, the unreadable ones, and the models; None when stopped."""
        creatives, seen, failures = extract_features(extractor, ads, progress, should_stop)
        if should_stop():
            return None
        check_finite(creatives, seen)
        warnings[:] = [*catalog.warnings, *shipped_warnings, *filter(None, [describe_lonely_tests(creatives)])]
        encoder = named or (None if text_encoder else _find_encoder(creatives, warnings))
        fitted = fit_account(
            creatives,
            seen,
            seed=settings.seed,
            config=PredictorConfig(encoder_hashes=extractor.hashes),
            shipped=shipped,
            text_encoder=encoder,
            provenance=dict.fromkeys(MODALITIES, "measured: own results"),
            networks=networks,
            callbacks=Callbacks(count_stage(progress, "fitting"), should_stop),
        )
        return creatives, failures, fitted

    learnt = learn(with_results) if _bring_words(with_results) else None
    if learnt is None or "words" in learnt[2][0].rate_parts:
        reader = find_reader(lambda: extractor.cache)
        learnt = learn(_fill_words(with_results, reader, count_stage(progress, "reading words in pictures"), should_stop))
    else:
        warnings.append("words in pictures were not read: those that the ads bring tell nothing of their rates")
    if learnt is None:
        return RunSummary(path=out, done=0, failed=0, stopped=True)
    creatives, failed, fitted = learnt
    if shares is not None:
        for model in fitted:
            model.state_share(shares(model.searched_share))
    failures = [*catalog.failures, *failed]
    with locked(out / TOGETHER), own_outputs(outputs, inputs, restart=restart):  # prevents a mix of models of two trainings
        note_models(out, {role: model.save(out / role) for role, model in zip(ROLES, fitted, strict=True)})
        _write_card(fitted[0].card("predictor"), out)
        write_failures(failures_path(out / "training"), failures)
    return RunSummary(path=out, done=len(creatives), failed=len(failures), warnings=tuple(warnings))


def _read_shares(path: Path) -> Callable[[float], float]:
    """Return share known before the tests of a ledger -> share with them, both 0..1 (`ctr.search_shrinkage`)."""
    from adcreative.concepts.ledger import calibrate, read

    tests = read(path)
    return lambda prior: min(max(calibrate(tests, prior).share, 0.0), 1.0)


def _bring_words(creatives: Sequence[Creative]) -> bool:
    """Return whether reading words in pictures would take long and most ads have words of their own.

    A fit then shows sooner whether words explain the rates; if not, words in pictures need not be read."""
    from adcreative.ctr.account.table import number_groups
    from adcreative.ctr.config import PredictorConfig

    is_open = [one.has_image and has_open_fields(one) and words_without_picture(one) is None for one in creatives]
    if sum(is_open) < MANY_PICTURES or sum(one.has_words for one in creatives) <= len(creatives) / 2:
        return False
    return len(set(number_groups(creatives).tolist())) >= PredictorConfig().min_groups


def _fill_words(
    creatives: Sequence[Creative], reader: TextReading | None, tell: Count, should_stop: ShouldStop
) -> list[Creative]:
    """Return the creatives with empty fields read in their pictures; when stopped, only those read so far."""
    filled: list[Creative] = []
    tell(0, len(creatives))
    for one in fill_from_pictures(creatives, reader):
        filled.append(one)
        tell(len(filled), len(creatives))
        if should_stop():
            break
    return filled


def _find_encoder(creatives: Sequence[Creative], warnings: list[str]) -> TextEncoder | None:
    """Return the encoder of a hundred languages where most ads are not in English, else None."""
    languages = [detect_language(creative.text) for creative in creatives]
    if sum(language not in ("en", "") for language in languages) <= languages.count("en"):
        return None
    if check_weight(E5) == "absent":
        warnings.append(f"most words are not English, and no encoder of their language is here. {build_source(E5).remedy}")
        return None
    return TextEncoder.load(E5)


def _read_trainable(data: Path, settings: TrainSettings) -> tuple[Catalog, list[Creative]]:
    """Return the catalogue of `data` and its creatives with results; refuses too few before the slow reading of pictures."""
    from adcreative.ctr.config import PredictorConfig
    from adcreative.ctr.trainable import check_trainable

    columns = read_table_settings(settings.columns, dates=settings.dates)
    catalog = read_usable(data, columns, images=settings.images, words=settings.words)
    with_results = keep_with_results(catalog, data)
    check_trainable(with_results, PredictorConfig())
    return catalog, with_results


def _check_place(out: Path, inputs: Sequence[Path | None], restart: bool) -> tuple[Path, ...]:
    """Return the files next to the models; raise as `train` when an output cannot be written."""
    outputs = (failures_path(out / "training"), out / "README.md", out / PLOT, out / TOGETHER)
    check_outputs(outputs, inputs, restart=restart)
    for role in ROLES:
        check_replaceable(out / role, ACCOUNT_KIND)
    return outputs


def _write_card(card: Mapping[str, Any], out: Path) -> None:
    from adcreative.report.account_card import render_account_card
    from adcreative.report.plots import draw_account

    write_atomically(out / PLOT, draw_account(card["calibration"]))
    write_atomically(out / "README.md", render_account_card(card, plot=PLOT).encode())


def _load_shipped(warnings: list[str]) -> Sequence[Any]:
    """Return the shipped models, or None for each, with a warning, where they were fitted with other encoders."""
    from adcreative.verbs.loading import load_model

    try:
        return load_model(None)
    except ArtifactError as error:
        warnings.append(f"learnt from these results alone: {error}")
        return (None,) * len(ROLES)
