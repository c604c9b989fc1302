"""What pip-audit found among the installed packages; a package that the advisory service did not know is no package without
faults.

    python -m pip_audit --skip-editable --format json | python -m tests.check_audit
"""

from __future__ import annotations

import json
import sys
from typing import Any


def judge(report: Any) -> tuple[list[str], str]:
    """Return lines about faults and packages that were not asked for, and why the audit fails ("" when it passes).

    Ours (editable) and builds of one index alone, such as torch 2.13.0+cpu, are in no advisory service; any other package that
    was skipped fails the audit.
    """
    packages = report["dependencies"]
    audited = [one for one in packages if "skip_reason" not in one]
    faults = [(one, fault) for one in audited for fault in one["vulns"]]
    skipped = {one["name"]: one["skip_reason"] for one in packages if "skip_reason" in one}
    unknown = [name for name, reason in skipped.items() if "editable" not in reason and "+" not in reason]
    lines = [f"{one['name']} {one['version']}: {fault['id']}, mended in {fault['fix_versions']}" for one, fault in faults]
    lines += [f"{name} was not audited: {reason}" for name, reason in skipped.items() if name not in unknown]
    if faults:
        return lines, f"{len(faults)} known faults; raise the floors of these packages."
    if not audited or unknown:
        named = ", ".join(unknown[:5])
        return lines, (
            f"the advisory service answered for {len(audited)} of {len(packages)} packages (not for {named or 'any'}); "
            "try again where https://pypi.org/pypi/pip/json can be reached."
        )
    return lines, ""


def main() -> int:
    """Read the report from stdin, print what it says, and return the exit code."""
    try:
        lines, failure = judge(json.load(sys.stdin))
    except (ValueError, KeyError, TypeError) as error:
        lines, failure = [], f"pip-audit wrote no report ({type(error).__name__}: {error}); see what it says above."
    print("\n".join([*lines, f"audit failed: {failure}" if failure else "no known faults"]))
    return 1 if failure else 0


if __name__ == "__main__":
    sys.exit(main())
