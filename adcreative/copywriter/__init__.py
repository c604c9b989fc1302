"""Headlines and descriptions for an ad, from a brief: written by an engine, passed by a lint.

    brief.py          Brief (the user's words), Facts (what may be used of them)
    candidates.py     CopyCandidates, LineSource, Copywriter
    build.py          build_copywriter: "smollm2", "template", "http://...", a model folder or hub id
    writer.py         LintedCopywriter: source -> lint -> top-up; in-memory cache
    brand_kit.py      a brand manifest: words to use and avoid, tone, disclaimers
    engines/          who writes lines: template grammar, local language model, chat server
    lint/             what each line must pass: checks, sentences, substance
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
