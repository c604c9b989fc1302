"""The planted response: from visible features (`measures`, `phrases`) to the true click rate. No files, no networks.

The formula is in the package's docstring; its tables are in `planting`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

from adcreative.market import planting
from adcreative.market.measures import FACE_ATTRIBUTES, LOOKS, PictureMeasures
from adcreative.market.phrases import PHRASES, read_phrases, read_specificity, skip_empty_opening
from adcreative.market.planting import CurvePlan, draw_normal
from adcreative.market.readers import draw_shares, mean_appeal, mean_taste


@dataclass(frozen=True, kw_only=True)
class Curve:
    """One planted response to one measured quantity.

    u = (raw - centre) / scale
    rising: weight * tanh(u / 1.5)          ideal: weight * (exp(-((u - best) / width)^2 / 2) - 1/2)
    """

    shape: str
    centre: float
    scale: float
    weight: float
    best: float
    width: float

    def __call__(self, raw: float) -> float:
        """Return the effect in log-odds; a missing measure counts as average."""
        u = (raw - self.centre) / self.scale if math.isfinite(raw) else 0.0
        if self.shape == "rising":
            return self.weight * math.tanh(u / 1.5)
        return self.weight * (math.exp(-(((u - self.best) / self.width) ** 2) / 2.0) - 0.5)


@dataclass(frozen=True, kw_only=True)
class AdContext:
    """Context of an ad: brand, category, placement, and the button's label."""

    brand: str = ""
    category: str = ""
    placement: str = ""
    cta: str = ""


@dataclass(frozen=True, kw_only=True)
class Concept:
    """The tested concept of a composed ad: family of its layout, role of its leading line, number of facts."""

    family: str
    lead: str
    num_facts: int


