"""The simulated market: generates ads with results, and gives the true rate of any picture and words."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from adcreative.catalog.images import picture
from adcreative.creative import SYNTHETIC_PERSON, Creative
from adcreative.errors import ConfigError
from adcreative.market.folder import check_truth_path, save_picture, write_metadata, write_truth
from adcreative.market.material import Material, draw_material
from adcreative.market.measures import measure_picture
from adcreative.market.people import MIXED_SHARE, Casting, load_face_pool
from adcreative.market.plans import LARGEST_ACCOUNT, AdPlan, draw_plans
from adcreative.market.rendering import render_ad
from adcreative.market.showcase import plan_showcase, spread_evenly
from adcreative.market.truth import AdContext, Concept, PlantedTruth, rate
from adcreative.progress import Count, uncounted

if TYPE_CHECKING:
    from adcreative.encoders.headline import HeadlineModel
    from stylegan.faces.analysis import FaceAnalyzer
    from stylegan.latents.codec import FaceCodec
    from stylegan.latents.directions.labelled import DirectionSet
    from stylegan.latents.people import FittedPeople

DEFAULT_SCALE = 0.5
SMALLEST_SCALE, LARGEST_SCALE = 0.3, 2.0
MIN_IMPRESSIONS, MAX_IMPRESSIONS = 500, 20_000
MEDIAN_IMPRESSIONS, IMPRESSION_SPREAD = 4_000, 0.9
CREATIVE_NOISE = 0.08
_CHUNK = 32
_MAX_REMEMBERED = 50_000


class Market:
    """A market with a planted truth.

        market = Market(7, codec, analyzer, headline_model)
        creatives = market.make_creatives(200, seed=1)
        gain = market.true_ctr(creative, edited_u8) / market.true_ctr(creative) - 1

    Args:
        seed: plants the truth; equal seeds plant equal truths, independent of the calls made.
        codec: draws faces from codes; used only by make_creatives.
        analyzer: measures faces in final pixels.
        headline_model: its score is part of the effect of words.
        face_codes: [N, C], people to cast; the shipped pool when None.
        directions: edits of face codes used to vary faces; None leaves the faces of the pool unchanged.
        mixed_share: share of people, 0..1, who are a mix of two of the pool, and so nobody in the pool.
    """

    def __init__(
        self,
        seed: int,
        codec: FaceCodec | FittedPeople,
        analyzer: FaceAnalyzer,
        headline_model: HeadlineModel,
        *,
        face_codes: np.ndarray | None = None,
        directions: DirectionSet | None = None,
        mixed_share: float = MIXED_SHARE,
    ) -> None:
        self.seed = seed
        self.truth = PlantedTruth(seed)
        self._codec, self._analyzer, self._headline_model = codec, analyzer, headline_model
        self._face_codes, self._directions, self._mixed_share = face_codes, directions, mixed_share
        self._appeals: dict[str, float] = {}

    def true_ctr(self, creative: Creative, image_u8: np.ndarray | None = None, concept: Concept | None = None) -> float:
        """Return the planted click rate, 0..1, of a creative, or of its words with another picture.

        Reads final pixels, the words, brand, category, placement and button; nothing else, so an edit's realised uplift is the
        ratio of two calls.

        Args:
            image_u8: [H, W, 3] uint8 shown instead of the creative's own picture. concept: concept of a composed ad.
        Raises:
            CreativeError: the creative's picture cannot be read.
        """
        return rate(self.true_terms(creative, image_u8, concept))

    def true_terms(
        self, creative: Creative, image_u8: np.ndarray | None = None, concept: Concept | None = None
    ) -> dict[str, float]:
        """Return the terms of the true log-odds by name; `true_ctr` is the logistic function of their sum."""
        pixels = picture(creative) if image_u8 is None else image_u8
        return self.truth.terms(
            AdContext(brand=creative.brand, category=creative.category, placement=creative.placement, cta=creative.cta),
            headline=creative.headline,
            body=creative.body,
            appeal=self._appeal(creative.headline),
            picture=None if pixels is None else measure_picture(pixels, self._analyzer),
            concept=concept,
        )

    def make_creatives(
        self, num: int, seed: int, *, results: bool = True, scale: float = DEFAULT_SCALE, progress: Count = uncounted
    ) -> list[Creative]:
        """Return creatives with pictures in memory (about 1 MB each at scale 0.5); `iter_creatives` keeps none."""
        return list(self.iter_creatives(num, seed, results=results, scale=scale, progress=progress))

    def iter_creatives(
        self, num: int, seed: int, *, results: bool = True, scale: float = DEFAULT_SCALE, progress: Count = uncounted
    ) -> Iterator[Creative]:
        """Yield creatives one by one, account by account and in date order within each account.

        Args:
            num: how many, at least 1.
            seed: draws brands, words, people, designs and results; equal seeds in equal markets give equal creatives.
            results: draw impressions, clicks and spend; the rest does not depend on this flag.
            scale: picture size; 1 is 1080 px wide for a square.
            progress: called as progress(done, num).
        Raises:
            ConfigError: num or scale is out of range.
            WeightsError: no face pool on this machine and no `face_codes`.
        """
        for number, creative in enumerate(self._draft(num, seed, scale)):
            yield self.with_results(creative, seed, number) if results else creative
            progress(number + 1, num)

    def write_folder(
        self,
        out_dir: Path,
        num: int,
        seed: int,
        *,
        truth_path: Path | None = None,
        scale: float = DEFAULT_SCALE,
        progress: Count = uncounted,
    ) -> Path:
        """Write pictures and metadata.csv into `out_dir`, and the truth outside it; results are drawn from the files' pixels.

        Args:
            truth_path: JSON with every creative's true_ctr; None: next to the folder, as NAME-truth.json.
        Returns:
            The path of the truth.
        Raises:
            ConfigError: num or scale is out of range, or truth_path is inside `out_dir`.
            CatalogError: a file cannot be written.
        """
        return self._write(out_dir, _usual(self._draft(num, seed, scale)), num, seed, truth_path, progress)

    def write_account(
        self,
        account_dir: Path,
        out_dir: Path,
        num: int,
        num_earlier: int,
        seed: int,
        *,
        truth_path: Path | None = None,
        composed: Sequence[tuple[Creative, Concept | None]] = (),
        progress: Count = uncounted,
    ) -> Path:
        """Write an account's `num_earlier` ads with their results into `account_dir`, and `num` new ads into `out_dir`.

        Composed ads have results, too, and are the last of the earlier ads; as many of the others are left out.

        The new ads are of the same brands (`showcase`): with people, with products only, in another language. Their folder is
        written last, so that a complete new folder implies two complete folders.

        Returns:
            The path of the truth of the new ads.
        Raises:
            ConfigError: more new ads than planned, or truth_path is inside `out_dir`. CatalogError: a file cannot be written.
        """
        earlier, new = self._plan_account(num, num_earlier, seed)
        earlier = spread_evenly(earlier, len(earlier) - len(composed))
        num_ran = len(earlier) + len(composed)
        total = num_ran + len(new)
        self._write(account_dir, chain(_usual(self._render(earlier)), composed), total, seed, None, progress)
        return self._write(out_dir, _usual(self._render(new)), total, seed + 1, truth_path, progress, done=num_ran)

    def _write(
        self,
        out_dir: Path,
        drafts: Iterable[tuple[Creative, Concept | None]],
        num: int,
        seed: int,
        truth_path: Path | None,
        progress: Count,
        done: int = 0,
    ) -> Path:
        """Write creatives as a folder, with results drawn from the files' pixels, and the truth outside it."""
        out_dir = Path(out_dir)
        truth_path = check_truth_path(out_dir, truth_path)
        written: list[Creative] = []
        truths: dict[str, dict[str, Any]] = {}
        for number, (draft, concept) in enumerate(drafts):
            creative = self.with_results(save_picture(draft, out_dir), seed, number, concept)
            terms = self.true_terms(creative, concept=concept)
            truths[creative.ad_name] = {"file_name": creative.file_name, "true_ctr": rate(terms), "terms": terms}
            written.append(replace(creative, image_u8=None))
            progress(done + number + 1, num)
        write_truth(truth_path, self.seed, seed, truths)
        write_metadata(out_dir, written)
        return truth_path

    def draw_materials(self, num: int, seed: int) -> list[Material]:
        """Return the material for composing ads of the first `num` brands of `make_creatives` with this seed."""
        rng = np.random.default_rng([self.seed, seed, 0])
        return self._materials(draw_plans(num * LARGEST_ACCOUNT, self._cast(), scale=DEFAULT_SCALE, rng=rng), num, seed)

    def draw_account_materials(self, num_brands: int, num: int, num_earlier: int, seed: int) -> list[Material]:
        """Return the material for composing ads of the first brands in the account of `write_account`."""
        return self._materials(self._plan_account(num, num_earlier, seed)[0], num_brands, seed)

    def _materials(self, plans: Iterable[AdPlan], num: int, seed: int) -> list[Material]:
        people: dict[str, AdPlan] = {}
        for plan in plans:
            if len(plan.face_codes):
                people.setdefault(plan.brand.name, plan)
        shown = list(people.values())[:num]
        portraits = self._codec.render(np.stack([plan.face_codes[0] for plan in shown])) if shown else ()
        rngs = (np.random.default_rng([self.seed, seed, number, 6]) for number in range(num))
        return [draw_material(plan.brand, face, rng) for plan, face, rng in zip(shown, portraits, rngs, strict=False)]

    def _plan_account(self, num: int, num_earlier: int, seed: int) -> tuple[list[AdPlan], list[AdPlan]]:
        return plan_showcase(num, num_earlier, self._cast(), rng=np.random.default_rng([self.seed, seed, 2]))

    def with_results(self, creative: Creative, seed: int, number: int, concept: Concept | None = None) -> Creative:
        """Return the creative with impressions, clicks and spend drawn from its true rate.

        impressions ~ lognormal around 4,000, cut to 500..20,000
        clicks      ~ binomial(impressions, logistic(true log-odds + N(0, 0.08)))     the noise is this creative's own
        """
        rng = np.random.default_rng([self.seed, seed, number, 1])
        drawn = float(np.exp(rng.normal(np.log(MEDIAN_IMPRESSIONS), IMPRESSION_SPREAD)))
        impressions = int(np.clip(round(drawn), MIN_IMPRESSIONS, MAX_IMPRESSIONS))
        noisy = rate(self.true_terms(creative, concept=concept) | {"noise": float(rng.normal(0.0, CREATIVE_NOISE))})
        clicks = int(rng.binomial(impressions, noisy))
        spend = round(impressions / 1000 * float(rng.uniform(4.0, 9.0)), 2)
        return replace(creative, impressions=impressions, clicks=clicks, spend=spend, currency="USD")

    def _draft(self, num: int, seed: int, scale: float) -> Iterator[Creative]:
        """Make creatives without results."""
        if num < 1:
            raise ConfigError(f"num must be at least 1, got {num}.")
        if not SMALLEST_SCALE <= scale <= LARGEST_SCALE:
            raise ConfigError(f"scale must lie in {SMALLEST_SCALE} to {LARGEST_SCALE}, got {scale}.")
        yield from self._render(draw_plans(num, self._cast(), scale=scale, rng=np.random.default_rng([self.seed, seed, 0])))

    def _render(self, plans: Iterable[AdPlan]) -> Iterator[Creative]:
        """Render plans, a chunk of portraits at a time."""
        plans = iter(plans)
        while chunk := list(islice(plans, _CHUNK)):
            self._remember([plan.words.headline for plan in chunk])
            yield from self._render_chunk(chunk)

    def _cast(self) -> Casting:
        return Casting(self._load_codes(), self._directions, self._mixed_share)

    def _load_codes(self) -> np.ndarray:
        if self._face_codes is None:
            from adcreative.encoders.weights import embedded_dir

            self._face_codes = load_face_pool(embedded_dir("faces"))
        return self._face_codes

    def _render_chunk(self, plans: Sequence[AdPlan]) -> Iterator[Creative]:
        codes = [code for plan in plans if plan.design for code in plan.face_codes]
        portraits = iter(self._codec.render(np.stack(codes)) if codes else ())
        for plan in plans:
            image_u8 = None
            if plan.design is not None:
                faces = [next(portraits) for _ in plan.face_codes]
                image_u8 = render_ad(plan.design, plan.words, faces)
            yield _build_creative(plan, image_u8)

    def _remember(self, headlines: Sequence[str]) -> None:
        """Score headlines in one batch and cache the scores."""
        unknown = [text for text in dict.fromkeys(headlines) if text.strip() and text not in self._appeals]
        if len(self._appeals) + len(unknown) > _MAX_REMEMBERED:
            self._appeals.clear()
        if unknown:
            scores = self._headline_model.score(unknown)
            self._appeals.update(zip(unknown, map(float, scores), strict=True))

    def _appeal(self, headline: str) -> float:
        if not headline.strip():
            return 0.0
        if headline not in self._appeals:
            self._remember([headline])
        return self._appeals[headline]


def _usual(drafts: Iterable[Creative]) -> Iterator[tuple[Creative, None]]:
    return ((draft, None) for draft in drafts)


def _build_creative(plan: AdPlan, image_u8: np.ndarray | None) -> Creative:
    name = f"{plan.brand.slug}-{plan.number + 1:03d}"
    return Creative(
        file_name=f"images/{name}.jpg" if image_u8 is not None else "",
        image_u8=image_u8,
        ad_name=f"{plan.brand.name} {plan.number + 1:03d}",
        headline=plan.words.headline,
        primary_text=plan.words.primary_text,
        description=plan.words.description,
        cta=plan.words.cta,
        brand=plan.brand.name,
        category=plan.brand.category,
        platform=plan.platform,
        placement=plan.design.placement if plan.design else "text",
        audience=plan.audience,
        test_id=plan.test_id,
        date_start=plan.date_start.isoformat(),
        date_end=plan.date_end.isoformat(),
        consent_id=SYNTHETIC_PERSON if len(plan.face_codes) else "",
    )
