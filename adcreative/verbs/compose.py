"""The verb `compose`: new ads from a brief, in every shape, as a set of concepts worth testing."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import date
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from adcreative.artifacts import dump_json, hash_file, make_private_dir, write_atomically
from adcreative.catalog.images import read_image
from adcreative.catalog.tables import write_rows
from adcreative.compose.brief import NAME, Brief, Prepared, prepare, read_brief, write_template
from adcreative.compose.checks import faults
from adcreative.compose.cutouts import load_segmenter
from adcreative.compose.measures import grid_of, likeness
from adcreative.compose.parts import Parts
from adcreative.compose.recipe import Recipe
from adcreative.compose.render import Composed, compose_ad
from adcreative.compose.search import POPULATION, Candidate, Score, Search, as_creative, choose, words_as_creative
from adcreative.compose.shapes import Shape, shape_named
from adcreative.compose.stored import FOLDER, PARTS, part_files, write_parts
from adcreative.creative import Creative
from adcreative.encoders.faces import LatestFaces, load_face_analyzer
from adcreative.encoders.threads import iter_in_threads
from adcreative.errors import CatalogError, ConfigError
from adcreative.features.cache import VersionCache, hash_picture
from adcreative.features.lettering import DrawnLines
from adcreative.options import takes
from adcreative.progress import Progress, ShouldStop, count_stage, never, silent
from adcreative.provenance.disclosure import disclosures_of_run
from adcreative.provenance.sidecar import export_picture, sidecar_path
from adcreative.provenance.weight import fit_export
from adcreative.report.wall import render_wall
from adcreative.runs.batch import RunSummary
from adcreative.runs.outputs import own_outputs
from adcreative.verbs.settings import ComposeSettings

if TYPE_CHECKING:
    from adcreative.features.extraction import FaceFinder
    from adcreative.verbs.loading import Judges

AD, REPORT, TABLE = "ad.json", "report.html", "metadata.csv"
FORMAT = 1
Show = Callable[[np.ndarray], object]  # takes the pixels [H, W, 3] uint8 of an ad in its first shape
RISK_AVERSION = 1.0  # required margin, in standard deviations of the pooled opinion
LEAST_POPULATION = 12  # of the search, when few ads are requested, such as per row of a feed
QUALITY = 93  # of a JPEG
UNTESTED = (
    "The models have seen no results of this account: the order is that of the design rules, each ad is untested and worth a "
    "test, not a promise. Learn from your own results first: adcreative train DATA --out model/, then --model model/."
)
TESTED = "The order is that of the account's model, by the lower bound of what two models expect of the final pixels and words."
COLUMNS = ("file_name", "ad_name", "headline", "description", "cta", "brand")


def new_brief(folder: Path) -> RunSummary:
    """Write a brief to fill in into a folder.

    Raises:
        ConfigError: the folder has a brief already.
    """
    return RunSummary(path=write_template(Path(folder)), done=1)


@takes(ComposeSettings)
def compose(
    brief: Path | Brief,
    out: Path,
    settings: ComposeSettings,
    *,
    progress: Progress = silent,
    should_stop: ShouldStop = never,
    show: Show | None = None,
) -> RunSummary:
    """Compose ads from a brief into the folder `out`: a folder per ad, parts/, report.html, and metadata.csv for other verbs.

    Without `model` the design rules set the order, and each ad is untested. The same brief, settings and seed give the same
    files.

    Args:
        brief: brief.toml, its folder, or a `Brief`. settings: fields may be given as keywords.
        show: called with each ad as soon as the ad is chosen, before the files are written.
    Raises:
        ConfigError: the brief or a setting is wrong, or `out` holds files of another program.
        CatalogError: no ad can be composed of these parts. CreativeError: a photo cannot be read.
    """
    started_s = time.monotonic()
    shapes = parse_shapes(settings.shapes)
    if settings.num < 1:
        raise ConfigError(f"--num must be at least 1, got {settings.num}")
    given = brief if isinstance(brief, Brief) else read_brief(brief)
    progress("preparing the parts", 0, 1)
    prepared = prepare(given, segment=load_segmenter(settings.cutout_model), find_faces=find_faces if given.photos else None)
    ran = [grid_of(read_image(path)) for path in given.ran]
    progress("preparing the parts", 1, 1)
    chosen = search_ads(prepared, shapes, settings, ran, progress=progress, should_stop=should_stop, show=show)
    if not chosen:
        raise CatalogError(_why_none(prepared, shapes))
    files = given.files if isinstance(brief, Brief) else (*given.files, Path(brief))
    ads = write_set(chosen, prepared, given, Path(out), shapes, settings, inputs=files)
    warnings: tuple[str, ...] = () if settings.model else (UNTESTED,)
    if len(chosen) < settings.num:
        warnings += (
            f"{len(chosen)} ads of {settings.num} are worth a test of their own; give more messages, photos or facts.",
        )
    return RunSummary(
        path=Path(out) / REPORT,
        done=len(ads),
        stopped=should_stop(),
        warnings=warnings,
        seconds=round(time.monotonic() - started_s, 1),
        lines=prepared.notes,
    )


def parse_shapes(text: str) -> tuple[Shape, ...]:
    """Return the shapes of a list such as "1:1,4:5". Raises ConfigError for an unknown shape or an empty list."""
    shapes = tuple(shape_named(name.strip()) for name in text.split(",") if name.strip())
    if not shapes:
        raise ConfigError('--shapes names no shape; write some, such as "1:1,4:5,9:16".')
    return tuple(dict.fromkeys(shapes))


def find_faces(image_u8: np.ndarray) -> list[tuple[float, float, float, float]]:
    """Return the boxes of faces in a picture [H, W, 3] uint8, px, largest first."""
    return [face.box_xyxy_px for face in _face_finder().analyze(image_u8)]


@lru_cache(maxsize=1)
def _face_finder() -> LatestFaces:
    return load_face_analyzer()


def scorer(judges: Judges | None, *, has_faces: bool = True) -> Score | None:
    """Return the scoring function: the lower bound of two models' pooled log-odds; None without a model of an account.

    Candidates have known lines and are scored only once, so their features are cached in memory alone. has_faces: whether the
    ads may show faces.
    """
    if judges is None:
        return None
    from adcreative.editor.models import pool_opinions
    from adcreative.verbs.loading import load_tools

    pair = (judges.predictor, judges.judge)
    extractor = load_tools().extractor_for(pair)
    analyzer: FaceFinder = extractor.analyzer if has_faces else NoFaces()
    once = extractor.for_cache(VersionCache(extractor.cache), analyzer)

    def score(creatives: Sequence[Creative], lines: Sequence[DrawnLines] | None = None) -> np.ndarray:
        reading = extractor
        if lines is not None:
            pixels = [hash_picture(np.asarray(one.image_u8)) for one in creatives]
            reading = once.for_drawn(dict(zip(pixels, lines, strict=True)))
        features = reading.extract(creatives)
        opinions = [one.predict_log_odds(creatives, features) for one in pair]  # type: ignore[arg-type]
        mean, std = pool_opinions(np.stack([mean for mean, _ in opinions]), np.stack([std for _, std in opinions]))
        return mean - RISK_AVERSION * std

    return score


class NoFaces:
    """Face analyzer that finds no faces, for briefs without a face in any photo."""

    def analyze(self, image_u8: np.ndarray) -> list[Any]:
        """Return an empty list for a picture [H, W, 3]."""
        return []


def search_ads(
    prepared: Prepared,
    shapes: Sequence[Shape],
    settings: ComposeSettings,
    ran: Sequence[np.ndarray] = (),
    *,
    judges: Judges | None = None,
    progress: Progress = silent,
    should_stop: ShouldStop = never,
    show: Show | None = None,
) -> list[Candidate]:
    """Return the chosen set of ads; each ad has no faults in every shape but the banner, which few messages fit.

    Args:
        judges: the models that score; default: the models of `settings.model`.
    Raises:
        ArtifactError: the folder `settings.model` holds no models.
    """
    if judges is None and settings.model is not None:
        from adcreative.verbs.loading import load_model

        judges = load_model(settings.model)
    score = scorer(judges, has_faces=prepared.num_faces > 0)
    search = Search(
        parts=prepared.parts,
        messages=prepared.messages,
        shape=shapes[0],
        score=score,
        ran=ran,
        has_faces=prepared.num_faces > 0,
        population=min(POPULATION, max(LEAST_POPULATION, 6 * settings.num)),
    )
    found = search.run(settings.seed or 0, tell=count_stage(progress, "composing"), should_stop=should_stop)

    def fits(candidate: Candidate) -> bool:
        recipe, parts = candidate.recipe, prepared.parts
        if any(list(iter_in_threads(partial(find_faults, recipe, parts), needed_of(shapes)))):
            return False
        if show is not None:
            show(compose_ad(recipe, parts, shapes[0]).pixels)
        return True

    chosen = choose(found, settings.num, fits)
    if score is None or not chosen:
        return chosen
    finals = [as_creative(one.recipe, compose_ad(one.recipe, prepared.parts, shapes[0]), prepared.parts) for one in chosen]
    rescored = [replace(one, predicted=value) for one, value in zip(chosen, score(finals).tolist(), strict=True)]
    return sorted(rescored, key=lambda one: -one.worth)


def needed_of(shapes: Sequence[Shape]) -> list[Shape]:
    """Return the shapes in which a chosen ad must have no faults: all but the banner, which few messages fit."""
    return [shape for shape in shapes if shape.kind != "banner"] or list(shapes)


def find_faults(recipe: Recipe, parts: Parts, shape: Shape, *, strict: bool = False) -> tuple[object, ...]:
    """Return the faults of an ad in a shape; empty when the ad can run. strict: only in its own layout, see `compose_ad`."""
    composed = compose_ad(recipe, parts, shape, strict=strict)
    return composed.problems or faults(composed, shape)


def _why_none(prepared: Prepared, shapes: Sequence[Shape]) -> str:
    """Return one sentence on why no ad was composed, from the problems of the plainest layout."""
    texts = {role: lines[0] for role, lines in prepared.messages.items() if role in ("headline", "button", "legal")}
    for layout in ("type_only", "announcement"):
        problems = find_faults(Recipe(layout=layout, texts=texts, photo=None), prepared.parts, shapes[0])
        if problems:
            return f"no ad can be composed of this brief: {problems[0]}"
    return "no ad can be composed of this brief that keeps the rules of its shape; shorten the messages."


def write_set(
    chosen: Sequence[Candidate],
    prepared: Prepared,
    brief: Brief,
    out: Path,
    shapes: Sequence[Shape],
    settings: ComposeSettings,
    *,
    inputs: Sequence[Path],
) -> list[dict[str, Any]]:
    """Write a set of ads with parts, table and report into `out`, and return the content of each ad.json."""
    stems = [f"{number:02d}" for number in range(1, len(chosen) + 1)]
    outputs = [out / REPORT, out / TABLE, *part_files(prepared.parts, out / FOLDER)]
    outputs += [file for stem in stems for file in ad_files(out / stem, shapes)]
    make_private_dir(out)  # photos may show people
    for stem in stems:
        make_private_dir(out / stem)
    make_private_dir(out / FOLDER)
    with own_outputs(outputs, [path if path.is_file() else path / NAME for path in inputs], restart=settings.restart):
        told = {
            "notes": list(prepared.notes),
            "messages": prepared.messages,
            "sources": [os.path.relpath(one.file.resolve(), out.resolve()) for one in brief.photos],
        }
        write_parts(prepared.parts, out / FOLDER, told)

        def write(stem: str, one: Candidate) -> dict[str, Any]:
            others = [likeness(one.measures, other.measures) for other in chosen if other is not one]
            facts = {
                "family": one.measures.family,
                "lead": one.measures.lead,
                "measures": one.measures.as_dict(),
                "design": one.design,
                "novelty": one.novelty,
                "predicted_log_odds": one.predicted,
                "is_untested": settings.model is None,
                "nearest": max(others, default=None),
                "seed": settings.seed or 0,
                "models": {} if settings.model is None else model_hashes(settings.model),
            }
            return write_ad(one.recipe, prepared.parts, out / stem, shapes, facts, checked=needed_of(shapes))

        ads = list(iter_in_threads(lambda place: write(stems[place], chosen[place]), range(len(chosen))))
        write_report(out, ads, prepared.parts.brand, prepared.notes, standing=TESTED if settings.model else UNTESTED)
    return ads


def write_report(out: Path, ads: Sequence[Mapping[str, Any]], brand: str, notes: Sequence[str], *, standing: str) -> None:
    """Write the table and the report of a folder of ads. ads: the content of each ad.json, with the ad's folder."""
    write_table(out, ads, brand)
    title = f"{len(ads)} new ads" + (f" for {brand}" if brand else "")
    rows = [{"status": "edited", "edits": [WORDS], "consent_id": ""}]
    disclosures = [duty.as_dict() for duty in disclosures_of_run(rows, date.today())]
    page = render_wall(ads, out, title=title, notes=notes, standing=standing, disclosures=disclosures)
    write_atomically(out / REPORT, page.encode(), is_private=True)


