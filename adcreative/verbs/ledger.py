"""The verb `ledger`: accuracy of predictions over all tests of a user, and a shareable table of the tests."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from adcreative.artifacts import dump_json, write_atomically
from adcreative.catalog.tables import write_rows
from adcreative.runs.batch import RunSummary
from adcreative.runs.outputs import own_outputs

LEAST = 5  # tests, below which the realized share is mostly the prior measured elsewhere


def ledger(path: Path, out: Path, *, share: Path | None = None, restart: bool = False) -> RunSummary:
    """Compare predicted with real changes in the ledger that `read_out` keeps; write figures to `out` (JSON).

    Args:
        share: CSV to write: the same tests without ids, campaigns and names, for pooling with other accounts.
    Raises:
        CatalogError: `path` is no ledger. ConfigError: an output is the ledger, or a file of another program.
    """
    from adcreative.concepts.ledger import calibrate, read, share_rows

    path, out = Path(path), Path(out)
    rows = read(path)
    found = calibrate(rows)
    outputs = [one for one in (out, share) if one is not None]
    with own_outputs(outputs, (path,), restart=restart):
        write_atomically(out, dump_json({"num_rows": len(rows), **asdict(found)}, indent=1).encode())
        if share is not None:
            shared = share_rows(rows)
            write_rows(
                share,
                ({str(name): cell for name, cell in row.items()} for row in shared.to_dict("records")),
                list(shared.columns),
            )
    lines = [f"{found.num} tested versions had a prediction; {found.num_gains} of them gained and were predicted to"]
    if found.num:
        reach = f"{found.share_low:.2f} to {found.share_high:.2f}"
        lines.append(
            f"of a change that the models predict {found.share:.2f} comes true (nine times in ten {reach}); "
            f"{found.stated_share:.2f} was stated, and train --ledger {path.name} states what comes true"
        )
        if found.num < LEAST:
            lines.append(f"that is mostly what was measured elsewhere: {LEAST} tests and more tell it for this account")
    if found.covered is not None:
        lines.append(f"the predicted 90 % interval fits the result of {found.covered:.0%} of them")
    return RunSummary(path=out, done=len(rows), lines=tuple(lines))
