"""Write headlines and descriptions for an ad from a brief: an engine proposes lines, a linter accepts or rejects them.

    brief.py          Brief (the user's words), Facts (the usable part of a brief)
    candidates.py     CopyCandidates, LineSource, Copywriter
    build.py          build_copywriter: "smollm2", "template", "http://...", a model folder or hub id
    writer.py         LintedCopywriter: source -> lint -> top-up; in-memory cache
    brand_kit.py      a brand manifest: words to use and avoid, tone, disclaimers
    engines/          line sources: template grammar, local language model, chat server
    lint/             checks of each line: form, sentences, substance
    rules/            dated rule packs
    products/         product descriptions from attributes

Importing this package loads no torch.
"""

from adcreative.copywriter.brief import Brief as Brief
from adcreative.copywriter.build import build_copywriter as build_copywriter
from adcreative.copywriter.candidates import CopyCandidates as CopyCandidates
from adcreative.copywriter.candidates import Copywriter as Copywriter
from adcreative.copywriter.lint.checks import check_copy as check_copy

__all__ = ["Brief", "CopyCandidates", "Copywriter", "build_copywriter", "check_copy"]
