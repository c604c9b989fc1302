"""The candidate lines and buttons of a search: written, crossed, encoded once, and ranked by predicted rate."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from adcreative.copywriter.fresh_lines import ANY_WORDING, Wording, allowed_buttons
from adcreative.creative import Creative
from adcreative.editor.models import EditorTools, predict_uplift
from adcreative.editor.settings import EditorConfig
from adcreative.editor.space.editable import EditableCreative
from adcreative.editor.space.lines import Lines
from adcreative.encoders.language import detect_language
from adcreative.errors import CopywriterError, CreativeError
from adcreative.problem import Problem
from adcreative.progress import ShouldStop, never

if TYPE_CHECKING:
    from adcreative.copywriter import Brief
    from adcreative.ctr.click_model import ClickModel
    from adcreative.features.batch import CreativeFeatures
    from adcreative.features.extraction import FeatureExtractor


READ_AHEAD = 8  # lines encoded between two checks of should_stop
MOST_TRIED, ENOUGH = 10, 4  # most lines tried in the picture, best first; enough settable lines
MIN_SPOKEN = 5  # least words in a picture that tell its language
HOPELESS = 3  # consecutive failures at the start: no font or ground will do for later lines either


def build_lines(
    creative: Creative,
    features: CreativeFeatures,
    tools: EditorTools,
    config: EditorConfig,
    should_stop: Callable[[], bool] | None,
    wording: Wording = ANY_WORDING,
    spoken: str = "",
) -> tuple[Lines, tuple[Problem, ...]]:
    """Write, cross, encode and rank the candidate lines; return them with the buttons, and notes for the user.

    The creative's own line is first, the others follow by predicted rate.

    New lines are the copywriter's, and crossings of two of them that pass the rules for copy. A line or button is replaced only
    where the creative has one; nothing is added. spoken: all words in the picture, which tell the ad's language where its
    headline and description do not.
    """
    headlines, descriptions, notes, brief = _write_lines(creative, tools, config, should_stop, wording, spoken)
    buttons = offer_buttons(creative, tools.predictor, config.num_buttons)
    lines = replace(encode_lines(creative, headlines, descriptions, tools.extractor), buttons=buttons)
    if brief is not None:
        from adcreative.copywriter.variants import find_unfit

        lines = replace(lines, unfit=find_unfit(lines.headlines, lines.descriptions, brief))
    return _ranked(lines, creative, features, tools), notes


def keep_settable(lines: Lines, opened: EditableCreative, should_stop: ShouldStop = never) -> tuple[Lines, tuple[Problem, ...]]:
    """Return the lines that can be set in the picture in place of words read there, and why others cannot.

    Words from the ad's table may change beside the picture; words that were read exist only in the picture.
    """
    why: dict[Problem, None] = {}
    kept = []
    for field, texts in (("headline", lines.headlines), ("description", lines.descriptions), ("cta", lines.buttons)):
        places = list(range(len(texts)))
        if field in opened.creative.read_fields:
            places = places[:1]
            for place in range(1, min(len(texts), 1 + MOST_TRIED)):
                if should_stop() or len(places) > ENOUGH or (len(places) == 1 and place > HOPELESS):
                    break
                words: dict[str, Any] = {field: texts[place]}
                unset = opened.find_unset(replace(opened.creative, **words))
                why |= dict.fromkeys(unset)
                places += [place] * (not unset)
        kept.append(places)
    return lines.only(*kept), tuple(why)


def prepare_lines(creative: Creative, tools: EditorTools, config: EditorConfig, should_stop: ShouldStop = never) -> None:
    """Write the candidate lines for a search of this creative and encode them into the extractor's cache;
    `should_stop` is polled every few lines."""
    if should_stop():
        return
    headlines, descriptions, _, _ = _write_lines(creative, tools, config, should_stop, ANY_WORDING)
    for first in range(0, max(len(headlines), len(descriptions)), READ_AHEAD):
        if should_stop():
            return
        part = slice(first, first + READ_AHEAD)
        encode_lines(creative, headlines[part], descriptions[part], tools.extractor)


def _write_lines(
    creative: Creative,
    tools: EditorTools,
    config: EditorConfig,
    should_stop: Callable[[], bool] | None,
    wording: Wording,
    spoken: str = "",
) -> tuple[tuple[str, ...], tuple[str, ...], tuple[Problem, ...], Brief | None]:
    """Return new headlines and new descriptions, crossed ones last, notes for the user, and the brief, if any."""
    num_headlines = config.num_headlines if creative.headline else 0
    is_doubtful = bool(creative.read_note) and not creative.headline  # no new lines for an ad that was only partly read
    num_descriptions = config.num_descriptions if creative.description and not is_doubtful else 0
    if tools.copywriter is None or not num_headlines + num_descriptions:
        return (), (), (), None
    from adcreative.copywriter import Brief
    from adcreative.copywriter.variants import vary_lines
    from adcreative.features.line_features import read_effects

    is_told = detect_language(f"{creative.headline}. {creative.description}") or len(spoken.split()) < MIN_SPOKEN
    told = "" if is_told else detect_language(spoken)
    evidence = read_effects(tools.predictor.notes.get("word_effects", ()))
    brief = wording.apply(replace(Brief.of_ad(creative), language=told, evidence=evidence))
    try:
        written = tools.copywriter.write(brief, num_headlines, num_descriptions, config.seed, should_stop=should_stop)
    except CopywriterError as error:
        return (), (), (Problem("no_new_words", error=str(error)),), None
    headlines = tuple(written.headlines)[:num_headlines]
    descriptions = tuple(written.descriptions)[:num_descriptions]
    brief = written.brief  # a brand's rules apply to crossed lines too
    asked = {"headline": config.num_headlines, "description": config.num_descriptions}
    kinds = [kind for kind, num in asked.items() if num and getattr(brief, kind)]
    heads, below = vary_lines(headlines, descriptions, brief, num_crossed=config.num_crossed, seed=config.seed, kinds=kinds)
    notes = written.notes if heads or below else (*written.notes, Problem("no_other_line"))
    return heads, below, tuple(notes), brief


def offer_buttons(creative: Creative, predictor: ClickModel, num_buttons: int) -> tuple[str, ...]:
    """Return the creative's own button and up to num_buttons others allowed on its platform; empty without a button.

    Only buttons in the predictor's training data are offered, since other buttons have no learnt effect. The names of the rule
    pack are English, so an ad in another language keeps its own button.
    """
    if not creative.cta or not num_buttons:
        return ()
    if detect_language(f"{creative.headline} {creative.description}") not in ("", "en"):
        return ()
    known = set(predictor.known_values("cta")) - {creative.cta.strip().casefold()}
    others = [one for one in allowed_buttons(creative.platform, creative.placement) if one.casefold() in known]
    return (creative.cta, *others[:num_buttons]) if others else ()


def _ranked(lines: Lines, creative: Creative, features: CreativeFeatures, tools: EditorTools) -> Lines:
    """Return the lines with the new ones in order of predicted uplift, largest first."""
    new_heads, new_descs = lines.headlines[1:], lines.descriptions[1:]
    if not new_heads and not new_descs:
        return lines
    changed = [replace(creative, headline=line) for line in new_heads]
    changed += [replace(creative, description=line) for line in new_descs]
    parts = [(one, "headline") for one in lines.headline_features[1:]]
    parts += [(one, "body") for one in lines.description_features[1:]]
    seen = [features if one is None else features.with_words_of(one, (part,)) for one, part in parts]
    uplift, _ = predict_uplift(tools.predictor, [creative, *changed], [features, *seen])
    return lines.ordered(uplift[: len(new_heads)], uplift[len(new_heads) :])


def encode_lines(
    creative: Creative, headlines: Sequence[str], descriptions: Sequence[str], extractor: FeatureExtractor
) -> Lines:
    """Extract the features of each line once; an unusable or repeated line is left out.

    Args:
        headlines, descriptions: candidates; the creative's own lines are put first here.
    """
    bare = replace(creative, file_name="", image_path=None, image_u8=None)
    heads = [replace(bare, headline=line) for line in dict.fromkeys((creative.headline, *headlines))]
    descs = [replace(bare, description=line) for line in dict.fromkeys((creative.description, *descriptions))]
    with_words = [variant for variant in (*heads, *descs) if variant.has_words]
    extracted = iter(extractor.extract(with_words) if with_words else [])
    found = [next(extracted) if variant.has_words else None for variant in (*heads, *descs)]
    seen = [None if isinstance(one, CreativeError) else one for one in found]
    kept_heads = [pair for i, pair in enumerate(zip(heads, seen, strict=False)) if i == 0 or pair[1] is not None]
    kept_descs = [pair for i, pair in enumerate(zip(descs, seen[len(heads) :], strict=True)) if i == 0 or pair[1] is not None]
    return Lines(
        headlines=tuple(variant.headline for variant, _ in kept_heads),
        descriptions=tuple(variant.description for variant, _ in kept_descs),
        headline_features=tuple(found for _, found in kept_heads),
        description_features=tuple(found for _, found in kept_descs),
    )
