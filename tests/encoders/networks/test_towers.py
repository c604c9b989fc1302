"""The embedded CLIP against open_clip's model of the same configuration, its naive twin."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import open_clip
import pytest
import torch
from PIL import Image

from adcreative.encoders import weights
from adcreative.encoders.creative_clip import CONTEXT_LENGTH, EMBED_DIM, EMBEDDED_CONFIG, EMBEDDED_PREPROCESS
from adcreative.encoders.headline import HeadlineModel
from adcreative.encoders.networks.bert import Bert, BertSizes, share_bert
from adcreative.encoders.networks.towers import build_towers, read_pixels

TEXTS = ["Sleep better tonight", "Fish &amp; chips", "mojibake: schÃ¶n", "  wide \t space ", "ends in [PAD]", "word " * 300]


@pytest.fixture(scope="module")
def twin(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """open_clip's model, its tokenizer and what it does to a picture."""
    folder, minilm = tmp_path_factory.mktemp("twin"), weights.find_weight("minilm")
    for file in minilm.iterdir():
        if file.is_file() and ("token" in file.name or file.name in {"config.json", "vocab.txt"}):
            shutil.copy(file, folder)
    text = EMBEDDED_CONFIG["text_cfg"] | {"hf_model_name": str(minilm), "hf_tokenizer_name": str(minilm)}
    config = {"model_cfg": EMBEDDED_CONFIG | {"text_cfg": text}, "preprocess_cfg": EMBEDDED_PREPROCESS}
    Path(folder, "open_clip_config.json").write_text(json.dumps(config))
    model = open_clip.create_model(f"local-dir:{folder}", load_weights=False).eval()
    preprocess = open_clip.transform.PreprocessCfg(**model.visual.preprocess_cfg)
    transform = open_clip.transform.image_transform_v2(preprocess, is_train=False)
    return model, open_clip.get_tokenizer(f"local-dir:{folder}"), transform


@pytest.fixture(scope="module")
def towers() -> Any:
    places = weights.find_weight("efficientnet-lite0"), weights.find_weight("minilm")
    built, tokenizer = build_towers(*places, embed_dim=EMBED_DIM, context_length=CONTEXT_LENGTH)
    for name, weight in built.named_parameters():  # projections are not set by it
        if "proj" in name.split("transformer.")[0]:
            torch.nn.init.normal_(weight, std=0.05)
    return built, tokenizer


@torch.inference_mode()
def test_towers_are_open_clips(twin: Any, towers: Any) -> None:
    (model, tokenizer, _), (ours, own_tokenizer) = twin, towers
    names = {name for name in ours.state_dict() if "num_batches" not in name}
    assert names == {name for name in model.state_dict() if name != "logit_scale" and not name.endswith("num_batches_tracked")}
    model.load_state_dict(ours.state_dict(), strict=False)
    images_f32 = torch.rand(2, 3, 224, 224) * 2 - 1
    assert torch.equal(ours.encode_image(images_f32), model.encode_image(images_f32))
    token_ids = tokenizer(TEXTS)
    assert torch.equal(own_tokenizer(TEXTS), token_ids)
    found, expected = (one.encode_text(token_ids, normalize=True) for one in (ours, model))
    torch.testing.assert_close(found, expected, atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("size", [(224, 224), (31, 400), (1200, 628)])
def test_pixels_are_those_of_open_clip(twin: Any, size: tuple[int, int]) -> None:
    image = Image.fromarray(np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8))
    assert torch.equal(read_pixels(image), twin[2](image))


def test_nothing_of_the_embedded_model_loads_a_library_of_models() -> None:
    """A command's start: torchvision alone brings torch's compiler, two to three seconds."""
    import subprocess
    import sys

    HeadlineModel.load()  # the first one of a machine unpacks the language model, with transformers
    script = (
        "import sys; from adcreative.verbs.loading import load_tools; load_tools().clip.encode_texts(['a line']);"
        "print([name for name in ('transformers', 'open_clip', 'timm', 'torchvision', 'torch._dynamo') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_shared_network_has_the_same_weights_in_memory_and_hooks_of_its_own() -> None:
    torch.manual_seed(0)
    sizes = BertSizes(vocab_size=30, hidden_size=16, intermediate_size=24, num_hidden_layers=2, num_attention_heads=2)
    network = Bert(sizes).eval()
    other, token_ids, seen = share_bert(network), torch.tensor([[3, 4, 5]]), list[int]()
    other.embeddings.register_forward_hook(lambda *_: seen.append(1))
    assert torch.equal(network(token_ids)[-1], other(token_ids)[-1])
    assert seen == [1]
    assert all(one.data_ptr() == two.data_ptr() for one, two in zip(network.parameters(), other.parameters(), strict=True))
