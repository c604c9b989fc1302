"""The user's own headline, description and picture on an edit, judged like any other edit. Loads no torch by itself."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from adcreative.catalog.images import picture
from adcreative.creative import Creative
from adcreative.editor.decision.judge import accept
from adcreative.editor.decision.opinions import ask_choosers, audit
from adcreative.editor.decision.result import WORDS, FinalEdit, Original, build_result, list_word_edits
from adcreative.editor.editor import EditOutcome
from adcreative.editor.models import EditorTools
from adcreative.errors import CreativeError

UNCHANGED = "they are what the ad says already, so nothing changes"


def reword(
    creative: Creative, outcome: EditOutcome, headline: str, description: str, tools: EditorTools, *, is_forced: bool = True,
    own_u8: np.ndarray | None = None,
) -> EditOutcome:  # fmt: skip
    """Put other words on an edit, and ask all three models about its final pixels and words again.

    Button and every other change of the edit stay; words that stand in the picture become the new ones, or the result says why
    not. The user's words are used whatever the models say, and the result states the change that they expect, with its
    interval, a loss as a loss.

    Args:
        creative: as it came. outcome: the edit of it; not modified.
        is_forced: False keeps the creative as it came when the models see no gain, and the reason says so.
        own_u8: a picture [H, W, 3] of the user's own in place of the edit's, of which nothing is left then.
    Raises:
        CreativeError: the picture cannot be read.
    """
    edited, config = outcome.result, outcome.config
    final = replace(creative, headline=headline, description=description, cta=edited.cta_edited or creative.cta)
    shown_u8, text_note = outcome.image_u8 if own_u8 is None else own_u8, ""
    if own_u8 is None and outcome.set_words is not None:
        shown_u8, text_note = outcome.set_words(final)
    final = replace(final, image_u8=shown_u8)
    features = tools.extractor.extract([creative, final])
    for one in features:
        if isinstance(one, CreativeError):
            raise one
    (opinion,) = ask_choosers([creative, final], features, tools, config)
    verdict = audit([creative, final], features, opinion, tools, config)
    verdict = accept(verdict) if is_forced else verdict
    others = [edit for edit in edited.edits if edit.direction not in WORDS] if own_u8 is None else []
    original = Original(
        creative=creative, features=features[0], faces=edited.faces, has_open_faces=edited.identity_similarity is not None
    )
    new = FinalEdit(
        creative=final, features=features[1], edits=(*others, *list_word_edits(creative, final)),
        identity=edited.identity_similarity if own_u8 is None else None, realism=edited.realism if own_u8 is None else None,
        edit_strength=edited.edit_strength if own_u8 is None else None, text_note=text_note,
    )  # fmt: skip
    search = edited.search if verdict.is_delivered else replace(edited.search, delivered=None)
    by = "words written" if own_u8 is None else "words and picture brought"
    told = UNCHANGED if own_u8 is None and not new.edits else verdict.reason
    result = replace(
        build_result(original, new, verdict, tools, config), ctr_control=edited.ctr_control, evaluations=edited.evaluations,
        search=search, alternatives=edited.alternatives, seconds=edited.seconds, is_own_choice=verdict.is_delivered,
        reason=f"{by} by hand; {told}",
    )  # fmt: skip
    image_u8 = shown_u8 if verdict.is_delivered else picture(creative)
    return replace(outcome, result=result, image_u8=image_u8, verdict=verdict)