WORDS: Mapping[str, Any] = {"face": -1, "direction": "composed", "strength": 0.0}


def model_hashes(model: Path) -> dict[str, str]:
    """Return role -> hash of the models used for scoring."""
    from adcreative.verbs.model_folder import read_model_manifests

    return {role: found.content_hash for role, found in read_model_manifests(model).items()}


def ad_files(folder: Path, shapes: Sequence[Shape]) -> list[Path]:
    """Return every file that may be written into an ad's folder."""
    pictures = [folder / f"{stem_of(shape)}{suffix}" for shape in shapes for suffix in (".png", ".jpg")]
    return [folder / AD, *pictures, *map(sidecar_path, pictures), *(folder / f"{stem_of(shape)}.svg" for shape in shapes)]


def stem_of(shape: Shape) -> str:
    """Return the file name stem of a shape: 1x1 for 1:1."""
    return shape.name.replace(":", "x")


def write_ad(
    recipe: Recipe,
    parts: Parts,
    folder: Path,
    shapes: Sequence[Shape],
    facts: Mapping[str, Any],
    *,
    checked: Sequence[Shape] = (),
) -> dict[str, Any]:
    """Render an ad in each shape into its folder, with SVG, sidecars and ad.json; return ad.json's content and the folder.

    A shape in which the ad has faults is left out and listed in "missing" with the first fault. Files of shapes from an earlier
    rendering are removed.

    Args:
        checked: shapes whose pixels were checked already.
    """
    make_private_dir(folder)
    written: dict[str, Any] = {}
    shown: set[int] = set()
    missing: dict[str, str] = {}
    alt = describe_ad(recipe, parts)
    for shape in shapes:
        composed = compose_ad(recipe, parts, shape)
        for suffix in (".png", ".jpg"):
            stale = folder / f"{stem_of(shape)}{suffix}"
            stale.unlink(missing_ok=True)
            sidecar_path(stale).unlink(missing_ok=True)
        if problems := composed.problems or (faults(composed, shape) if shape not in checked else ()):
            missing[shape.name] = str(problems[0])
            (folder / f"{stem_of(shape)}.svg").unlink(missing_ok=True)
            continue
        name, quality = _choose_file(composed.pixels, shape, recipe)
        path = folder / f"{stem_of(shape)}{name}"
        result = _row_of(recipe, composed, parts, folder.name, facts)
        export_picture(path, composed.pixels, is_edited=False, result=result, models=facts.get("models") or {}, quality=quality)
        write_atomically(folder / f"{stem_of(shape)}.svg", composed.svg.encode(), is_private=True)
        shown.update(composed.photos)
        written[shape.name] = {
            "picture": path.name,
            "svg": f"{stem_of(shape)}.svg",
            "width": shape.width,
            "height": shape.height,
            "bytes": path.stat().st_size,
            "sha256": hash_file(path),
            "dropped": list(composed.dropped),
            "layout": composed.layout,
        }
    content = {
        "format": FORMAT,
        "layout": recipe.layout,
        **facts,
        "recipe": recipe.to_json(),
        "parts": f"../{FOLDER}/{PARTS}",
        "alt": alt,
        "shapes": written,
        "missing": missing,
        "photos": sorted(shown),
    }
    write_atomically(folder / AD, (dump_json(content, indent=1) + "\n").encode(), is_private=True)
    return {**content, "folder": folder.name, "rate": ""}


