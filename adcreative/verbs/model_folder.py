"""The three models of a run on disk: paths, hashes and cards, and checks of roles and training.

Reads manifests only, so that a process that only dispatches work loads no model. Imports no torch.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from adcreative.artifacts import TOGETHER, read_kind, write_atomically
from adcreative.ctr.card import LOG_KIND, PredictorManifest, read_predictor_manifest
from adcreative.encoders.weights import embedded_dir
from adcreative.errors import ArtifactError

ROLES = ("predictor", "judge", "auditor")  # the first two guide the search and choose, the third reports on chosen edits


def is_log_model(model_dir: Path | None) -> bool:
    """True when the folder holds a model of an impression log, for the verbs of `verbs.use_log`."""
    with suppress(ArtifactError):  # the loading function reports the error
        return model_dir is not None and read_kind(Path(model_dir)) == LOG_KIND
    return False


def find_models(model_dir: Path | None = None) -> dict[str, Path]:
    """Return role -> folder of the models that `train` wrote into `model_dir`, or of the shipped models.

    Raises:
        ArtifactError: a folder is missing.
    """
    if model_dir is None:
        return {role: embedded_dir(role) for role in ROLES}
    folders = {role: Path(model_dir) / role for role in ROLES}
    missing = [role for role, folder in folders.items() if not folder.is_dir()]
    if missing:
        lacking = "model" if missing == list(ROLES) else " and no ".join(missing)
        raise ArtifactError(f"{model_dir} holds no {lacking}; make it with: adcreative train DATA --out {model_dir}")
    return folders


def read_model_manifests(model_dir: Path | None = None) -> dict[str, PredictorManifest]:
    """Return role -> manifest of the three models of a folder, or of the shipped models.

    Raises:
        ArtifactError: a folder or manifest is missing or damaged, one model has two roles, roles were swapped, or the three
            models come from different trainings.
    """
    manifests = {role: read_predictor_manifest(folder) for role, folder in find_models(model_dir).items()}
    _check_roles(manifests, model_dir)
    if model_dir is not None:
        _check_together(manifests, Path(model_dir))
    return manifests


def note_models(model_dir: Path, hashes: Mapping[str, str]) -> None:
    """Record which three models were trained together (role -> content hash): the last step of a training."""
    write_atomically(model_dir / TOGETHER, (json.dumps(dict(hashes), indent=1, sort_keys=True) + "\n").encode())


def _check_together(manifests: Mapping[str, PredictorManifest], model_dir: Path) -> None:
    """Refuse a folder whose training was killed between two of the models; folders of earlier versions are not checked."""
    path = model_dir / TOGETHER
    if not path.exists():
        return
    try:
        noted = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ArtifactError(f"{path} is damaged ({error}); train again with the same --out") from error
    if noted != {role: manifest.content_hash for role, manifest in manifests.items()}:
        raise ArtifactError(
            f"the models in {model_dir} are not those of one training, which was cut off or changed since; "
            "train again with the same --out"
        )


def _check_roles(manifests: Mapping[str, PredictorManifest], model_dir: Path | None) -> None:
    """Refuse a model in two roles, which would judge its own proposals, and models in swapped roles."""
    place = model_dir or "the shipped models"
    by_hash: dict[str, str] = {}
    for role, manifest in manifests.items():
        other = by_hash.setdefault(manifest.content_hash, role)
        if other != role:
            raise ArtifactError(
                f"{other} and {role} of {place} are one model, which would judge its own proposals; copy the folder again or "
                "make it anew with: adcreative train DATA --out"
            )
    seeds = {role: manifest.notes.get("seed") for role, manifest in manifests.items()}
    if not all(isinstance(seed, int) for seed in seeds.values()):
        return
    by_seed = sorted(ROLES, key=lambda role: seeds[role])  # type: ignore[arg-type, return-value]
    swapped = [f"{folder} holds the {role}" for role, folder in zip(ROLES, by_seed, strict=True) if role != folder]
    if swapped:
        raise ArtifactError(f"the models of {place} were swapped ({', '.join(swapped)}); give each folder its own name back")
