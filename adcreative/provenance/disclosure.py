"""Disclosures that the law of a place or the rules of a platform may require for a set of edits. Not legal advice.

The rules are dated data (rules/*.yaml): each has a level, the day it applies from, the day it was checked, and its sources;
`doubt` explains where sources differ. Custom rules replace shipped rules with the same id (`rules_dir`).

levels: required (law), platform (a platform's own rule), check (depends on the case; ask an expert).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from adcreative.config import did_you_mean, parse_yaml
from adcreative.creative import SYNTHETIC_PERSON, Edit, split_consent_ids
from adcreative.provenance.errors import ProvenanceError

NOT_LEGAL_ADVICE = (
    "This is a checklist, not legal advice: rules change, sources differ, and only a lawyer can say what applies."
)
ALL_MARKETS = "all"
LEVELS = ("required", "platform", "check")
_EDITED, _PERSONS = ("face", "words", "any"), ("real", "synthetic", "any")
_NEEDED = {"id", "title", "level", "when", "applies_from", "duty", "how", "checked_on", "sources"}


@dataclass(frozen=True, kw_only=True)
class Disclosure:
    """One duty that may apply. is_in_force: on the requested day. doubt: where sources differ, or ""."""

    rule_id: str
    market: str
    market_name: str
    title: str
    level: str
    duty: str
    how: str
    applies_from: date
    is_in_force: bool
    doubt: str
    checked_on: date
    sources: tuple[str, ...]
    advice: str = NOT_LEGAL_ADVICE

    def as_dict(self) -> dict[str, Any]:
        """Return plain JSON types."""
        return asdict(self) | {"applies_from": self.applies_from.isoformat(), "checked_on": self.checked_on.isoformat()}


def disclosures(
    markets: Sequence[str],
    edits: Iterable[Edit | Mapping[str, Any]],
    on: date,
    *,
    is_synthetic: bool = False,
    rules_dir: Path | None = None,
) -> list[Disclosure]:
    """Return the duties that may apply, required duties first, then by market.

    Args:
        markets: "eu", "us-ny", "meta", "tiktok", "google", a name or alias of a market, or "all".
        edits: the edits (Edit records, or rows of results.jsonl); without edits there is nothing to disclose unless the person
            shown is synthetic.
        on: the day the ad runs; rules that apply later are listed with is_in_force False.
        is_synthetic: the person shown does not exist (consent_id "synthetic-person").
        rules_dir: folder of YAML files with rules that replace shipped rules by id, or add to them.
    Raises:
        ProvenanceError: an unknown market, or an invalid rule file.
    """
    faces = [edit.face if isinstance(edit, Edit) else int(edit["face"]) for edit in edits]
    happened = {"face": any(face >= 0 for face in faces), "words": any(face < 0 for face in faces)}
    person = "synthetic" if is_synthetic else "real"
    packs = _packs(rules_dir)
    found = []
    for market in _named_markets(markets, packs):
        for rule in packs[market]["rules"]:
            edited = rule["when"]["edited"]
            is_touched = is_synthetic or any(happened.values()) if edited == "any" else happened[edited]
            if is_touched and rule["when"]["person"] in (person, "any"):
                found.append(_disclosure(packs[market], rule, on))
    return sorted(found, key=lambda one: LEVELS.index(one.level))


def disclosures_of_run(
    rows: Iterable[Mapping[str, Any]], on: date, markets: Sequence[str] = (ALL_MARKETS,), *, rules_dir: Path | None = None
) -> list[Disclosure]:
    """Return the duties for the edited creatives of a run (rows of results.jsonl), without duplicates."""
    edits: dict[bool, dict[bool, Mapping[str, Any]]] = {True: {}, False: {}}  # one edit of faces and one of words suffice
    for row in rows:
        if row["status"] == "edited":
            names = split_consent_ids(str(row.get("consent_id", "")))
            for edit in row["edits"]:
                edits[SYNTHETIC_PERSON in names].setdefault(int(edit["face"]) >= 0, edit)
    found = {
        one.rule_id: one
        for is_synthetic, made in edits.items()
        if made
        for one in disclosures(markets, made.values(), on, is_synthetic=is_synthetic, rules_dir=rules_dir)
    }
    return sorted(found.values(), key=lambda one: LEVELS.index(one.level))


def _disclosure(pack: Mapping[str, Any], rule: Mapping[str, Any], on: date) -> Disclosure:
    return Disclosure(
        rule_id=rule["id"],
        market=pack["market"],
        market_name=pack["name"],
        title=rule["title"],
        level=rule["level"],
        duty=" ".join(rule["duty"].split()),
        how=" ".join(rule["how"].split()),
        applies_from=rule["applies_from"],
        is_in_force=on >= rule["applies_from"],
        doubt=" ".join(str(rule.get("doubt", "")).split()),
        checked_on=rule["checked_on"],
        sources=tuple(rule["sources"]),
    )


def _named_markets(markets: Sequence[str], packs: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Return the ids of the requested markets, without duplicates."""
    by_name = {name.casefold(): market for market, pack in packs.items() for name in (market, pack["name"], *pack["aliases"])}
    chosen: dict[str, None] = {}
    for name in markets:
        key = name.strip().casefold()
        if key == ALL_MARKETS:
            chosen |= dict.fromkeys(sorted(packs))
        elif key in by_name:
            chosen[by_name[key]] = None
        else:
            raise ProvenanceError(f'no disclosure rules for "{name}". {did_you_mean(key, [*packs, ALL_MARKETS])}')
    return list(chosen)


