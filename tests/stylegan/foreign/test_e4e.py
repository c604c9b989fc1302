from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from skimage import data

from stylegan.errors import CheckpointError
from stylegan.faces.analysis import FaceAnalyzer
from stylegan.foreign.direction_files import read_direction_file
from stylegan.foreign.kinds import read_weights
from stylegan.images import encode_image
from stylegan.latents.codec import FaceCodec
from stylegan.networks.checkpoints import load_face_model, save_face_model
from stylegan.photo.session import FaceEditSession
from tests.stylegan.foreign import original_e4e as e
from tests.stylegan.foreign import originals as o

ENCODER, DECODER = e.random_encoder(1), o.random_rosinality(e.SIZE, depth=8, seed=1)
IMAGES = torch.rand(2, 3, 256, 256, generator=torch.Generator().manual_seed(0)) * 2 - 1


def without(start: str) -> dict[str, torch.Tensor]:
    return {name: tensor for name, tensor in ENCODER.items() if not name.startswith(start)}


@pytest.mark.parametrize("shape", [(o.W_DIM,), (1, o.W_DIM), (e.NUM_ROWS, o.W_DIM), (1, e.NUM_ROWS, o.W_DIM)])
def test_latents_are_the_published_ones_for_each_form_of_the_mean(shape: tuple[int, ...], tmp_path: Path) -> None:
    latent_avg = 3 * torch.randn(shape, generator=torch.Generator().manual_seed(2))
    e.save_e4e(tmp_path / "e4e.pt", ENCODER, DECODER, latent_avg)
    generator, encoder = read_weights(tmp_path / "e4e.pt").build()
    assert encoder is not None
    with torch.no_grad():
        w_plus = encoder(IMAGES)
        expected = e.encode(ENCODER, IMAGES, latent_avg)
        assert (expected[:, 1:] - expected[:, :1]).std() > 0.3
        torch.testing.assert_close(w_plus, expected, rtol=0, atol=1e-4)
        images = generator.synthesize(w_plus)
        torch.testing.assert_close(images, o.rosinality_synthesis(DECODER, expected), rtol=0, atol=1e-4)
    torch.testing.assert_close(generator.w_plus_avg[0, 0], latent_avg.reshape(-1, o.W_DIM).mean(dim=0))


def test_every_tensor_of_the_encoder_is_kept(tmp_path: Path) -> None:
    e.save_e4e(tmp_path / "e4e.pt", ENCODER, DECODER, torch.zeros(o.W_DIM))
    encoder = read_weights(tmp_path / "e4e.pt").build()[1]
    assert encoder is not None
    ours = encoder.network.state_dict()
    assert ours.keys() == ENCODER.keys()
    assert all(torch.equal(ours[name], tensor) for name, tensor in ENCODER.items())


def test_a_missing_mean_latent_is_averaged_as_the_published_code_does(tmp_path: Path) -> None:
    e.save_e4e(tmp_path / "e4e.pt", ENCODER, DECODER, None)
    converted = read_weights(tmp_path / "e4e.pt")
    assert [note for note in converted.notes if "it was averaged over 10,000 draws" in note]
    generator, encoder = converted.build()
    assert encoder is not None
    w = o.rosinality_map(DECODER, torch.randn(20_000, o.W_DIM, generator=torch.Generator().manual_seed(9)))
    assert (encoder.latent_avg - w.mean(dim=0)).abs().max() < 0.1 * w.std(dim=0).mean()
    assert encoder.latent_avg.abs().mean() > 0.2 * w.std(dim=0).mean()  # zero would not pass
    with torch.no_grad():
        torch.testing.assert_close(encoder(IMAGES), e.encode(ENCODER, IMAGES, encoder.latent_avg), rtol=0, atol=1e-4)
    assert torch.equal(generator.w_plus_avg[0], encoder.latent_avg)


