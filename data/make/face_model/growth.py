"""Grow a trained face model by one resolution: a new synthesis block on top, with everything below unchanged.

    grown(w_plus) = upsample(picture of the old model) + detail(its last features, w_plus)

The new block starts with no detail, so that step 0 draws the old picture, enlarged; the picture of the old size never changes,
nor does any measurement on it. The training data of the block, in crops to suit one core:

    aligned faces    latents and weights fitted to some training faces (`joint_tuning.py`) render them almost exactly, so
                     the real picture of twice the size is the target:      2 L1 + 0.35 perceptual
    other faces      the encoder's renders of the training faces and samples of the prior have no such target: reduced to
                     half, they must equal the old picture:                 2 L1
    all              a discriminator on the same frozen features, with crops of real faces at the same place (Sauer et al. 2021)

Knows networks and tensors; `grow.py` runs it over a folder. Source: progressive growing, Karras et al. 2018; without fading,
since the block starts at zero.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from data.make.face_model.discriminator import ProjectedDiscriminator, generator_loss
from data.make.face_model.losses import PerceptualDistance, step_discriminator
from stylegan.networks.checkpoints import FaceModel
from stylegan.networks.encoder import EncoderConfig, FaceEncoder
from stylegan.networks.generator import Generator, GeneratorConfig, StyledConv, SynthesisNetwork
from stylegan.networks.ops import modulated_conv2d, scaled_leaky_relu, upsample2x

MARGIN = 4  # features around a crop that only affect its edge


@dataclass(frozen=True, kw_only=True)
class GrowthConfig:
    """One run. channels: of the new block. crop: side of a crop in features of the old size; its picture is twice as large.

    The learning rate falls to a tenth along a cosine over `num_crops`; adversarial_from: crops before the discriminator counts.
    """

    channels: int = 32
    num_crops: int = 40_000
    batch_size: int = 16
    crop: int = 64
    lr: float = 3e-3
    perceptual_weight: float = 0.35
    adversarial_weight: float = 0.05
    adversarial_from: int = 2_000
    ema_decay: float = 0.998
    seed: int = 0


@dataclass(frozen=True)
class Renders:
    """The old model's output for latents: features [N, C, s, s] and pictures [N, 3, s, s], float16, w_plus [N, R, w_dim].

    real_u8 [N, 2s, 2s, 3]: the faces that they render almost exactly, for aligned faces only.
    """

    features: np.ndarray
    pictures: np.ndarray
    w_plus: Tensor
    real_u8: np.ndarray | None = None


def grow_generator(generator: Generator, *, channels: int, seed: int = 0) -> Generator:
    """Return a generator of twice the size that draws the same pictures, enlarged; added rows repeat the last one."""
    config = generator.config
    num_added = 2 if config.mapping_rows > 1 else 0
    grown_config = GeneratorConfig(
        **{
            **config.as_dict(),
            "size": 2 * config.size,
            "channels": {**config.channels, 2 * config.size: channels},
            "mapping_rows": config.mapping_rows + num_added,
        }
    )
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        grown = Generator(grown_config)
    state = grown.state_dict()
    state |= {f"synthesis.{name}": tensor for name, tensor in generator.synthesis.state_dict().items()}
    for name, tensor in generator.mapping.state_dict().items():
        is_last = num_added and (name == "w_avg" or name.startswith(f"layers.{config.num_mapping_layers - 1}."))
        state[f"mapping.{name}"] = _with_rows_repeated(tensor, config.mapping_rows, num_added) if is_last else tensor
    grown.load_state_dict(state)
    with torch.no_grad():
        grown.synthesis.to_rgbs[-1].weight.zero_()  # type: ignore[union-attr, operator]
    return grown.eval().requires_grad_(False)


def grow_encoder(encoder: FaceEncoder, num_rows: int) -> FaceEncoder:
    """Return an encoder that writes `num_rows` rows, the added ones equal to the last; input and codes are unchanged."""
    config = EncoderConfig(**{**encoder.config.as_dict(), "num_rows": num_rows})
    grown, state = FaceEncoder(config), encoder.state_dict()
    for name in ("to_rows.weight", "to_rows.bias"):
        state[name] = _with_rows_repeated(state[name], encoder.config.num_rows, num_rows - encoder.config.num_rows)
    grown.load_state_dict(state)
    return grown.eval().requires_grad_(False)


def _with_rows_repeated(tensor: Tensor, num_rows: int, num_added: int) -> Tensor:
    """Repeat the last of `num_rows` equal parts of a tensor, along its first axis."""
    parts = tensor.reshape(num_rows, -1, *tensor.shape[1:])
    return torch.cat([parts, *[parts[-1:]] * num_added]).reshape(-1, *tensor.shape[1:])


def grow_face_model(face_model: FaceModel, *, channels: int) -> FaceModel:
    """Return the face model at twice the size, with an untrained new block: it renders the same pictures, enlarged."""
    generator = grow_generator(face_model.generator, channels=channels)
    encoder = face_model.encoder
    assert isinstance(encoder, FaceEncoder)
    return FaceModel(generator, grow_encoder(encoder, generator.config.num_rows), face_model.manifest)


def with_grown_block(face_model: FaceModel, synthesis_state: dict[str, Tensor], run_state: dict[str, Any]) -> FaceModel:
    """Return `face_model` grown, with other weights below, such as tuned ones, and the averaged block of a growth run on top.

    Args:
        synthesis_state: of a synthesis network of the model's own size. run_state: from `GrowthTrainer.state`.
    """
    ema = run_state["ema"]
    grown = grow_face_model(face_model, channels=int(ema["2.weight"].shape[1]))
    synthesis = grown.generator.synthesis
    state = synthesis.state_dict() | synthesis_state
    parts = {"0": f"convs.{len(synthesis.convs) - 2}", "1": f"convs.{len(synthesis.convs) - 1}"}
    parts["2"] = f"to_rgbs.{len(synthesis.to_rgbs) - 1}"
    state |= {f"{parts[name.split('.')[0]]}.{name.partition('.')[2]}": tensor for name, tensor in ema.items()}
    synthesis.load_state_dict(state)
    return grown


class GrowthTrainer:
    """The new block, its discriminator and their optimisers; `step` trains on one batch of crops."""

    def __init__(
        self,
        synthesis: SynthesisNetwork,
        config: GrowthConfig,
        backbone_state: dict[str, Tensor],
        *,
        aligned: Renders | None,
        others: Renders,
        real_u8: np.ndarray,
    ) -> None:
        """Store the grown network, of which only the last block is trained.

        Args:
            aligned: renders of fitted faces, None without them. others: renders without a target.
            real_u8: [N, 2s, 2s, 3], real faces for the discriminator.
        """
        self.config, self.synthesis = config, synthesis
        self.aligned, self.others, self.real_u8 = aligned, others, real_u8
        self.last = len(synthesis.to_rgbs) - 2  # the index of the last step
        self.block = nn.ModuleList([synthesis.convs[-2], synthesis.convs[-1], synthesis.to_rgbs[-1]])
        self.block.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        trained = [p.requires_grad_(True) for name, p in self.block.named_parameters() if "noise" not in name]
        self.ema = copy.deepcopy(self.block).eval().requires_grad_(False)
        self.perceptual = PerceptualDistance(backbone_state).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.discriminator = ProjectedDiscriminator(self.perceptual.feature_channels)
        self.optimizer = torch.optim.Adam(trained, lr=config.lr, betas=(0.5, 0.99))
        self.discriminator_optimizer = torch.optim.Adam(self.discriminator.parameters(), lr=1e-3, betas=(0.0, 0.99))
        self.rng = np.random.default_rng(config.seed)
        self.num_crops_seen = 0

    def state(self) -> dict[str, Any]:
        """Return the state for resuming a run."""
        names = ("block", "ema", "discriminator", "optimizer", "discriminator_optimizer")
        counters = {"rng": _as_numbers(self.rng), "num_crops_seen": self.num_crops_seen}
        return {name: getattr(self, name).state_dict() for name in names} | counters

    def load_state(self, state: dict[str, Any]) -> None:
        """Resume from a state of the same settings."""
        for name in ("block", "ema", "discriminator", "optimizer", "discriminator_optimizer"):
            getattr(self, name).load_state_dict(state[name])
        self.rng.bit_generator.state = {**self.rng.bit_generator.state, "state": {k: int(v) for k, v in state["rng"].items()}}
        self.num_crops_seen = int(state["num_crops_seen"])

    def step(self) -> dict[str, float]:
        """Train on one batch, half of it aligned faces, if there are any."""
        config = self.config
        fall = 0.1 + 0.9 * 0.5 * (1 + float(np.cos(np.pi * min(self.num_crops_seen / config.num_crops, 1.0))))
        self.optimizer.param_groups[0]["lr"] = config.lr * fall * min(1.0, (self.num_crops_seen + 1) / 500)
        window = _Window.draw(self.others.features.shape[-1], config.crop, self.rng)
        num_aligned = config.batch_size // 2 if self.aligned is not None else 0
        images, pictures = self._render(self.others, config.batch_size - num_aligned, window)[:2]
        loss = 2 * (F.avg_pool2d(images, 2) - window.inner(pictures)).abs().mean()
        losses = {"same_picture": loss.item() / 2}
        if self.aligned is not None:
            fitted, _, targets = self._render(self.aligned, num_aligned, window)
            assert targets is not None
            l1 = (fitted - targets).abs().mean()
            with torch.no_grad():
                wanted = self.perceptual.features(targets)
            perceptual = _plain_distance(self.perceptual.features(fitted), wanted)
            loss = loss + 2 * l1 + config.perceptual_weight * perceptual
            losses |= {"l1": l1.item(), "perceptual": perceptual.item()}
            images = torch.cat([images, fitted])
        if self.num_crops_seen >= config.adversarial_from:
            fake, real = self.perceptual.features(images), self._real_features(window)
            detached = [level.detach() for level in fake]
            losses |= step_discriminator(self.discriminator, self.discriminator_optimizer, real, detached)
            fooled = generator_loss(self.discriminator(fake))
            loss = loss + config.adversarial_weight * fooled
            losses["fooled"] = fooled.item()
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(self.optimizer.param_groups[0]["params"], 5.0)
        self.optimizer.step()
        self._update_ema()
        self.num_crops_seen += config.batch_size
        return losses

    def write_into(self, synthesis: SynthesisNetwork) -> None:
        """Copy the averaged block into a network of the same sizes."""
        for part, averaged in zip((synthesis.convs[-2], synthesis.convs[-1], synthesis.to_rgbs[-1]), self.ema, strict=True):
            part.load_state_dict(averaged.state_dict())

    def _render(self, renders: Renders, num: int, window: _Window) -> tuple[Tensor, Tensor, Tensor | None]:
        """Return crops drawn by the block, the old pictures there (with margin), and the real faces, if any."""
        rows = self.rng.integers(len(renders.features), size=num)
        y, x, side = window.top, window.left, window.side
        features = torch.from_numpy(renders.features[rows, :, y : y + side, x : x + side]).float()
        pictures = torch.from_numpy(renders.pictures[rows, :, y : y + side, x : x + side]).float()
        w_plus = renders.w_plus[torch.from_numpy(rows)]
        features = features.contiguous(memory_format=torch.channels_last)
        with torch.autocast("cpu", torch.bfloat16):
            hidden = _convolve(self.block[0], features, w_plus[:, 2 * self.last + 1])
            hidden = _convolve(self.block[1], hidden, w_plus[:, 2 * self.last + 2])
            detail = self.block[2](hidden, w_plus[:, 2 * self.last + 3]).float()
        images = window.inner(upsample2x(pictures) + detail, factor=2)
        real = None if renders.real_u8 is None else self._crops(renders.real_u8, rows, window)
        return images, pictures, real

    def _real_features(self, window: _Window) -> list[Tensor]:
        rows = self.rng.integers(len(self.real_u8), size=self.config.batch_size)
        with torch.no_grad():
            return self.perceptual.features(self._crops(self.real_u8, rows, window))

    def _crops(self, faces_u8: np.ndarray, rows: np.ndarray, window: _Window) -> Tensor:
        y, x, side = 2 * (window.top + window.before_y), 2 * (window.left + window.before_x), 2 * window.crop
        crops = torch.from_numpy(faces_u8[rows, y : y + side, x : x + side]).permute(0, 3, 1, 2)
        return (crops.float() / 127.5 - 1.0).contiguous(memory_format=torch.channels_last)

    @torch.no_grad()
    def _update_ema(self) -> None:
        num_steps = self.num_crops_seen / self.config.batch_size
        decay = min(self.config.ema_decay, (1 + num_steps) / (10 + num_steps))
        for averaged, live in zip(self.ema.parameters(), self.block.parameters(), strict=True):
            averaged.lerp_(live, 1 - decay)


@dataclass(frozen=True)
class _Window:
    """A crop of `crop` features, with a margin on each side away from the picture's own edge: `side` in total."""

    top: int
    left: int
    crop: int
    side: int
    before_y: int
    before_x: int

    @classmethod
    def draw(cls, size: int, crop: int, rng: np.random.Generator) -> _Window:
        crop = min(crop, size)
        side = min(crop + 2 * MARGIN, size)
        top, left = (int(rng.integers(size - side + 1)) for _ in range(2))

        def before(start: int) -> int:
            return 0 if start == 0 else (side - crop if start + side == size else MARGIN)

        return cls(top, left, crop, side, before(top), before(left))

    def inner(self, images: Tensor, *, factor: int = 1) -> Tensor:
        """Crop the margin off images [B, C, factor * side, factor * side]."""
        y, x, crop = factor * self.before_y, factor * self.before_x, factor * self.crop
        return images[:, :, y : y + crop, x : x + crop]


def _convolve(conv: nn.Module, features: Tensor, w: Tensor) -> Tensor:
    """Apply a `StyledConv` to a crop, without its noise, which has the size of whole pictures and is 0 in a new block."""
    assert isinstance(conv, StyledConv)
    weight, style = conv.weight * conv.weight_gain, conv.affine(w)
    features = modulated_conv2d(features, weight, style, upsample=conv.upsample)
    features = scaled_leaky_relu(features, conv.bias.to(features.dtype))
    return features if conv.clamp is None else features.clamp(-conv.clamp, conv.clamp)


def _plain_distance(features: list[Tensor], target_features: list[Tensor]) -> Tensor:
    """Return the distance of `losses.PerceptualDistance` without the weight of the face's middle: crops have any position."""
    pairs = zip(features, target_features, strict=True)
    return torch.stack([(F.normalize(a, dim=1) - F.normalize(b, dim=1)).square().sum(dim=1).mean() for a, b in pairs]).sum()


def _as_numbers(rng: np.random.Generator) -> dict[str, str]:
    """Return the two numbers of a PCG64 generator, as text because of their 128 bits."""
    return {name: str(value) for name, value in rng.bit_generator.state["state"].items()}  # type: ignore[index]
