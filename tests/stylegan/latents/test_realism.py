"""Realism against closed forms, the prior read back from a mapping network, and the session that measures both."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from adcreative.encoders.weights import embedded_dir
from stylegan.faces.analysis import FaceAnalyzer, FaceInPicture
from stylegan.latents.codec import FaceCodec
from stylegan.latents.directions.labelled import DirectionSet
from stylegan.latents.prior import GaussianPrior, fit_prior
from stylegan.latents.realism import measure_realism
from stylegan.networks.checkpoints import FaceModel, load_face_model
from stylegan.networks.encoder import EncoderConfig, FaceEncoder
from stylegan.networks.generator import Generator, GeneratorConfig
from stylegan.photo.session import FaceEditSession


@pytest.fixture(scope="module")
def session(analyzer: FaceAnalyzer, astronaut: np.ndarray, portrait: FaceInPicture) -> FaceEditSession:
    codec = FaceCodec(load_face_model(embedded_dir("faces")))
    return FaceEditSession(astronaut, [portrait], codec, DirectionSet.load(embedded_dir("directions")), analyzer)


def test_what_an_edit_adds_counts_in_the_worst_face_only() -> None:
    before = np.zeros((2, 2, 4))
    before[:, 0, 0] = 3.0
    after = np.tile(before, (4, 1, 1, 1))
    after[1, 0, 0, 0] = 5.0  # 25 - 9 = 16 added to where the first face lies
    after[2, 1, 1] = 1.0  # 4 added to what a second look makes of the second face
    after[3, :, 0, 0], after[3, :, 1, 0] = (
        1.0,
        2.0,
    )  # nearer to the mean face, which does not make up for the 4 of a second look
    naive = [1.0, np.exp(-16 / 8), np.exp(-4 / 8), np.exp(-4 / 8)]
    np.testing.assert_allclose(measure_realism(before, after), naive)


def test_no_face_is_as_real_as_it_was() -> None:
    np.testing.assert_array_equal(measure_realism(np.zeros((0, 2, 4)), np.zeros((3, 0, 2, 4))), np.ones(3))


def tiny_parts(code_dim: int) -> tuple[Generator, FaceEncoder]:
    torch.manual_seed(0)
    config = GeneratorConfig(
        size=32,
        z_dim=code_dim,
        w_dim=16,
        num_mapping_layers=1,
        mapping_rows=8,
        normalize_z=False,
        mapping_lr_multiplier=1.0,
        channels={4: 16, 8: 16, 16: 16, 32: 8},
    )
    return Generator(config), FaceEncoder(EncoderConfig(size=32, num_rows=8, w_dim=16, code_dim=code_dim, level_width=4))


def test_the_prior_is_read_back_from_the_mapping_it_was_written_into() -> None:
    generator, encoder = tiny_parts(12)
    codes = torch.randn(500, 12, generator=torch.Generator().manual_seed(1)) * torch.linspace(0.2, 2.0, 12) + 0.5
    prior = fit_prior(codes)
    prior.write_into(generator.mapping, encoder)
    read = GaussianPrior.read_from(generator.mapping, encoder)
    torch.testing.assert_close(read.mean.float(), prior.mean, rtol=1e-3, atol=1e-4)
    torch.testing.assert_close(read.factor.float(), prior.factor, rtol=1e-3, atol=1e-3)

    codec = FaceCodec(FaceModel(generator.eval(), encoder.eval(), {}))
    apart = (codes[:5] - codes.mean(dim=0)).numpy()
    naive = np.einsum("nc,cd,nd->n", apart, np.linalg.inv(np.cov(codes.numpy(), rowvar=False)), apart)
    np.testing.assert_allclose(np.square(codec.whiten(codes[:5].numpy())).sum(axis=1), naive, rtol=1e-2)


def test_a_mapping_that_was_never_written_into_means_codes_of_deviation_one() -> None:
    generator, encoder = tiny_parts(12)
    read = GaussianPrior.read_from(generator.mapping, encoder)
    assert torch.equal(read.factor, torch.eye(12, dtype=torch.float64))
    assert not read.mean.any()


def test_realism_falls_with_strength_and_the_unedited_face_is_best(session: FaceEditSession) -> None:
    names = ("smile", "mouth_open", "eyes_open", "head_yaw")
    edits = np.stack([session.strengths(**dict.fromkeys(names, strength)) for strength in (0.0, 0.5, 1.0, 1.5, 2.0)])
    found = session.realism(edits)
    assert found[0] == 1.0
    assert (np.diff(found) < 0.0).all()
    np.testing.assert_allclose(session.realism(edits[3:4]), found[3:4], atol=0.02)  # whatever else is in the batch


def test_a_face_that_is_left_alone_adds_nothing(session: FaceEditSession) -> None:
    unedited, edited = session.atypicality(np.stack([session.strengths(), session.strengths(smile=2.0)]))
    assert unedited.shape == (1, 2, session.codes.shape[1])
    step = session._codec.whiten(2.0 * session._directions.vectors[:1], is_difference=True)
    np.testing.assert_allclose(edited[0, 0] - unedited[0, 0], step[0], atol=1e-4)  # exactly linear in where the code lies
    assert np.abs(edited[0, 1] - unedited[0, 1]).max() > 0.01
