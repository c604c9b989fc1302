"""What every model of creatives is beside its numbers: its folder, its hash, the encoders it was fitted with, its card."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from adcreative.artifacts import Artifact, build_manifest, load_artifact, pack_manifest, save_artifact
from adcreative.ctr.card import build_card
from adcreative.ctr.changes import ChangeCalibration
from adcreative.ctr.evidence import OODScore
from adcreative.errors import ArtifactError


class SavedModel:
    """Base of `ctr.predictor.Predictor` and `ctr.account.model.AccountModel`.

    KIND, FORMAT: of the artefact. notes: what fitting wrote down. ood_scores: modality -> out-of-distribution
    score. changes: how far predicted changes come true.
    """

    KIND: ClassVar[str]
    FORMAT: ClassVar[int]
    notes: dict[str, Any]
    ood_scores: dict[str, OODScore]
    changes: ChangeCalibration

    @property
    def encoder_hashes(self) -> Mapping[str, str]:
        """Encoder -> sha256 of the weights that the model was fitted with."""
        raise NotImplementedError

    def state(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """Return tensors and notes, all that a saved model holds."""
        raise NotImplementedError

    @property
    def searched_share(self) -> float:
        """Share (0..1) of the change predicted for the best of many versions that comes true (`ctr.search_shrinkage`)."""
        return self.changes.searched_share

    def check_encoders(self, encoder_hashes: Mapping[str, str]) -> None:
        """Refuse encoders other than those the model was fitted with.

        Raises:
            ArtifactError: a hash that both sides name differs.
        """
        for name, expected in self.encoder_hashes.items():
            if encoder_hashes.get(name, expected) != expected:
                raise ArtifactError(
                    f"the model was fitted with {name} {expected[:12]}, here it is {encoder_hashes[name][:12]}; "
                    "use the same weights or fit it again"
                )

    @cached_property
    def content_hash(self) -> str:
        """sha256 of the manifest, which holds the hash of the tensors: the same before saving and after loading."""
        manifest, _ = build_manifest(self.KIND, self.FORMAT, *self.state())
        return hashlib.sha256(pack_manifest(manifest)).hexdigest()

    def save(self, model_dir: Path) -> str:
        """Save into a folder, atomically, and return the content hash. Raises ArtifactError as `save_artifact`."""
        tensors, notes = self.state()
        self.__dict__["content_hash"] = save_artifact(
            Path(model_dir), kind=self.KIND, format_version=self.FORMAT, tensors=tensors, notes=notes
        )  # notes may have been added since it was last asked for
        return self.content_hash

    @classmethod
    def open(cls, model_dir: Path) -> Artifact:
        """Read the folder of such a model. Raises ArtifactError as `load_artifact`."""
        return load_artifact(Path(model_dir), kind=cls.KIND, formats=(cls.FORMAT,))

    def card(self, name: str) -> dict[str, Any]:
        """Return the model card as plain values: purpose, source, limits, held-out figures."""
        return build_card(name, self.notes, self.content_hash, kind=self.KIND)


def read_ood_scores(manifest: Mapping[str, Any], tensors: Mapping[str, np.ndarray]) -> dict[str, OODScore]:
    """Return the out-of-distribution scores of a saved model's state."""
    return {name: OODScore(tensors[f"reference.{name}"], limit) for name, limit in manifest["ood_thresholds"].items()}


def with_prefix(tensors: Mapping[str, np.ndarray], prefix: str) -> dict[str, np.ndarray]:
    """Return the tensors whose names begin with a prefix, without it."""
    return {name.removeprefix(prefix): values for name, values in tensors.items() if name.startswith(prefix)}
