"""The verbs after the edit: plan_test, read_out, export and import_results. Imports no torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from adcreative.artifacts import dump_json, make_private_dir, open_atomically, write_atomically
from adcreative.catalog.mapping import read_settings as read_table_settings
from adcreative.catalog.tables import failures_path, write_rows
from adcreative.delivery.experiment.settings import ExportSettings, PlanSettings
from adcreative.errors import ConfigError
from adcreative.options import takes
from adcreative.provenance.approval import approve, check_approved
from adcreative.provenance.seals import why_unsealed
from adcreative.runs.batch import RunSummary
from adcreative.runs.exports import ExportTrail
from adcreative.runs.outputs import check_not_read, check_outputs, own_outputs
from adcreative.verbs.governance import hash_words

if TYPE_CHECKING:
    from adcreative.delivery.experiment.plan import PlannedArm
    from adcreative.delivery.experiment.read_out import ArmReadOut, ReadOut
    from adcreative.delivery.experiment.variants import Variant

OUTCOME_COLUMNS = (
    "variant_id",
    "campaign",
    "test",
    "arm",
    "name",
    "impressions",
    "clicks",
    "ctr_predicted",
    "ctr_real",
    "real_by_predicted",
    "date_start",
    "date_end",
)


@takes(PlanSettings)
def plan_test(
    run: Path, out: Path, settings: PlanSettings, *, campaign: str, also: Sequence[Path] = (), restart: bool = False
) -> RunSummary:
    """Plan a test of the edits in a run folder; write plan.json and plan.csv into the folder `out`.

    `also` lists further run folders, or unpacked packs of approved versions: their edits share the impressions, each tested
    against its own original. A duplicate version is planned once.

    Edits of models that have seen no results of the account are untested: the plan then states the test size that detects a
    change of `detect` (0.1: ten percent), and needs `baseline_ctr` unless the run states a level.

    Raises:
        CatalogError: `run` holds no edits. ConfigError: a setting is out of range.
    """
    from adcreative.delivery.experiment.plan import plan_test as plan_arms
    from adcreative.delivery.experiment.plan import write_plan
    from adcreative.delivery.experiment.variants import read_variants

    outputs, runs = (Path(out) / "plan.json", Path(out) / "plan.csv"), (Path(run), *map(Path, also))
    check_outputs(outputs, runs, restart=restart)
    plan = plan_arms(_join_variants([read_variants(one, campaign) for one in runs]), settings)
    with own_outputs(outputs, runs, restart=restart):
        path = write_plan(plan, Path(out))
    lines: list[str] = []
    warnings: list[str] = list(plan.warnings)
    for arm in plan.arms:
        lines.append(f"{arm.variant.name}: {_say_planned(arm)}")
        warnings += [f"{arm.variant.name}: {warning}" for warning in arm.warnings]
    return RunSummary(path=path, done=len(plan.arms), warnings=tuple(warnings), lines=tuple(lines))


def _join_variants(runs: Sequence[Sequence[Variant]]) -> list[Variant]:
    """Return the distinct arms of several runs; the number of the run is part of each test's name."""
    known: dict[str, Variant] = {}
    for number, variants in enumerate(runs):
        for one in variants:
            known.setdefault(one.variant_id, one if not number else replace(one, test=f"{number}-{one.test}"))
    return list(known.values())


def _say_planned(arm: PlannedArm) -> str:
    """Return a sentence on a planned arm: prediction, impressions needed, and impressions needed if the low end is true."""
    if arm.variant.is_untested or arm.uplift_predicted is None:
        said = "untested, worth a test"
        return (
            f"{said}: {arm.impressions_per_arm_peeking:,} impressions per arm, {arm.days_peeking:,} days" if arm.days else said
        )
    said = f"predicted {arm.uplift_predicted:+.1%}"
    if arm.uplift_low is not None and arm.uplift_high is not None:
        said += f" (nine times in ten {arm.uplift_low:+.1%} to {arm.uplift_high:+.1%})"
    if not arm.days:
        return f"{said}, no test"
    said += f", {arm.impressions_per_arm_peeking:,} impressions per arm, {arm.days_peeking:,} days"
    if arm.impressions_per_arm_low:
        said += f"; if the true change is only {arm.uplift_low:+.1%}, "
        said += f"{arm.impressions_per_arm_low:,} impressions, {arm.days_low:,} days"
    return said


