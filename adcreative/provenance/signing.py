"""An optional C2PA manifest in an exported picture, signed with the user's own certificate as the last step of the export.

Needs the extra `c2pa` (pip install "adcreative[c2pa]"). No network: no time stamp authority is used, and a certificate outside
of all trust lists gives a valid signature from an untrusted signer. Saving the picture in another program drops the manifest.

Source: C2PA Technical Specification 2.2, actions c2pa.opened and c2pa.edited.
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from adcreative.provenance.errors import ProvenanceError
from adcreative.provenance.marks import EDITED, TOOL

ALGORITHMS = ("es256", "es384", "es512", "ps256", "ps384", "ps512", "ed25519")
_MIME = {"PNG": "image/png", "JPEG": "image/jpeg", "WEBP": "image/webp"}
_NEWSCODES = "http://cv.iptc.org/newscodes/digitalsourcetype/"


@dataclass(frozen=True, kw_only=True)
class SigningConfig:
    """The signer. certificate: PEM chain, the signer's first. key: PEM, not encrypted. algorithm: one of ALGORITHMS.

    Raises:
        ProvenanceError: on construction, before any long work: c2pa-python is missing, or a file is missing or not PEM.
    """

    certificate: Path
    key: Path
    algorithm: str = "es256"

    def __post_init__(self) -> None:
        if self.algorithm not in ALGORITHMS:
            raise ProvenanceError(f'algorithm must be one of {", ".join(ALGORITHMS)}, got "{self.algorithm}"')
        if find_spec("c2pa") is None:
            raise ProvenanceError('signing needs c2pa-python; install it with: pip install "adcreative[c2pa]"')
        for path in (self.certificate, self.key):
            _read_pem(path)


def sign_picture(picture: bytes, file_format: str, sidecar: Mapping[str, Any], config: SigningConfig) -> bytes:
    """Return the picture with a signed manifest which states that the picture was edited with a trained model.

    Args:
        picture: a PNG, JPEG or WebP file (`marks.encode_picture`).
        sidecar: sidecar of the same picture; its edits become parameters of the action. No name of a person is included.
    Raises:
        ProvenanceError: the certificate or the key cannot be used.
    """
    import c2pa

    certificate, key = _read_pem(config.certificate), _read_pem(config.key)
    action = {
        "action": "c2pa.edited",
        "softwareAgent": {"name": TOOL},
        "digitalSourceType": _NEWSCODES + str(sidecar.get("digital_source_type") or EDITED),
        "parameters": {"adcreative.edits": json.dumps(list(sidecar.get("edits", ())))},
    }
    manifest = {
        "claim_generator_info": [{"name": "adcreative", "version": TOOL.split()[-1]}],
        "title": str(sidecar.get("picture", "picture")),
        "assertions": [{"label": "c2pa.actions.v2", "data": {"actions": [action]}}],
    }
    mime = _MIME[file_format]
    settings = {"builder": {"thumbnail": {"enabled": False}}, "verify": {"verify_after_sign": True}}
    signed = io.BytesIO()
    try:
        signer = c2pa.Signer.from_info(
            c2pa.C2paSignerInfo(config.algorithm.encode(), certificate, key, None)  # no time stamp authority
        )
        builder = c2pa.Builder(manifest, c2pa.Context(c2pa.Settings.from_dict(settings)))
        builder.set_intent(c2pa.C2paBuilderIntent.EDIT)
        parent = {"title": str(sidecar.get("original", "original")), "relationship": "parentOf"}
        builder.add_ingredient(parent, mime, io.BytesIO(picture))
        builder.sign(signer, mime, io.BytesIO(picture), signed)
    except c2pa.C2paError as error:
        raise ProvenanceError(
            f"{config.certificate} and {config.key} cannot sign as {config.algorithm} ({error}). Check both files."
        ) from error
    return signed.getvalue()


def _read_pem(path: Path) -> bytes:
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise ProvenanceError(f"{path} cannot be read ({error.strerror or error}). Check the path.") from error
    if b"-----BEGIN" not in content:
        raise ProvenanceError(f"{path} is not a PEM file. Export the certificate or key as PEM.")
    return content
