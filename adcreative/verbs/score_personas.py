"""The part of `score` that says for whom: a table of ads by declared persona beside the scores."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from adcreative.catalog.tables import beside, write_rows
from adcreative.errors import ConfigError
from adcreative.runs.outputs import check_outputs, own_outputs
from adcreative.runs.survey import Survey

if TYPE_CHECKING:
    from adcreative.delivery.personas.scoring import Segments

SHIFT_COLUMNS = ("persona", "rank", "creative", "shift")


@dataclass(frozen=True)
class PersonaTable:
    """Writes `<out>.personas.csv`; inputs are what it was made from."""

    segments: Segments
    out: Path
    inputs: Sequence[Path | None]
    restart: bool

    def write(self, survey: Survey) -> str:
        """Write the table of all ads; return a sentence."""
        rows = self.segments.rank(list(survey.creatives_to_do()))
        with own_outputs((self.out,), self.inputs, restart=self.restart):
            write_rows(self.out, rows, SHIFT_COLUMNS)
        return f"{self.out.name} ranks the ads for {len(self.segments.names)} personas, as their declared profiles go"


def plan_personas(
    out: Path, persona: Path | None, audit: Path | None, inputs: Sequence[Path | None], *, restart: bool
) -> PersonaTable | None:
    """Return what will write the table; None where no persona is asked for. inputs: all that `score` reads.

    Raises:
        ConfigError: one of persona and audit without the other, or as `read_segments` and `check_outputs`.
        CatalogError: the personas cannot be read.
    """
    if (persona is None) != (audit is None):
        raise ConfigError("scores by persona need both: --persona personas.toml, and --audit, what audit-personas wrote")
    if persona is None or audit is None:
        return None
    from adcreative.delivery.personas.scoring import read_segments  # brings pandas
    from adcreative.verbs.audit_personas import read_toml

    place = beside(out, ".personas.csv")
    check_outputs((place,), inputs, restart=restart)
    return PersonaTable(read_segments(Path(audit), read_toml(persona) or {}), place, inputs, restart)
