"""Packed texts: the states that each text has alone, bit-equal in any company, computed once where that is asked for."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from adcreative.encoders.networks.bert import Bert, BertSizes
from adcreative.encoders.networks.llama import Llama, LlamaSizes
from adcreative.encoders.packing import PACK_TOKENS, PackedEncoder, sharing_states

SIZES = {"vocab_size": 50, "hidden_size": 96, "intermediate_size": 160, "num_hidden_layers": 3}
LENGTHS = (1, 2, 2, 5, 9, 9, 9, 17, 30, 64, 64, 127, 128)


@pytest.fixture(params=["two-sided", "causal"])
def network(request: pytest.FixtureRequest) -> Any:
    torch.manual_seed(0)
    return Bert(BertSizes(**SIZES, num_attention_heads=3)).eval() if request.param == "two-sided" else _decoder()


def _decoder() -> Llama:
    return Llama(LlamaSizes(**SIZES, num_attention_heads=6, num_key_value_heads=2)).eval()


@pytest.fixture
def texts() -> list[list[int]]:
    rng = np.random.default_rng(0)
    found = [rng.integers(1, 50, length).tolist() for length in LENGTHS]
    return [found[i] for i in rng.permutation(len(found))]


@torch.inference_mode()
def _naive(network: Any, text: list[int], depths: tuple[int, ...], num_skipped: int) -> torch.Tensor:
    states = network(input_ids=torch.tensor([text]))
    return torch.stack([states[depth][0, num_skipped:].sum(0) / max(len(text) - num_skipped, 1) for depth in depths])


@pytest.mark.parametrize(("depths", "num_skipped"), [((0, 1, 3), 0), ((-1,), 1)])
def test_pool_is_the_mean_of_the_states_that_a_text_has_alone(
    network: Any, texts: list[list[int]], depths: tuple[int, ...], num_skipped: int
) -> None:
    expected = torch.stack([_naive(network, text, depths, num_skipped) for text in texts])
    found = PackedEncoder(network, depths, num_skipped=num_skipped).pool(texts)
    assert found.shape == (len(texts), len(depths), SIZES["hidden_size"])
    torch.testing.assert_close(found, expected, atol=2e-6, rtol=1e-5)


def test_a_text_gives_the_same_bits_in_any_company(network: Any, texts: list[list[int]]) -> None:
    encoder = PackedEncoder(network, (1, 2))
    together = encoder.pool(texts)
    assert torch.equal(together, torch.cat([encoder.pool([text]) for text in texts]))
    assert torch.equal(together.flip(0), encoder.pool(texts[::-1]))
    assert torch.equal(together[3:8], encoder.pool([*texts[3:8], *texts[3:5]])[:5])


def test_a_start_mark_is_held_once_a_row_and_changes_no_state(texts: list[list[int]], monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    network = _decoder()
    marked = [[3, *(token for token in text[:31] if token != 3)] for text in texts]
    expected = torch.stack([_naive(network, text, (0, 2), 1) for text in marked])
    rows, forward = [], network.forward
    monkeypatch.setattr(network, "forward", lambda **inputs: rows.append(inputs["input_ids"][0].tolist()) or forward(**inputs))
    encoder = PackedEncoder(network, (0, 2), num_skipped=1, has_start=True)
    found = encoder.pool(marked)
    torch.testing.assert_close(found, expected, atol=2e-6, rtol=1e-5)
    assert [row.count(3) for row in rows] == [1, 1]
    assert torch.equal(found, torch.cat([encoder.pool([text]) for text in marked]))
    assert not encoder.pool([[3]]).any()


def test_weights_lie_by_their_inputs_and_stay_the_same(network: Any) -> None:
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    PackedEncoder(network, (1,))
    layers = [part for part in network.modules() if isinstance(part, torch.nn.Linear)]
    assert layers
    assert all(layer.weight.t().is_contiguous() for layer in layers)
    assert all(torch.equal(before[name], tensor) for name, tensor in network.state_dict().items())


def test_texts_fill_the_rows(network: Any, texts: list[list[int]], monkeypatch: pytest.MonkeyPatch) -> None:
    shapes, forward = [], network.forward
    monkeypatch.setattr(
        network, "forward", lambda **inputs: shapes.append(tuple(inputs["input_ids"].shape)) or forward(**inputs)
    )
    PackedEncoder(network, (1,)).pool(texts)
    assert set(shapes) == {(1, PACK_TOKENS)}
    assert len(shapes) == 4, "84 tokens of short texts, behind which 64 have no place; 64 and 64; 127; 128"


def test_shared_texts_are_computed_once_and_then_forgotten(
    network: Any, texts: list[list[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    encoder, calls, forward = PackedEncoder(network, (1, 3)), [], network.forward
    apart = encoder.pool(texts)
    monkeypatch.setattr(network, "forward", lambda **inputs: calls.append(1) or forward(**inputs))
    with sharing_states():
        assert torch.equal(encoder.pool(texts[:5]), apart[:5])
        num_calls = len(calls)
        assert torch.equal(encoder.pool(texts[4::-1]), apart[:5].flip(0))
        assert len(calls) == num_calls
        other = PackedEncoder(network, (0, 1)).pool(texts[:5])
        assert len(calls) == 2 * num_calls
        assert torch.equal(other[:, 1], apart[:5, 0])
    encoder.pool(texts[:5])
    assert len(calls) == 3 * num_calls


def test_plain_calls_are_what_they_were(network: Any) -> None:
    token_ids = torch.randint(1, 50, (3, 7))
    with torch.inference_mode():
        before = network(input_ids=token_ids)[-1]
        PackedEncoder(network, (1,))
        after = network(input_ids=token_ids)[-1]
    assert torch.equal(before, after)


def test_nothing_gives_nothing_and_a_lone_start_mark_zeros(network: Any) -> None:
    encoder = PackedEncoder(network, (1, 2), num_skipped=1)
    assert encoder.pool([]).shape == (0, 2, SIZES["hidden_size"])
    assert not encoder.pool([[7]]).any()


def test_a_block_inside_another_shares_what_the_outer_one_knows(network: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    encoder, asked = PackedEncoder(network, (-1,)), list[int]()
    pool_pack = PackedEncoder._pool_pack

    def counting(self: PackedEncoder, pack: Any) -> Any:
        asked.append(len(pack))
        return pool_pack(self, pack)

    monkeypatch.setattr(PackedEncoder, "_pool_pack", counting)
    with sharing_states():
        first = encoder.pool([[5, 6, 7]])
        with sharing_states():
            assert torch.equal(encoder.pool([[5, 6, 7]]), first)
        encoder.pool([[5, 6, 7]])
    assert asked == [1]
    encoder.pool([[5, 6, 7]])
    assert asked == [1, 1]


def test_each_row_has_one_thread_of_torch(texts: list[list[int]], monkeypatch: pytest.MonkeyPatch) -> None:
    seen, forward, before, network = list[int](), Llama.forward, torch.get_num_threads(), _decoder()
    alone = PackedEncoder(network, (2,)).pool(texts)

    def watch(self: Llama, *args: Any, **inputs: Any) -> Any:
        seen.append(torch.get_num_threads())
        return forward(self, *args, **inputs)

    monkeypatch.setattr(Llama, "forward", watch)
    torch.set_num_threads(2)
    try:
        assert torch.equal(PackedEncoder(network, (2,)).pool(texts), alone)
    finally:
        torch.set_num_threads(before)
    assert len(seen) > 2
    assert set(seen) == {1}