def test_without_start_from_latent_avg_nothing_is_added(tmp_path: Path) -> None:
    e.save_e4e(tmp_path / "e4e.pt", ENCODER, DECODER, torch.ones(o.W_DIM), start_from_latent_avg=False)
    encoder = read_weights(tmp_path / "e4e.pt").build()[1]
    assert encoder is not None
    with torch.no_grad():
        torch.testing.assert_close(encoder(IMAGES), e.encode(ENCODER, IMAGES, torch.zeros(o.W_DIM)), rtol=0, atol=1e-4)


def test_saved_face_model_has_the_interface_of_the_embedded_one(tmp_path: Path) -> None:
    e.save_e4e(tmp_path / "e4e.pt", ENCODER, DECODER, torch.ones(o.W_DIM))
    generator, encoder = read_weights(tmp_path / "e4e.pt").build()
    save_face_model(tmp_path / "model", generator, encoder, dtype=torch.float32)
    model = load_face_model(tmp_path / "model")
    assert (model.encoder.config.size, model.encoder.config.code_dim) == (256, e.NUM_ROWS * o.W_DIM)
    code = model.encoder.encode(IMAGES)
    assert code.shape == (2, e.NUM_ROWS * o.W_DIM)
    assert torch.equal(model.encoder.expand(code), model.encoder(IMAGES))
    assert [level.shape[2] for level in model.encoder.backbone(IMAGES)] == [64, 32, 16]


def test_a_converted_model_edits_a_photograph(tmp_path: Path) -> None:
    e.save_e4e(tmp_path / "e4e.pt", ENCODER, DECODER, torch.ones(o.W_DIM))
    generator, encoder = read_weights(tmp_path / "e4e.pt").build()
    save_face_model(tmp_path / "model", generator, encoder, dtype=torch.float32)
    codec, analyzer = FaceCodec(load_face_model(tmp_path / "model")), FaceAnalyzer()
    assert (codec.size, codec.render_size) == (256, e.SIZE)
    torch.save(torch.ones(1, o.W_DIM), tmp_path / "smile.pt")
    directions = read_direction_file(tmp_path / "smile.pt", num_rows=e.NUM_ROWS).as_set()
    photo = np.ascontiguousarray(data.astronaut()[:300, 60:380])
    session = FaceEditSession(photo, analyzer.analyze(photo), codec, directions, analyzer)
    crop = session.faces[0].alignment.crop(photo, 256)
    torch.testing.assert_close(torch.from_numpy(session.codes), codec.face_model.encoder.encode(encode_image([crop])))
    edited = session.compose(session.strengths(smile=1.0))
    assert not (edited != photo).any(axis=2)[~session.mask()].any()
    assert (session.control() != photo).any(), "what it draws is seen where it is asked for"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"latent_avg": torch.ones(7)}, r"latent_avg has shape \[7\], expected \[16\] or \[10, 16\]"),
        ({"latent_avg": torch.full((16,), float("nan"))}, "latent_avg holds NaN"),
        ({"encoder_type": "GradualStyleEncoder"}, 'holds a "GradualStyleEncoder", not e4e'),
        ({"encoder": {}}, "e4e checkpoint has no encoder"),
        ({"encoder": without("styles.9.")}, "writes 9 rows, its decoder reads 10"),
        ({"encoder": without("body.3.res_layer.2")}, "lacks body.3.res_layer.2.weight"),
        ({"encoder": ENCODER | {"extra.weight": torch.ones(1)}}, "1 tensors with no place, first extra.weight"),
        ({"encoder": ENCODER | {"latlayer1.weight": torch.full((20, 16, 1, 1), float("inf"))}}, "latlayer1.weight holds NaN"),
    ],
)
def test_refused(change: dict, message: str, tmp_path: Path) -> None:
    options = {"encoder": ENCODER, "decoder": DECODER, "latent_avg": torch.ones(o.W_DIM)} | change
    e.save_e4e(tmp_path / "e4e.pt", **options)
    with pytest.raises(CheckpointError, match=message):
        read_weights(tmp_path / "e4e.pt").build()