@dataclass(frozen=True)
class PlantedTruth:
    """The response of one market; a pure function of its seed."""

    seed: int

    @cached_property
    def _memo(self) -> dict[tuple[str, ...], float]:
        return {}

    def _draw(self, *names: str) -> float:
        if names not in self._memo:
            self._memo[names] = draw_normal(self.seed, *names)
        return self._memo[names]

    @cached_property
    def shares(self) -> dict[str, float]:
        """Share of each kind of readers in this market, summing to 1."""
        return draw_shares(self._draw)

    def curve(self, quantity: str, category: str) -> Curve:
        """Return the planted curve of a face attribute, a look, or "share" in a category."""
        plan = (planting.FACE_PLANS | planting.LOOK_PLANS | {"share": planting.SHARE_PLAN})[quantity]
        weight = plan.weight + plan.weight_spread * self._draw("weight", quantity)
        if plan.least is not None:
            weight = max(weight, plan.least)
        rising = 0.5 * (1.0 + math.erf(self._draw("shape", quantity) / math.sqrt(2.0))) < plan.rising_odds
        return Curve(
            shape="rising" if rising else "ideal",
            centre=plan.centre,
            scale=plan.scale,
            weight=weight * self._taste(plan, quantity, category),
            best=plan.best + plan.best_spread * self._draw("best", quantity),
            width=plan.width,
        )

    def _taste(self, plan: CurvePlan, quantity: str, category: str) -> float:
        core = plan.by_category.get(category, 1.0)
        return core * math.exp(planting.TASTE_SPREAD * self._draw("taste", quantity, category))

    def phrase_weight(self, phrase: str, category: str) -> float:
        """Return the weight of a phrase feature in the headline's log-odds in a category."""
        plan = planting.PHRASE_PLANS[phrase]
        weight = plan.weight + plan.spread * self._draw("phrase", phrase) + mean_taste(self.shares, phrase)
        taste = math.exp(planting.TASTE_SPREAD * self._draw("taste", phrase, category))
        return weight * plan.by_category.get(category, 1.0) * taste

    def terms(
        self,
        context: AdContext,
        *,
        headline: str,
        body: str,
        appeal: float,
        picture: PictureMeasures | None,
        concept: Concept | None = None,
    ) -> dict[str, float]:
        """Return every term of the log-odds; the rate is the logistic function of their sum.

        Args:
            context: brand, category, placement, button.
            headline: "" for none. appeal: its score by the headline model. body: the words below the headline.
            picture: None for an ad of words only. concept: concept of a composed ad; other ads count as average.
        """
        terms = self._context_terms(context)
        if concept is not None:
            terms |= self._concept_terms(concept)
        terms["headline"] = self._headline_term(headline, appeal, context)
        terms["body"] = self._body_term(body, context)
        if picture is None:
            terms["words_only"] = self._around(planting.WORDS_ONLY_EFFECT, "words_only")
            return terms
        looks = sum(self.curve(name, context.category)(picture.look[name]) for name in LOOKS)
        terms["look"] = _limit(looks, planting.LOOK_LIMIT)
        terms["faces"] = self._face_term(picture, context.category)
        return terms

    def _around(self, plan: tuple[float, float], *names: str) -> float:
        return plan[0] + plan[1] * self._draw(*names)

    def _context_terms(self, context: AdContext) -> dict[str, float]:
        base = math.log(planting.BASE_CTR / (1.0 - planting.BASE_CTR))
        return {
            "base": base + planting.BASE_SPREAD * self._draw("base"),
            "category": planting.CATEGORY_SPREAD * self._draw("category", context.category),
            "brand": planting.BRAND_SPREAD * self._draw("brand", context.brand.casefold()),
            "placement": planting.PLACEMENT_SPREAD * self._draw("placement", context.placement),
            "button": planting.BUTTON_SPREAD * self._draw("button", context.cta.casefold()),
        }

    def _concept_terms(self, concept: Concept) -> dict[str, float]:
        weight, best = self._around(planting.FACTS_WEIGHT, "facts"), self._around(planting.FACTS_BEST, "facts", "best")
        facts = weight * (math.exp(-(((concept.num_facts - best) / planting.FACTS_WIDTH) ** 2) / 2.0) - 0.5)
        return {
            "layout": planting.LAYOUT_SPREAD * self._draw("layout", concept.family),
            "message": planting.LEAD_SPREAD * self._draw("lead", concept.lead) + facts,
        }

    def _phrase_sum(self, text: str, context: AdContext) -> float:
        phrases = read_phrases(text, context.brand)
        return sum(self.phrase_weight(name, context.category) * value for name, value in phrases.items() if value)

    def _headline_term(self, headline: str, appeal: float, context: AdContext) -> float:
        if not headline.strip():
            return 0.0
        said, empty = skip_empty_opening(headline)
        best = self._around(planting.LENGTH_BEST_WORDS, "length", "best")
        away = (len(headline.split()) - best) / planting.LENGTH_WIDTH_WORDS
        length = self._around(planting.LENGTH_WEIGHT, "length", "weight") * (math.exp(-(away**2) / 2.0) - 0.5)
        taste = mean_appeal(self.shares) * _limit(appeal, planting.APPEAL_LIMIT)
        specificity = self.specificity_weight * (read_specificity(said, context.brand) - 0.5)
        cost = self.empty_cost * empty
        return _limit(self._phrase_sum(said, context) + length + taste + specificity - cost, planting.WORDS_LIMIT)

    @property
    def specificity_weight(self) -> float:
        """The effect of a fully specific line relative to a line without any word about the product."""
        return max(self._around(planting.SPECIFICITY_WEIGHT, "specificity"), planting.LEAST_SPECIFICITY)

    @property
    def empty_cost(self) -> float:
        """The cost of an opening or ending that fits any ad in a headline."""
        return max(self._around(planting.EMPTY_COST, "empty"), planting.LEAST_EMPTY_COST)

    def _body_term(self, body: str, context: AdContext) -> float:
        if not body.strip():
            return 0.0
        return planting.BODY_SHARE * _limit(self._phrase_sum(body, context), planting.WORDS_LIMIT)

    def _face_term(self, picture: PictureMeasures, category: str) -> float:
        total = float(picture.face_shares.sum())
        if total <= 0.0:
            return 0.0
        curves = [self.curve(name, category) for name in FACE_ATTRIBUTES]
        by_face = [sum(curve(float(raw)) for curve, raw in zip(curves, row, strict=True)) for row in picture.face_attributes]
        expression = sum(share / total * value for share, value in zip(picture.face_shares, by_face, strict=True))
        presence = self._around(planting.FACE_PRESENCE, "presence") + self._draw("presence", category) * 0.04
        seen = 1.0 - math.exp(-total / planting.PRESENCE_SHARE)
        size = self.curve("share", category)(total)
        return seen * _limit(float(expression) + presence + size, planting.FACE_LIMIT)

    def table(self, category: str) -> dict[str, float | str]:
        """Return the planted numbers of one category under readable names, for a report or a benchmark."""
        numbers: dict[str, float | str] = {}
        for name in (*FACE_ATTRIBUTES, "share", *LOOKS):
            curve = self.curve(name, category)
            numbers[f"{name}: shape"], numbers[f"{name}: weight"] = curve.shape, curve.weight
            if curve.shape == "ideal":
                numbers[f"{name}: best"] = curve.centre + curve.scale * curve.best
        numbers |= {f"phrase {name}": self.phrase_weight(name, category) for name in PHRASES}
        numbers["length: best words"] = self._around(planting.LENGTH_BEST_WORDS, "length", "best")
        numbers |= {f"share of {name} readers": share for name, share in self.shares.items()}
        numbers["appeal: weight"] = mean_appeal(self.shares)
        numbers["specificity: weight"], numbers["empty opening: weight"] = self.specificity_weight, -self.empty_cost
        return numbers


def rate(terms: dict[str, float]) -> float:
    """Return the click rate, 0..1, for a sum of log-odds."""
    return 1.0 / (1.0 + math.exp(-sum(terms.values())))


def _limit(value: float, limit: float) -> float:
    """Return the soft limit `limit * tanh(value / limit)`: small values pass unchanged, large ones saturate."""
    return limit * math.tanh(value / limit)
