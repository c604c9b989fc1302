"""One part of an account's model: encoding, stack, level, spread and calibration of changes, for one kind of ads.

An account has a part for ads of groups with results (ad group, brand, campaign: the column that separates rates
best), and one for ads of new groups, fitted and weighed with whole groups left out and without that column.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy import special

from adcreative.ctr.account.encoder import AccountEncoder, Encoded
from adcreative.ctr.account.intervals import RateSpread
from adcreative.ctr.account.members import BLIND, COLUMNS, MEMBERS, MIXED, UNGROUPED, Member
from adcreative.ctr.account.mixed_model import MixedModel
from adcreative.ctr.account.table import AccountTable, parts_of
from adcreative.ctr.changes import ChangeCalibration, squared_distance
from adcreative.ctr.saved_model import with_prefix


@dataclass(frozen=True, eq=False)
class Stack:
    """Fitted members by name, the weight of each (summing to 1), and the shift that sets the level.

    spread_by: the member that gives the uncertainty of the effects behind a rate; "": `mixed`.
    """

    members: Mapping[str, Member]
    weights: Mapping[str, float]
    shift: float
    spread_by: str = ""

    def log_odds(self, encoded: Encoded) -> np.ndarray:
        """Return the log-odds [N] of the expected rate."""
        parts = [weight * self.members[name].log_odds(encoded) for name, weight in self.weights.items() if weight > 0]
        found: np.ndarray = np.sum(parts, axis=0) + self.shift
        return found

    @property
    def change_scale(self) -> float:
        """Factor on differences between versions of one ad: 1 over the weight of the members that read words and pictures, at
        most 2, since other members predict no difference."""
        return 1.0 / max(1.0 - sum(self.weights.get(name, 0.0) for name in BLIND), 0.5)

    def seen_log_odds(self, encoded: Encoded) -> np.ndarray:
        """Return the scaled log-odds [N] of the members that read words and pictures: for differences between versions.

        Other members read a new button too, whose effect would be scaled with theirs.
        """
        weights = {name: weight for name, weight in self.weights.items() if name not in BLIND}
        parts = [weight * self.members[name].log_odds(encoded) for name, weight in weights.items() if weight > 0]
        return np.sum([np.zeros(len(encoded)), *parts], axis=0) * self.change_scale

    def variance(self, encoded: Encoded) -> np.ndarray:
        """Return the uncertainty of each ad's effects by member `spread_by`, [N] squared log-odds; 0 without that member."""
        told = self.members.get(self.spread_by, self.mixed)
        return told.predict(encoded)[1] if isinstance(told, MixedModel) else np.zeros(len(encoded))

    def parts_read(self, dense: Collection[str]) -> frozenset[str]:
        """Return the parts of an ad to measure for its rate and interval; dense: blocks of the encoding."""
        names = {name for name, weight in self.weights.items() if weight > 0}
        told = self.members.get(self.spread_by, self.mixed)
        blocks = [block for name in names for block in self.members[name].blocks]
        return parts_of([*blocks, *(told.blocks if told is not None else ())], dense)

    def find_spread(self, dense: Collection[str]) -> str:
        """Return the member that gives a rate's uncertainty: "" for the mixed model; where pictures would be measured for it
        alone, the mixed model of the largest weight, or that of the columns."""
        if not {"picture", "look"} & set(dense):
            return ""
        others = [name for name in (COLUMNS, *self.weights) if isinstance(self.members.get(name), MixedModel)]
        lighter = max(others, key=lambda name: self.weights.get(name, 0.0), default="")
        own, other = (replace(self, spread_by=name).parts_read(dense) for name in ("", lighter))
        return lighter if other < own else ""

    @property
    def mixed(self) -> MixedModel | None:
        """The mixed model, with all effects or all but the groups', which gives the uncertainty of effects."""
        found = self.members.get(MIXED) or self.members.get(UNGROUPED)
        return found if isinstance(found, MixedModel) else None