@cache
def _shipped_packs() -> dict[str, dict[str, Any]]:
    folder = resources.files("adcreative.provenance") / "rules"
    files = sorted((file for file in folder.iterdir() if file.name.endswith(".yaml")), key=lambda file: file.name)
    return _read_packs([(file.name, file.read_text(encoding="utf-8")) for file in files])


def _packs(rules_dir: Path | None) -> dict[str, dict[str, Any]]:
    packs = dict(_shipped_packs())
    if rules_dir is None:
        return packs
    try:
        texts = [(path.name, path.read_text(encoding="utf-8")) for path in sorted(Path(rules_dir).glob("*.yaml"))]
    except (OSError, UnicodeDecodeError) as error:
        raise ProvenanceError(f"the rules in {rules_dir} cannot be read ({error}). Check the folder.") from error
    if not texts:
        raise ProvenanceError(f"{rules_dir} holds no .yaml file. Name the folder with your disclosure rules.")
    for market, own in _read_packs(texts).items():
        shipped = packs.get(market, {}).get("rules", [])
        ids = {rule["id"] for rule in own["rules"]}
        packs[market] = own | {"rules": [*(rule for rule in shipped if rule["id"] not in ids), *own["rules"]]}
    return packs


def _read_packs(texts: Sequence[tuple[str, str]]) -> dict[str, dict[str, Any]]:
    """Return the rule packs by market. Raises ProvenanceError with the name of the file and its fault."""
    packs = {}
    for name, text in texts:
        try:
            pack = parse_yaml(text)
        except ValueError as error:
            raise ProvenanceError(f"{name} is not valid YAML: {' '.join(str(error).split())}. Correct that line.") from error
        if not isinstance(pack, dict) or not {"market", "name", "rules"} <= set(pack):
            raise ProvenanceError(f"{name} must have market, name and rules.")
        aliases = pack.get("aliases", [])
        if not isinstance(aliases, list) or not all(isinstance(one, str) for one in (pack["market"], pack["name"], *aliases)):
            raise ProvenanceError(f"{name}: market, name and each of aliases must be texts.")
        if not isinstance(pack["rules"], list) or not all(isinstance(rule, dict) for rule in pack["rules"]):
            raise ProvenanceError(f"{name}: rules must be a list of tables with id, title and more.")
        for rule in pack["rules"]:
            _check_rule(name, rule)
        packs[str(pack["market"])] = {"aliases": [], **pack}
    return packs


def _check_rule(name: str, rule: Mapping[str, Any]) -> None:
    missing = sorted(_NEEDED - set(rule))
    if missing:
        raise ProvenanceError(f"{name}: rule {rule.get('id', '?')} has no {', '.join(missing)}.")
    if not all(isinstance(rule[key], str) for key in ("id", "title", "level", "duty", "how")):
        raise ProvenanceError(f"{name}: id, title, level, duty and how of rule {rule['id']} must be texts.")
    when = {key: str(value) for key, value in rule["when"].items()} if isinstance(rule["when"], dict) else {}
    if rule["level"] not in LEVELS or when.get("edited") not in _EDITED or when.get("person") not in _PERSONS:
        raise ProvenanceError(
            f"{name}: rule {rule['id']} needs level {'/'.join(LEVELS)}, when.edited {'/'.join(_EDITED)} and when.person "
            f"{'/'.join(_PERSONS)}."
        )
    if not all(isinstance(rule[key], date) for key in ("applies_from", "checked_on")) or not _are_sources(rule["sources"]):
        raise ProvenanceError(f"{name}: rule {rule['id']} needs dates (YYYY-MM-DD) and at least one source.")


def _are_sources(sources: object) -> bool:
    return isinstance(sources, list) and bool(sources) and all(isinstance(one, str) for one in sources)
