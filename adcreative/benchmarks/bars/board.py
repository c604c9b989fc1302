"""The leaderboard as CSV, Markdown and HTML; every row links to its settings and logs. No torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import Any

import jinja2

from adcreative.catalog.tables import format_rows

MEAN, TREES = "mean rate", "boosted trees"  # names of the floors
COLUMNS = (
    "network",
    "test AUC",
    "95 %, first seed",
    "log-loss",
    "calibration error",
    "predicted / observed",
    "rows/s",
    "parameters",
)


def render_csv(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return a CSV, nested figures as columns such as auc_mean and auc_std."""
    flat = []
    for row in rows:
        one: dict[str, Any] = {"line": row["line"], "setting": row["setting"]}
        for name, figures in (*row["test"].items(), ("valid", row["valid"]), ("published", row["published"] or {})):
            one |= {f"{name}_{part}": value for part, value in figures.items()}
        one |= {
            key: row[key] for key in ("num_seeds", "settings_tried", "choices_tested", "num_parameters", "bytes", "rows_per_s")
        } | {"trials": " ".join(row["trials"])}
        flat.append(one)
    return "".join(format_rows(flat, list(dict.fromkeys(name for one in flat for name in one))))


def render_markdown(rows: Sequence[Mapping[str, Any]], title: str, facts: Sequence[str]) -> str:
    """Return the board as a Markdown page."""
    columns = _columns(rows)
    body = ["| " + " | ".join(columns) + " | kept |", "|" + "---|" * (len(columns) + 1)]
    for row in rows:
        links = " ".join(f"[{key}](trials/{key}/config.json)" for key in row["trials"])
        body.append("| " + " | ".join(_cells(row, columns)) + f" | {links} |")
    return "\n\n".join([f"# {title}", *facts, "\n".join(body), "## How to read it", *describe(rows)]) + "\n"


def render_html(rows: Sequence[Mapping[str, Any]], title: str, facts: Sequence[str]) -> str:
    """Return the board as one HTML page without external files."""
    columns = _columns(rows)
    shown = [{"cells": _cells(row, columns), "trials": row["trials"]} for row in rows]
    page = (files("adcreative.benchmarks.bars") / "board.html.j2").read_text(encoding="utf-8")
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined)
    return environment.from_string(page).render(title=title, facts=facts, columns=columns, rows=shown, notes=describe(rows))


def describe(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return sentences that prevent over-interpretation of the board."""
    floors, rows = [row for row in rows if not row["trials"]], [row for row in rows if row["trials"]]
    best = rows[0]
    notes = [_against_floors(best, floors), *_worse_than_a_constant(rows, floors)] if floors else []
    plain = next((row for row in rows if row["line"] == "dnn"), None)
    if plain is not None and plain is not best:
        gap = best["test"]["auc"]["mean"] - plain["test"]["auc"]["mean"]
        deviations = [row["test"]["auc"]["std"] or 0.0 for row in (best, plain)]
        notes.append(
            f"The plain DNN is {gap:.4f} AUC behind the best line, {best['line']}; seeds alone move these two by "
            f"{deviations[1]:.4f} and {deviations[0]:.4f} (standard deviation)."
        )
    elif plain is not None:
        notes.append("No network is better than the plain DNN here.")
    widest = max(rows, key=lambda row: row["spread"][1] - row["spread"][0])
    tuning = widest["spread"][1] - widest["spread"][0]
    lines = best["test"]["auc"]["mean"] - rows[-1]["test"]["auc"]["mean"]
    notes.append(
        f"Settings matter: between the worst and the best that was tried of one network ({widest['line']}) lie {tuning:.4f} on "
        f"the validation rows, between the best and the last line of this table {lines:.4f} on the test rows."
    )
    notes.append(
        "Figures are means over seeds, ± their standard deviation. The interval is that of the first seed's test AUC over "
        "users, or rows where no user is named. Settings were chosen on validation rows; the test rows were read after the "
        "choice was written down. Rows/s: training, per second of CPU time on the machine at hand."
    )
    again = [row["line"] for row in rows if row["choices_tested"] > 1]
    if again:
        notes.append(f"The choice changed after the test rows had been read for: {', '.join(again)}. Their figures flatter.")
    return notes


def _against_floors(best: Mapping[str, Any], floors: Sequence[Mapping[str, Any]]) -> str:
    """Return the sentence that compares the best network with the best floor."""
    floor = max(floors, key=lambda row: float(row["test"]["auc"]["mean"]))
    gap = best["test"]["auc"]["mean"] - floor["test"]["auc"]["mean"]
    said = f"{floor['line'].capitalize()} alone reach {floor['test']['auc']['mean']:.4f} AUC"
    if gap > 0:
        return f"{said}; the best network, {best['line']}, is {gap:.4f} above."
    return f"{said}: no network is better here."


def _worse_than_a_constant(rows: Sequence[Mapping[str, Any]], floors: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return a sentence on networks whose rates are worse than one constant rate, regardless of their ranking."""
    losses = [row["test"]["log_loss"]["mean"] for row in floors if row["line"] == MEAN]
    lines = [row["line"] for row in rows if losses and row["test"]["log_loss"]["mean"] > losses[0]]
    if not lines:
        return []
    return [f"By log-loss worse than the mean rate for all rows: {', '.join(lines)}. They rank; calibrate before using rates."]


def _columns(rows: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    columns = list(COLUMNS)
    if any(row["test"]["gauc"]["mean"] is not None for row in rows):
        columns.insert(2, "gAUC")
    if any(row["published"] for row in rows):
        columns.insert(2, "published AUC")
    return tuple(columns)


def _cells(row: Mapping[str, Any], columns: Sequence[str]) -> list[str]:
    test, auc = row["test"], row["test"]["auc"]
    interval = f"{auc['low']:.4f} to {auc['high']:.4f}" if auc.get("low") is not None else ""
    cells = {
        "network": row["line"],
        "test AUC": _mean(auc, 4),
        "gAUC": _mean(test["gauc"], 4),
        "95 %, first seed": interval,
        "published AUC": f"{row['published']['auc']:.4f}" if row["published"] else "",
        "log-loss": _mean(test["log_loss"], 4),
        "calibration error": _mean(test["ece"], 4),
        "predicted / observed": _mean(test["predicted_over_observed"], 2),
        "rows/s": f"{row['rows_per_s']:,.0f}" if row["rows_per_s"] else "",
        "parameters": f"{row['num_parameters']:,}" if row["num_parameters"] else "",
    }
    return [cells[name] for name in columns]


def _mean(figures: Mapping[str, Any], digits: int) -> str:
    if figures["mean"] is None:
        return ""
    spread = f" ± {figures['std']:.{digits}f}" if figures["std"] is not None else ""
    return f"{figures['mean']:.{digits}f}{spread}"