@dataclass(frozen=True, eq=False)
class Part:
    """A fitted part. Tables are passed whole; columns unknown to the encoder are not read.

    spread: of the rate of an ad. changes: calibration of differences between ads.
    """

    encoder: AccountEncoder
    stack: Stack
    spread: RateSpread
    changes: ChangeCalibration

    @property
    def parts_read(self) -> frozenset[str]:
        """The parts of an ad to measure for its rate."""
        return self.stack.parts_read(self.encoder.centres)

    def log_odds(self, table: AccountTable) -> np.ndarray:
        """Return the log-odds [N] of the expected rates."""
        return self.stack.log_odds(self.encoder.encode(table))

    def intervals(self, table: AccountTable) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return expected rates and the ends of their 90 % intervals, [N] each; an interval includes its rate."""
        encoded = self.encoder.encode(table)
        log_odds, variance = self.stack.log_odds(encoded), self.stack.variance(encoded)
        rates = special.expit(log_odds)
        low, high = self.spread.interval(log_odds, variance)
        return rates, np.minimum(low, rates), np.maximum(high, rates)

    def covered(self, table: AccountTable) -> np.ndarray:
        """Return how well its interval covers each ad's clicks, [N] in 0..1."""
        encoded = self.encoder.encode(table)
        log_odds, variance = self.stack.log_odds(encoded), self.stack.variance(encoded)
        return self.spread.covered(log_odds, variance, table.clicks, table.impressions)

    def effects_std(self, table: AccountTable) -> np.ndarray:
        """Return the standard deviation [N] of each ad's effects, log-odds."""
        return np.sqrt(self.spread.effects * self.stack.variance(self.encoder.encode(table)))

    def change(self, table: AccountTable) -> tuple[np.ndarray, np.ndarray]:
        """Return the expected change of log-odds of N versions against their ad, and its deviation, [N].

        The deviation is the mixed model's uncertainty of the difference. The variation of a version beyond everything known is
        common to all and averages out over versions; it is left out, as in `effects_std`.

        Args:
            table: [1 + 3 N] rows: the ad, its versions, the versions with the ad's words, then with its words and faces.
        """
        encoded, num = self.encoder.encode(table.without_shared(self.encoder.vocabularies)), (len(table) - 1) // 3
        log_odds = self.stack.seen_log_odds(encoded)
        full, no_words, picture = (log_odds[1 + k * num : 1 + (k + 1) * num] - log_odds[0] for k in range(3))
        mean = self.changes.mean(full - no_words, picture, no_words - picture)
        versions = encoded.rows(np.arange(num + 1))
        if (mixed := self.stack.mixed) is None:
            distances = (squared_distance(rows[1:], rows[0]) for rows in change_vectors(versions))
            return mean, np.sqrt(self.changes.variance(*distances))
        return mean, np.sqrt(max(self.spread.effects, 1.0) * mixed.change(versions)[1])  # 0 without a change

    def state(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """Return tensors and notes."""
        encoder_notes, encoder_tensors = self.encoder.state()
        tensors = {f"encoder.{name}": values for name, values in encoder_tensors.items()}
        members = {}
        for name, member in self.stack.members.items():
            members[name], own = member.state()
            tensors |= {f"member.{name}.{key}": values for key, values in own.items()}
        return tensors, {
            "encoder": encoder_notes,
            "members": members,
            "weights": dict(self.stack.weights),
            "shift": self.stack.shift,
            "spread_by": self.stack.spread_by,
            "spread": self.spread.as_dict(),
            "changes": self.changes.as_dict(),
        }

    @classmethod
    def from_state(cls, notes: Mapping[str, Any], tensors: Mapping[str, np.ndarray]) -> Part:
        """Rebuild a part from its `state`."""
        members = {
            name: MEMBERS[name].from_state(own, with_prefix(tensors, f"member.{name}."))
            for name, own in notes["members"].items()
        }
        return cls(
            AccountEncoder.from_state(notes["encoder"], with_prefix(tensors, "encoder.")),
            Stack(members, dict(notes["weights"]), float(notes["shift"]), notes.get("spread_by", "")),
            RateSpread.from_dict(notes["spread"]),
            ChangeCalibration.from_dict(notes["changes"]),
        )


def change_vectors(encoded: Encoded) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the vectors that measure the distance of two versions of an ad: words, picture and faces, [N, D] each."""

    def rows(names: tuple[str, ...]) -> np.ndarray:
        found = [encoded.dense[name].astype(np.float64) for name in names if name in encoded.dense]
        return np.concatenate(found, axis=1) if found else np.zeros((len(encoded), 1))

    faces = rows(("faces",))
    return rows(("meaning", "body")), rows(("picture",)), faces * np.sqrt(faces.shape[1])  # faces in standard deviations