def read_out(
    results: Path,
    out: Path,
    *,
    plan: Path | None = None,
    control: str = "",
    level: float = 0.05,
    columns: Path | None = None,
    dates: str = "",
    metric: str = "ctr",
    ledger: Path | None = None,
    restart: bool = False,
) -> RunSummary:
    """Report winner, loser or "go on" for each variant in a platform's export, at any time; write a JSON file.

    With a plan, rows are joined by variant id, every test is evaluated separately, and the level is the plan's. Without a plan,
    every ad name is an arm of one test and `control` names the control. Arms are compared and ranked by `metric` ("ctr", "cpc",
    "cost_per_conversion" or "roas"); the last three need spend, and conversions or revenue, in the export. `dates` ("dmy",
    "mdy" or "ymd") is the order of day, month and year; "" detects the order. `ledger`: parquet file to which predicted and
    real outcomes of a plan's tests are appended (`verbs.ledger` reads the file).

    Raises:
        ConfigError: neither plan nor control, or both, or no such metric, or missing columns. CatalogError: the export has
            no row of the test.
    """
    from adcreative.catalog.results import read_results
    from adcreative.delivery.experiment.joining import count_row, join_to_plan, read_plan
    from adcreative.delivery.experiment.read_out import read_out as read_arms

    if ledger is not None and plan is None:
        raise ConfigError("a ledger holds what a plan predicted: give --plan with --ledger, or leave --ledger out")
    if (plan is None) == (not control):
        raise ConfigError("a read-out needs either the plan of the test (--plan) or the name of its control ad (--control)")
    out = Path(out)
    inputs = (results, columns, plan, plan and Path(plan) / "plan.json", ledger)
    check_outputs((out,), inputs, restart=restart)
    check_not_read(() if ledger is None else (Path(ledger),), inputs[:-1])
    found = read_results(Path(results), columns=read_table_settings(columns, dates=dates))
    warnings = list(found.warnings)
    answers: dict[str, ReadOut] = {}
    if plan is None:
        counts = [count_row(row, row.ad_name) for row in found.rows]
        answers[""] = read_arms(counts, control=control, level=level, metric=metric)
    else:
        content = read_plan(Path(plan))
        tests, strangers = join_to_plan(found.rows, content)
        if strangers:
            shown = next(iter(strangers))[:60]
            warnings.append(f'{sum(strangers.values())} rows belong to no arm of the plan, such as "{shown}".')
        for test in content["tests"]:
            arms = {row.arm for row in tests.get(test["test"], [])}
            if not {"control"} < arms:
                warnings.append(f"test {test['test']} has no results of both its control and a variant yet.")
                continue
            scale = {"effect_scale": test["effect_scale"]} if test["effect_scale"] else {}
            answers[test["test"]] = read_arms(
                tests[test["test"]],
                control="control",
                level=content["settings"]["level"],
                planned_impressions=test["impressions_per_arm_peeking"],
                metric=metric,
                **scale,
            )
        if not answers:
            raise ConfigError(f"{Path(results).name} has no results of this plan's arms; keep the ids in the names of the ads")
    lines = []
    for name, answer in answers.items():
        warnings += answer.warnings
        lines += [f"{name + ' ' if name else ''}{arm.arm}: {_say(arm)}{_say_value(arm, answer)}" for arm in answer.arms]
    with own_outputs((out,), inputs, restart=restart), open_atomically(out, is_text=True) as file:
        rows = [{"test": name, **answer.as_dict()} for name, answer in answers.items()]
        file.write(dump_json({"tests": rows}, indent=1))
    if ledger is not None:
        from adcreative.concepts.ledger import append, rows_of

        append(Path(ledger), rows_of(content, rows))
    done = sum(len(answer.arms) for answer in answers.values())
    return RunSummary(path=out, done=done, warnings=tuple(warnings), lines=tuple(lines))


def _say(arm: ArmReadOut) -> str:
    """Return the verdict on one variant as a sentence."""
    high = "no limit" if arm.uplift_high is None else f"{arm.uplift_high:+.1%}"
    seen = "nothing to compare" if arm.uplift is None else f"{arm.uplift:+.1%}"
    sentence = f"{arm.answer} ({seen}, between {arm.uplift_low:+.1%} and {high})"
    return f"{sentence}; {arm.note}" if arm.note else sentence


def _say_value(arm: ArmReadOut, answer: ReadOut) -> str:
    """Return an arm's cost or ratio next to the control's; "" for click rates, where the change is enough."""
    if answer.metric == "ctr":
        return ""
    values = ["none" if value is None else f"{value:.4g}" for value in (arm.value, answer.control_value)]
    return f"; {answer.metric.replace('_', ' ')} {values[0]}, control {values[1]}"