def _choose_file(image_u8: np.ndarray, shape: Shape, recipe: Recipe) -> tuple[str, int | None]:
    """Return suffix and quality: PNG for type alone, JPEG for photographs; the best quality within the shape's limit."""
    if shape.max_bytes is not None:
        return fit_export(image_u8, shape.max_bytes)
    return (".png", None) if recipe.photo is None else (".jpg", QUALITY)


def _row_of(recipe: Recipe, composed: Composed, parts: Parts, name: str, facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return the content of a composed ad's sidecar, in the fields of a row of results.jsonl."""
    shown = as_creative(recipe, composed, parts)
    return {
        "file_name": "",
        "ad_name": name,
        "headline_original": "",
        "headline_edited": shown.headline,
        "description_original": "",
        "description_edited": shown.description,
        "edits": [dict(WORDS)],
        "seed": facts["seed"],
        "consent_id": shown.consent_id,
    }


def describe_ad(recipe: Recipe, parts: Parts) -> str:
    """Return the alternative text of an ad: brand, content of the picture, and words (WCAG 2.2, 1.1.1)."""
    seen = "" if recipe.photo is None else parts.photos[recipe.photo].shows
    order = ("badge", "headline", "subline", "offer", "price", "proof", "button")
    said = ". ".join(recipe.texts[role].replace("\n", ". ").rstrip(".") for role in order if recipe.texts.get(role))
    return ". ".join(part for part in (f"{parts.brand}: {seen}" if parts.brand and seen else parts.brand or seen, said) if part)


def write_table(out: Path, ads: Sequence[Mapping[str, Any]], brand: str) -> None:
    """Write metadata.csv with the first shape of each ad, so that score, check and plan-test can read `out` as a catalogue."""
    rows = []
    for ad in ads:
        if not ad["shapes"]:
            continue
        picture = next(iter(ad["shapes"].values()))["picture"]
        said = words_as_creative(Recipe.from_json(ad["recipe"]), brand)
        words = {name: getattr(said, name) for name in ("headline", "description", "cta", "brand")}
        rows.append({"file_name": f"{ad['folder']}/{picture}", "ad_name": ad["folder"], **words})
    write_rows(out / TABLE, rows, COLUMNS)


def with_words(recipe: Recipe, changes: Mapping[str, str]) -> Recipe:
    """Return a recipe with changed words by role, or a changed layout, accent, density, palette, photo, emphasis or cutout.

    Raises:
        ConfigError: there is no such field, or a value is of the wrong kind.
    """
    from adcreative.compose.colour import parse_colour
    from adcreative.compose.parts import ROLES
    from adcreative.config import did_you_mean

    for name, value in changes.items():
        if name in ROLES:
            words = value.replace("\\n", "\n")
            recipe = replace(recipe, texts={**recipe.texts, name: words})
        elif name == "accent":
            recipe = replace(recipe, accent=parse_colour(value) if value else None)
        elif name in ("palette", "photo", "typefaces"):
            if not value.isdigit():
                raise ConfigError(f"{name} is the number of one of the parts, from 0; got {value!r}.")
            recipe = replace(recipe, **{name: int(value)})  # type: ignore[arg-type]
        elif name in ("layout", "density", "emphasis"):
            recipe = replace(recipe, **{name: value})  # type: ignore[arg-type]
        elif name == "cutout":
            recipe = replace(recipe, cutout=value.casefold() in ("true", "yes", "1"))
        else:
            known = (*ROLES, "accent", "palette", "photo", "typefaces", "layout", "density", "emphasis", "cutout")
            raise ConfigError(f'an ad has no "{name}". {did_you_mean(name, known)}')
    return recipe
