"""A C2PA manifest signed with a certificate made here: it verifies, names the edit, and the pixels stay."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from adcreative import pipeline
from adcreative.errors import ConfigError
from adcreative.provenance.errors import ProvenanceError
from adcreative.provenance.marks import encode_picture
from adcreative.provenance.signing import SigningConfig, sign_picture

SIDECAR = {"picture": "a.png", "original": "ad.jpg", "edits": [{"face": 0, "direction": "smile", "strength": 1.2}]}


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> SigningConfig:
    """A test authority and a signer below it: C2PA refuses self-signed signers."""
    pytest.importorskip("c2pa")
    x509 = pytest.importorskip("cryptography.x509")
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    def certificate(name: str, key: Any, issuer: str, issuer_key: Any, *, is_authority: bool) -> Any:
        names = [
            x509.Name(
                [x509.NameAttribute(x509.NameOID.COMMON_NAME, n), x509.NameAttribute(x509.NameOID.ORGANIZATION_NAME, "Test")]
            )
            for n in (name, issuer)
        ]
        now = datetime.now(UTC)
        usage = dict.fromkeys(
            ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "encipher_only", "decipher_only"),
            False,
        )
        builder = (
            x509.CertificateBuilder()
            .subject_name(names[0])
            .issuer_name(names[1])
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=30))
            .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
            .add_extension(
                x509.KeyUsage(digital_signature=not is_authority, key_cert_sign=is_authority, crl_sign=is_authority, **usage),
                critical=True,
            )
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
        )
        if not is_authority:
            builder = builder.add_extension(x509.ExtendedKeyUsage([x509.ExtendedKeyUsageOID.EMAIL_PROTECTION]), critical=False)
        return builder.sign(issuer_key, hashes.SHA256())

    keys = [ec.generate_private_key(ec.SECP256R1()) for _ in range(2)]
    authority = certificate("Test CA", keys[0], "Test CA", keys[0], is_authority=True)
    signer = certificate("Test signer", keys[1], "Test CA", keys[0], is_authority=False)
    folder = tmp_path_factory.mktemp("pki")
    pem = serialization.Encoding.PEM
    (folder / "chain.pem").write_bytes(signer.public_bytes(pem) + authority.public_bytes(pem))
    private = keys[1].private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "key.pem").write_bytes(private)
    return SigningConfig(certificate=folder / "chain.pem", key=folder / "key.pem")


@pytest.mark.parametrize(("file_format", "mime"), [("PNG", "image/png"), ("JPEG", "image/jpeg"), ("WEBP", "image/webp")])
def test_a_signed_picture_verifies_and_keeps_its_pixels(config: SigningConfig, file_format: str, mime: str) -> None:
    import c2pa

    image_u8 = np.random.default_rng(0).integers(0, 255, (80, 100, 3), dtype=np.uint8)
    picture = encode_picture(image_u8, file_format, is_edited=True)
    signed = sign_picture(picture, file_format, SIDECAR, config)
    with c2pa.Reader(mime, io.BytesIO(signed)) as reader:
        report = json.loads(reader.json())
        assert reader.get_validation_state() == "Valid"
    actions = [
        action
        for assertion in report["manifests"][report["active_manifest"]]["assertions"]
        if assertion["label"].startswith("c2pa.actions")
        for action in assertion["data"]["actions"]
    ]
    assert {"c2pa.opened", "c2pa.edited"} <= {action["action"] for action in actions}
    (edited,) = [action for action in actions if action["action"] == "c2pa.edited"]
    assert edited["digitalSourceType"].endswith("/compositeWithTrainedAlgorithmicMedia")
    assert "smile" in edited["parameters"]["adcreative.edits"]
    before, after = (np.asarray(Image.open(io.BytesIO(content))) for content in (picture, signed))
    np.testing.assert_array_equal(before, after)
    assert len(signed) - len(picture) < 20_000  # no thumbnails


def test_a_changed_pixel_breaks_the_signature(config: SigningConfig) -> None:
    import c2pa

    signed = bytearray(sign_picture(encode_picture(np.zeros((64, 64, 3), np.uint8), is_edited=True), "PNG", SIDECAR, config))
    at = signed.rindex(b"IDAT") + 10
    signed[at] ^= 1
    with c2pa.Reader("image/png", io.BytesIO(bytes(signed))) as reader:
        assert reader.get_validation_state() == "Invalid"


def test_what_cannot_sign_is_named(config: SigningConfig, tmp_path: Path) -> None:
    picture = encode_picture(np.zeros((64, 64, 3), np.uint8), is_edited=True)
    for name, content, message in (
        ("gone.pem", None, r"gone\.pem cannot be read"),
        ("text.pem", b"hello", r"text\.pem is not a PEM file"),
        ("wrong.pem", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "cannot sign as es256"),
    ):
        if content is not None:
            (tmp_path / name).write_bytes(content)
        with pytest.raises(ProvenanceError, match=message):
            sign_picture(picture, "PNG", SIDECAR, SigningConfig(certificate=config.certificate, key=tmp_path / name))
    assert pipeline.signing_config(None, None) is None
    assert pipeline.signing_config(config.certificate, config.key) == config
    with pytest.raises(ConfigError, match="both files"):
        pipeline.signing_config(config.certificate, None)
    with pytest.raises(ProvenanceError, match=r'algorithm must be one of es256.*got "rot13"'):
        SigningConfig(certificate=config.certificate, key=config.key, algorithm="rot13")
