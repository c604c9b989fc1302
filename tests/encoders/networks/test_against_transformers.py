"""The plain language models against those of `transformers`, their naive twins: the same bits, the same token ids."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from transformers import AutoTokenizer, BertConfig, BertModel, LlamaConfig, LlamaModel

from adcreative.encoders import weights
from adcreative.encoders.gguf_cache import find_copy
from adcreative.encoders.networks.bert import read_bert
from adcreative.encoders.networks.llama import build_llama, read_llama
from adcreative.encoders.networks.tokens import read_tokens
from adcreative.errors import ArtifactError

SIZES: dict[str, Any] = {"vocab_size": 50, "hidden_size": 96, "intermediate_size": 160, "num_hidden_layers": 3}
TEXTS = [
    "Sleep better tonight",
    "has [PAD] within",
    "<s> [CLS] hello [SEP] <|im_start|>",
    "Ünïcode straße – 50% OFF! 🎉",
    "عنوان من اليمين إلى اليسار",
    "日本語の広告",
    "a" * 500,
    "word " * 300,
    "\u200f x\t tab\n\nlines",
    "don't he'll 3.14",
    "",
]


@pytest.fixture(scope="module")
def bert_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("bert")
    BertModel(BertConfig(**SIZES, num_attention_heads=3), add_pooling_layer=False).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def llama() -> Any:
    torch.manual_seed(0)
    options: dict[str, Any] = {"num_attention_heads": 6, "num_key_value_heads": 2, "rope_theta": 500.0, "rms_norm_eps": 1e-5}
    config = LlamaConfig(**SIZES, **options)
    return LlamaModel(config).eval()


@torch.inference_mode()
def test_bert_gives_the_states_of_transformers(bert_dir: Path) -> None:
    twin, network = BertModel.from_pretrained(bert_dir).eval(), read_bert(bert_dir)
    token_ids, mask = torch.randint(1, 50, (3, 7)), torch.tensor([[1] * 7, [1] * 3 + [0] * 4, [1] + [0] * 6])
    expected = twin(input_ids=token_ids, attention_mask=mask, output_hidden_states=True).hidden_states
    found = network(token_ids, attention_mask=mask)
    assert len(found) == len(expected) == 4
    for left, right in zip(found, expected, strict=True):
        assert torch.equal(left[mask.bool()], right[mask.bool()])


@torch.inference_mode()
def test_llama_gives_the_states_of_transformers(llama: Any) -> None:
    token_ids = torch.randint(1, 50, (2, 9))
    expected = llama(input_ids=token_ids, output_hidden_states=True).hidden_states
    found = build_llama(llama.config.to_dict(), llama.state_dict(), 2)(token_ids)
    assert len(found) == 3, "cut after two layers"
    assert all(torch.equal(left, right) for left, right in zip(found, expected[:3], strict=True))


@pytest.mark.parametrize("name", ["minilm", "smollm2-135m"])
def test_token_ids_are_those_of_transformers(name: str) -> None:
    folder = find_copy(weights.find_weight(name))
    if folder is None:  # no run has unpacked it yet
        from adcreative.encoders.headline import read_language

        read_language(weights.find_weight(name), 1)
        folder = find_copy(weights.find_weight(name))
    assert folder is not None
    twin, reader = AutoTokenizer.from_pretrained(folder), read_tokens(folder)
    assert reader.read(TEXTS, has_marks=False) == twin(TEXTS, add_special_tokens=False)["input_ids"]
    if name == "minilm":
        assert reader.read(TEXTS, max_tokens=64) == twin(TEXTS, truncation=True, max_length=64)["input_ids"]
    else:
        assert reader.bos_token_id == twin.bos_token_id
        cut = [ids[:5] for ids in twin(TEXTS, add_special_tokens=False)["input_ids"]]
        assert reader.read(TEXTS, max_tokens=5, has_marks=False) == cut
    assert reader.read([]) == []


def test_damaged_and_foreign_folders_are_refused(bert_dir: Path, llama: Any, tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="holds no BERT encoder that can be read"):
        read_bert(tmp_path)
    with pytest.raises(ArtifactError, match=r"holds no Llama decoder that can be read \(model_type 'bert'"):
        read_llama(bert_dir, 1)
    with pytest.raises(ArtifactError, match="holds no tokenizer that can be read"):
        read_tokens(bert_dir)
    with pytest.raises(ArtifactError, match="3 layers, 4 are needed"):
        build_llama(llama.config.to_dict(), llama.state_dict(), 4)
    (tmp_path / "config.json").write_text(json.dumps(llama.config.to_dict()))
    (tmp_path / "model.safetensors").write_bytes(b"cut short")
    with pytest.raises(ArtifactError, match="holds no Llama decoder"):
        read_llama(tmp_path, 1)
    save_file({"model.embed_tokens.weight": torch.zeros(50, 96)}, tmp_path / "model.safetensors")
    with pytest.raises(ArtifactError, match="holds no Llama decoder"):
        read_llama(tmp_path, 1)
