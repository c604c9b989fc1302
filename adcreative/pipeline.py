"""The public verbs, each from its own file in `verbs`; and `Studio` for one creative at a time.

API, command line and app call only these functions, so that equal inputs give equal numbers in each. Long verbs take
`progress(stage, done, total)` and `should_stop()`; results are written row by row and a killed run can be continued. Importing
this module loads only names: a submodule is imported at the first use of one of its names, models when a verb is called.
"""

from __future__ import annotations

import ast
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from adcreative.compose.brief import Brand, Brief, BriefPhoto, Messages, check_brief, read_brief, roles_of
    from adcreative.compose.parts import ROLES
    from adcreative.copywriter.brand_kit import BrandKit, read_brand_kit
    from adcreative.delivery.experiment.settings import ExportSettings, PlanSettings
    from adcreative.editor.session import EditOutcome, Session
    from adcreative.metrics.discoveries import find_discoveries
    from adcreative.papers.compression.run import compress
    from adcreative.papers.compression.selection import select
    from adcreative.papers.discontinuation.run import forecast_two_terms
    from adcreative.papers.ngame.run import target
    from adcreative.papers.personas.run import audit_personas, score
    from adcreative.papers.personas.settings import ScoreSettings
    from adcreative.papers.position_auctions.run import place
    from adcreative.papers.position_auctions.settings import PlaceSettings
    from adcreative.papers.set_continuation.run import extend
    from adcreative.papers.set_continuation.settings import ExtendSettings
    from adcreative.papers.slate_readers.run import rotate
    from adcreative.papers.slate_readers.settings import RotateSettings
    from adcreative.papers.systems import System, list_systems
    from adcreative.provenance.approval import note_event, read_events
    from adcreative.provenance.disclosure import NOT_LEGAL_ADVICE
    from adcreative.provenance.run_records import forget_paths
    from adcreative.runs.aside import run_aside, run_here
    from adcreative.runs.batch import RunSummary
    from adcreative.runs.engines import BatchConfig
    from adcreative.runs.folder import Outcome
    from adcreative.verbs.account import (
        METRICS,
        NEEDED_COLUMNS,
        AccountView,
        AdLine,
        ColumnView,
        MappingProposal,
        propose_mapping,
        read_account,
        read_columns,
        read_result_rows,
        read_settings,
        write_mapping,
        write_settings,
    )
    from adcreative.verbs.app import launch_app
    from adcreative.verbs.archive import archive
    from adcreative.verbs.benchmark import benchmark
    from adcreative.verbs.benchmark_bars import BarsSummary, benchmark_bars
    from adcreative.verbs.campaign import export, import_results, plan_test, read_out
    from adcreative.verbs.check import check, check_picture, check_words, read_placements
    from adcreative.verbs.compose import compose, new_brief
    from adcreative.verbs.compose_many import compose_feed, compose_from
    from adcreative.verbs.compress import CompressSummary
    from adcreative.verbs.concepts import concepts
    from adcreative.verbs.demo import demo, demo_account
    from adcreative.verbs.describe import describe
    from adcreative.verbs.doctor import Finding, doctor
    from adcreative.verbs.edit_composed import edit, read_ad, report_ads
    from adcreative.verbs.evaluate import evaluate
    from adcreative.verbs.explain import explain
    from adcreative.verbs.finish import save_run
    from adcreative.verbs.folder_scores import FolderScores
    from adcreative.verbs.forecast import forecast
    from adcreative.verbs.governance import approve, approved_pictures, check_approved, disclosures, purge, signing_config
    from adcreative.verbs.language_model import (
        check_language_model,
        find_language_servers,
        list_language_models,
        models_dir,
    )
    from adcreative.verbs.ledger import ledger
    from adcreative.verbs.model_folder import is_log_model
    from adcreative.verbs.models import ExportedModel, convert_weights, export_model, models
    from adcreative.verbs.optimize import optimize
    from adcreative.verbs.rank_features import FeatureRank, RankSummary, rank_features
    from adcreative.verbs.read import read
    from adcreative.verbs.rotate import evaluate_policy
    from adcreative.verbs.score import SCORE_COLUMNS
    from adcreative.verbs.settings import (
        AppSettings,
        BarsSettings,
        ComposeSettings,
        CompressSettings,
        ConceptsSettings,
        ImproveSettings,
        OptimizeSettings,
        RankSettings,
        ReadSettings,
        TargetSettings,
        TrainSettings,
        WordsSettings,
        WriteSettings,
    )
    from adcreative.verbs.standing import Standing
    from adcreative.verbs.studio import Studio
    from adcreative.verbs.train import Trainable, count_trainable, train
    from adcreative.verbs.train_log import LogSummary, inspect_log, train_log
    from adcreative.verbs.use_log import evaluate_log, explain_log, score_log


def _find_modules() -> dict[str, str]:
    """Return name -> module of each public name: those that are imported above for type checkers."""
    body = ast.parse(Path(__file__).read_text(encoding="utf-8")).body
    imports = next(node.body for node in body if isinstance(node, ast.If))
    return {one.name: str(node.module) for node in imports if isinstance(node, ast.ImportFrom) for one in node.names}


_MODULES = _find_modules()
__all__ = sorted(_MODULES)


def __getattr__(name: str) -> object:
    """Import the module of a public name at its first use, so that a command only waits for its own imports (PEP 562)."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = getattr(import_module(_MODULES[name]), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return __all__
