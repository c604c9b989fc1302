"""Hash and model card of a saved predictor, from its manifest alone. Imports no torch and reads no tensors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from adcreative.artifacts import read_kind, read_manifest
from adcreative.errors import ArtifactError

KIND, FORMAT = "predictor", 4
ACCOUNT_KIND, ACCOUNT_FORMAT = "account_model", 1  # of ctr.account.model.AccountModel
LOG_KIND, LOG_FORMAT = "log model", 1  # of ctr.log_network.LogModel
_FORMATS = {KIND: FORMAT, ACCOUNT_KIND: ACCOUNT_FORMAT}  # of models of creatives
SEARCHED_SHARE = "searched_share"  # key in the notes: as in `ctr.changes`; absent in general predictors and earlier models
_HELD_OUT = "a test split by group that no fitting step has seen"
_WORDS = {  # kind -> subject of the predicted rate, what the model does not know, data of the measurements
    KIND: (
        "an ad creative",
        "A rate for a kind of creative that it was not trained on is an extrapolation; each row's evidence says so.",
        _HELD_OUT,
    ),
    ACCOUNT_KIND: (
        "an ad of this account",
        "It knows this account alone; ads of another one, or column values it has not seen, are extrapolations.",
        "groups of ads (same words or test) left out of the fit, in turn",
    ),
    LOG_KIND: (
        "an impression",
        "It knows this log alone; column values it has not seen count as one unknown value.",
        "rows of the log left out of the fit",
    ),
}


@dataclass(frozen=True)
class PredictorManifest:
    """content_hash: sha256 of the manifest, as `Predictor.content_hash`. notes: record of the training. kind: a
    general predictor or the model of an account."""

    content_hash: str
    notes: Mapping[str, Any]
    kind: str = KIND

    def card(self, name: str) -> dict[str, Any]:
        """Return the model card, as the model's own `card`."""
        return build_card(name, self.notes, self.content_hash, kind=self.kind)


def read_predictor_manifest(model_dir: Path) -> PredictorManifest:
    """Read the manifest of a folder that `Predictor.save` or `AccountModel.save` wrote.

    Raises:
        ArtifactError: there is no manifest, or it is damaged, or of another kind or version.
    """
    kind = read_kind(Path(model_dir))
    kind = kind if kind in _FORMATS else KIND
    manifest, content_hash = read_manifest(Path(model_dir), kind=kind, formats=(_FORMATS[kind],))
    notes = manifest.get("notes")
    if not isinstance(notes, dict) or not {"grades", "metrics", "training"} <= set(notes):
        raise ArtifactError(f"the manifest in {model_dir} does not say how its predictor was trained; fit it again")
    return PredictorManifest(content_hash, notes, manifest["kind"])


def build_card(name: str, notes: Mapping[str, Any], content_hash: str, *, kind: str) -> dict[str, Any]:
    """Return the model card as plain values: purpose, source, limits, held-out figures, and an account's members."""
    what, unknown, judged = _WORDS[kind]
    interval = "" if kind == LOG_KIND else ", with a 90 % interval"
    card = {
        "name": name,
        "purpose": f"click rate of {what}{interval}",
        "source": "; ".join(f"{modality}: {grade} ({phrase})" for modality, (grade, phrase) in notes["grades"].items()),
        "licence": "that of the data it was fitted to",
        "limits": [unknown, "It predicts clicks, not sales, and knows no audience beyond the columns given."],
        "calibration": {**notes["metrics"], "data": judged},
    }
    if "members" in notes:
        empty: dict[str, Any] = {
            "gain_of_networks": None,
            "new_groups": None,
            "word_effects": [],
            "seen_effects": [],
            "num_pictures": 0,
            "reads": None,
        }
        card |= {"members": notes["members"], **{key: notes.get(key, value) for key, value in empty.items()}}
    return {**card, "content_hash": content_hash, "training": notes["training"]}
