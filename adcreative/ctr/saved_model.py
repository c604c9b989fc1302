"""Base class of all models: folder, hash, encoders of the fit, and card."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np

from adcreative.artifacts import build_manifest, load_artifact, pack_manifest, save_artifact
from adcreative.ctr.card import build_card
from adcreative.errors import ArtifactError


class SavedModel:
    """Base of `ctr.click_model.ClickModel` and `ctr.log_network.LogModel`. KIND, FORMAT: of the artefact.

    A ClickModel predicts an ad's rate with an interval, reasons and evidence, and the effect of a change. A LogModel is one
    network: it predicts the rates of rows (`predict`) without uncertainty, and its `card` promises no interval.
    """

    KIND: ClassVar[str]
    FORMAT: ClassVar[int]

    @property
    def encoder_hashes(self) -> Mapping[str, str]:
        """Encoder -> sha256 of its weights in the fit; empty without encoders."""
        return {}

    def state(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """Return tensors and notes, the complete content of a saved model."""
        raise NotImplementedError

    @classmethod
    def from_state(cls, manifest: Mapping[str, Any], tensors: Mapping[str, np.ndarray]) -> Self:
        """Rebuild a model from its `state`. Raises KeyError, TypeError, ValueError or RuntimeError where parts do not fit."""
        raise NotImplementedError

    def describe(self) -> Mapping[str, Any]:
        """Return the input of the card: "grades", "metrics" and "training", and an account's members."""
        raise NotImplementedError

    def check_encoders(self, encoder_hashes: Mapping[str, str]) -> None:
        """Refuse encoders other than the encoders of the fit.

        Raises:
            ArtifactError: the hashes of an encoder differ.
        """
        for name, expected in self.encoder_hashes.items():
            if encoder_hashes.get(name, expected) != expected:
                raise ArtifactError(
                    f"the model was fitted with {name} {expected[:12]}, here it is {encoder_hashes[name][:12]}; "
                    "use the same weights or fit it again"
                )

    @cached_property
    def content_hash(self) -> str:
        """sha256 of the manifest, which includes the hash of the tensors: the same before saving and after loading."""
        manifest, _ = build_manifest(self.KIND, self.FORMAT, *self.state())
        return hashlib.sha256(pack_manifest(manifest)).hexdigest()

    def save(self, model_dir: Path) -> str:
        """Save into a folder, atomically, and return the content hash. Raises ArtifactError as `save_artifact`."""
        tensors, notes = self.state()
        self.__dict__["content_hash"] = save_artifact(
            Path(model_dir), kind=self.KIND, format_version=self.FORMAT, tensors=tensors, notes=notes
        )  # notes may have been added since the last call
        return self.content_hash

    @classmethod
    def load(cls, model_dir: Path) -> Self:
        """Load a folder written by `save`; predictions are bit-equal to those of the saved object.

        Raises:
            ArtifactError: the folder is incomplete, changed, of another kind or version, or its parts do not fit together.
        """
        artifact = load_artifact(Path(model_dir), kind=cls.KIND, formats=(cls.FORMAT,))
        try:
            model = cls.from_state(artifact.manifest, artifact.tensors)
        except (KeyError, TypeError, ValueError, RuntimeError) as error:
            kind = cls.KIND.replace("_", " ")
            raise ArtifactError(f"the parts of the {kind} in {model_dir} do not fit together ({error}); re-fit") from error
        model.__dict__["content_hash"] = artifact.content_hash
        return model

    def card(self, name: str) -> dict[str, Any]:
        """Return the model card as plain values: purpose, source, limits, held-out figures."""
        return build_card(name, self.describe(), self.content_hash, kind=self.KIND)


def with_prefix(tensors: Mapping[str, np.ndarray], prefix: str) -> dict[str, np.ndarray]:
    """Return the tensors whose names begin with a prefix, with the prefix removed."""
    return {name.removeprefix(prefix): values for name, values in tensors.items() if name.startswith(prefix)}
