"""The three models of a run as they lie on disk: which folders, their hashes and cards, and whether they are what they must be.

Reads manifests only, so that a process that hands the work to others loads no model. Loads no torch.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from adcreative.ctr.card import PredictorManifest, read_predictor_manifest
from adcreative.encoders.weights import embedded_dir
from adcreative.errors import ArtifactError

ROLES = ("predictor", "judge", "auditor")  # two guide the search and choose, the third reports on what they chose
SEED_STEP = 1000  # training gives the models of one folder the seeds S, S + 1000 and S + 2000, in the order of ROLES


def find_models(model_dir: Path | None = None) -> dict[str, Path]:
    """Return role to folder of the models that `train` wrote into `model_dir`, or of the shipped ones.

    Raises:
        ArtifactError: a folder is missing.
    """
    if model_dir is None:
        return {role: embedded_dir(role) for role in ROLES}
    folders = {role: Path(model_dir) / role for role in ROLES}
    missing = [role for role, folder in folders.items() if not folder.is_dir()]
    if missing:
        raise ArtifactError(f"{model_dir} holds no {' and no '.join(missing)}; make it with: adcreative train DATA --out")
    return folders


def read_model_manifests(model_dir: Path | None = None) -> dict[str, PredictorManifest]:
    """Return role to manifest of the three models of a folder, or of the shipped ones.

    Raises:
        ArtifactError: a folder or manifest is missing or damaged, one model has two roles, or roles were swapped.
    """
    manifests = {role: read_predictor_manifest(folder) for role, folder in find_models(model_dir).items()}
    _check_roles(manifests, model_dir)
    return manifests


def _check_roles(manifests: Mapping[str, PredictorManifest], model_dir: Path | None) -> None:
    """Refuse a model in two roles, which would judge its own proposals, and models under each other's names."""
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