@takes(ExportSettings)
def export(
    run: Path,
    out: Path,
    settings: ExportSettings,
    *,
    format: str,
    campaign: str,
    approved_by: str | None = None,
    markets: Sequence[str] = (),
    restart: bool = False,
) -> RunSummary:
    """Write the variants of a run folder for a platform (one of `export.FORMATS`), and X.failures.csv next to them.

    Export needs an approval: from the app, from an earlier export, or recorded now in the run's audit trail by `approved_by`.

    Args:
        settings: output format options; fields may be given as keywords (url is needed).
        approved_by: name of the person who reviewed and approves the edits of this run.
        markets: where the ads will run, as `disclosures` knows the markets; recorded with the approval.
    Raises:
        CatalogError: no edits in `run`, or none fits the platform. ConfigError: an unknown format, a wrong address, nobody
            approved the edits, an output is a file of another program, or `markets` without `approved_by`. ProvenanceError: as
            `approve`.
    """
    from adcreative.delivery.experiment.export import check_format, export_variants, list_pictures
    from adcreative.delivery.experiment.variants import read_variants

    run = Path(run)
    check_format(format)
    out = Path(out)
    outputs, inputs = (out, failures_path(out)), (run, settings.template)
    check_outputs(outputs, inputs, restart=restart)
    variants = read_variants(run, campaign)
    pictures = list_pictures(variants, out, format=format, settings=settings)
    check_outputs(pictures, inputs, restart=restart)
    if markets and approved_by is None:
        raise ConfigError("the markets belong to an approval: --market needs --approved-by NAME (approved_by in Python)")
    lines = []
    words = hash_words(variants)
    if approved_by is not None:
        event = approve(run, by=approved_by, markets=markets, words_sha256=words)
        duties = f"; to be disclosed there: {', '.join(event['disclosures']) or 'nothing'}" if markets else ""
        lines.append(f"{event['num_edits']} edits approved by {event['by']}{duties}")
    approved = check_approved(run, words_sha256=words)

    for folder in {picture.parent for picture in pictures}:
        make_private_dir(folder)  # pictures show people
    with own_outputs((*outputs, *pictures), inputs, restart=restart):
        trail = ExportTrail.begin(run, out, format, variants)  # first: purge finds files of a killed export

        def leave(variant: Variant, source: Path, source_sha256: str, sha256: str) -> None:
            if approved.pictures.get(source) != source_sha256:
                remedy = "approve the edits as they are now, then export"
                raise ConfigError(f"{source.name} was changed while it was exported; {remedy}")
            trail.note_picture(variant, source_sha256, sha256)

        result = export_variants(variants, out, format=format, settings=settings, leave=leave)
        trail.note_tables(out, failures_path(out))
    warnings = (*result.warnings, *filter(None, (why_unsealed(),)))
    return RunSummary(path=result.path, done=result.done, failed=len(result.failures), warnings=warnings, lines=tuple(lines))


def import_results(
    results: Path,
    db: Path,
    *,
    run: Path | None = None,
    campaign: str = "",
    columns: Path | None = None,
    dates: str = "",
    training: Path | None = None,
    restart: bool = False,
) -> RunSummary:
    """Join a platform's export to variants in a DuckDB file; write predicted against real rates, and a training folder.

    Args:
        results: the export. dates: the order of day, month and year, as for `read_out`.
        db: the DuckDB file; `<db>.csv` and `<db>.json` (figures) are written next to it.
        run: run folder of the variants, needed once per run, with the campaign of the plan or export.
        training: folder for the next `train`.
    Raises:
        CatalogError: no row belongs to a known variant. ConfigError: `run` without campaign, or DuckDB is not installed.
    """
    from adcreative.delivery.experiment.loop import import_results as take_results
    from adcreative.delivery.experiment.loop import read_outcomes, write_training_table
    from adcreative.delivery.experiment.recalibration import recalibrate
    from adcreative.delivery.experiment.variants import read_variants

    if (run is None) != (not campaign):
        raise ConfigError("--run and --campaign belong together: the ids of variants are made of both")
    db = Path(db)
    outputs = (db.with_suffix(".csv"), db.with_suffix(".json"))
    table = () if training is None else (Path(training) / "metadata.parquet",)
    inputs = (results, columns, run)
    check_not_read((db,), inputs)
    check_outputs((*outputs, *table), (*inputs, db), restart=restart)
    variants = read_variants(Path(run), campaign) if run else ()
    taken = take_results(db, Path(results), variants, columns=read_table_settings(columns, dates=dates))
    outcomes = read_outcomes(db)
    figures = recalibrate(outcomes)
    with own_outputs(outputs, inputs, restart=restart):
        write_rows(outputs[0], ({name: row[name] for name in OUTCOME_COLUMNS} for row in outcomes), OUTCOME_COLUMNS)
        write_atomically(outputs[1], dump_json(figures.as_dict(), indent=1).encode())
    lines = ["the run stated no rates, so there is nothing to compare"]
    if figures.real_by_predicted is not None:
        lines = [f"real clicks are {figures.real_by_predicted:.2f} times the predicted ones ({figures.num_variants} variants)"]
    if figures.slope is not None:
        lines.append(f"calibration slope {figures.slope:.2f} ({figures.slope_low:.2f} to {figures.slope_high:.2f})")
    if figures.realised_share is not None:
        low, high = figures.realised_share_low, figures.realised_share_high
        lines.append(
            f"{figures.realised_share:.0%} of the predicted uplift came true ({low:.0%} to {high:.0%}); plan-test takes it as "
            f"--realised-share {figures.realised_share:.2f}"
        )
    if training is not None:
        with own_outputs(table, inputs, restart=restart):
            lines.append(f"{write_training_table(outcomes, Path(training))} rows to train on: {training}")
    return RunSummary(path=db, done=taken.matched, failed=taken.refused, warnings=taken.warnings, lines=tuple(lines))
