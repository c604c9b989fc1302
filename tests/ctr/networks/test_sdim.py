"""SDIM: collision rates of its hashes, exact limits, padding and order, and buckets that serve what training computes."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from torch.nn import functional as F

from adcreative.ctr.inputs.network_inputs import InputShape, NetworkInputs
from adcreative.ctr.networks.din import DINConfig
from adcreative.ctr.networks.sdim import SDIM, BucketCache, HashedInterest, SDIMConfig, last_items
from adcreative.errors import ConfigError
from tests.ctr.networks.planted_logs import Budget, LogModel, learn, measure, planted_interests, train
from tests.ctr.nn.test_layers import seeded


@pytest.mark.parametrize("degrees", [10, 45, 90, 120, 170])
@pytest.mark.parametrize("bits", [1, 3])
def test_signatures_collide_as_often_as_the_angle_says(degrees: int, bits: int) -> None:
    angle = math.radians(degrees)
    hashed = HashedInterest(2, 60_000, bits, generator=seeded())
    one, two = torch.tensor([1.0, 0.0]), torch.tensor([math.cos(angle), math.sin(angle)])
    rate = (hashed.signatures(one) == hashed.signatures(two)).float().mean()
    assert float(rate) == pytest.approx((1 - angle / math.pi) ** bits, abs=0.01)


def test_it_approaches_the_expected_weights_as_hashes_grow() -> None:
    generator = seeded(1)
    target = torch.randn(50, 16, generator=generator)
    items = torch.randn(50, 64, 16, generator=generator) + 0.5 * target[:, None]  # a history that leans to the candidate
    cosine = F.cosine_similarity(items, target[:, None], dim=2).clamp(-1, 1)
    expected = torch.einsum("bt,bte->be", (1 - torch.arccos(cosine) / math.pi) ** 3, items)
    found = {
        m: F.cosine_similarity(
            HashedInterest(16, m, 3, generator=seeded(2))(target, items, torch.ones(50, 64)), expected
        ).mean()
        for m in (48, 480)
    }
    assert float(found[48]) > 0.95
    assert float(found[480]) > float(found[48])


def network() -> tuple[SDIM, InputShape]:
    shape = InputShape(num_fields=2, field_dim=4, target_dim=4, sequence_dim=6)
    settings = SDIMConfig(num_hashes=12, bits_per_signature=3, short_length=3, attention_dims=(6,), hidden_dims=(8,))
    return SDIM(shape, settings, generator=seeded()).eval(), shape


def test_buckets_serve_what_is_computed_on_the_fly_and_each_item_changes_one_a_group() -> None:
    model, _ = network()
    items, target = torch.randn(40, 6, generator=seeded(1)), torch.randn(5, 4, generator=seeded(2))
    direct = model.long_term(target, items.expand(5, 40, 6), torch.ones(5, 40))
    cache = model.encode_history(items)
    torch.testing.assert_close(model.long_term.look_up(target, cache), direct, rtol=1e-5, atol=1e-6)
    shorter, nothing = model.encode_history(items[:39]), items[:0]
    longer = model.long_term.move(shorter, items[39:], nothing)
    torch.testing.assert_close(longer.sums, cache.sums)
    assert torch.equal(longer.counts, cache.counts)
    assert (longer.sums != shorter.sums).any(dim=3).sum(dim=2).tolist() == [[1] * 4]
    torch.testing.assert_close(model.long_term.move(longer, nothing, items[39:]).sums, shorter.sums)


def test_each_row_is_served_from_its_own_user_s_buckets() -> None:
    """Broken twin: all rows from the first user's."""
    model, _ = network()
    items, target = torch.randn(3, 10, 6, generator=seeded(1)), torch.randn(5, 4, generator=seeded(2))
    cache, place = BucketCache.join([model.encode_history(one) for one in items]), torch.tensor([2, 0, 1, 1, 2])
    direct = model.long_term(target, items[place], torch.ones(5, 10))
    torch.testing.assert_close(model.long_term.look_up(target, cache, place), direct, rtol=1e-5, atol=1e-6)
    assert not torch.allclose(model.long_term.look_up(target, cache), direct)


def test_a_cached_history_gives_the_logit_of_the_whole_one() -> None:
    model, _ = network()
    fields, target = torch.randn(5, 2, 4, generator=seeded(1)), torch.randn(5, 4, generator=seeded(2))
    items = torch.randn(1, 40, 6, generator=seeded(3)).expand(5, 40, 6)
    whole = NetworkInputs(fields=fields, target=target, sequence=items, mask=torch.ones(5, 40))
    short = NetworkInputs(fields=fields, target=target, sequence=items[:, -3:], mask=torch.ones(5, 3))
    torch.testing.assert_close(model(short, model.encode_history(items[0])), model(whole), rtol=1e-5, atol=1e-5)


def test_sums_over_real_items_alone_are_those_over_all_and_so_are_their_gradients() -> None:
    hashed = HashedInterest(4, 24, 3, generator=seeded())
    target, mask = torch.randn(6, 4, generator=seeded(1)), (torch.rand(6, 30, generator=seeded(2)) < 0.3).float()
    mask[2] = 0.0
    found = []
    for is_dense in (False, True):
        hashed.is_dense = is_dense
        items = torch.randn(6, 30, 7, generator=seeded(3)).requires_grad_()
        interest = hashed(target, items, mask)
        (interest * torch.randn(6, 7, generator=seeded(4))).sum().backward()
        found.append((interest.detach(), items.grad))
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other)
    assert not found[0][0][2].any()
    assert found[0][0].any()


def test_last_items_are_the_last_real_ones_wherever_padding_stands() -> None:
    items = torch.arange(10.0).view(1, 5, 2)
    mask = torch.tensor([[0.0, 1.0, 1.0, 0.0, 1.0]])
    found, is_real = last_items(items, mask, 2)
    assert found.tolist() == [[[4.0, 5.0], [8.0, 9.0]]]
    assert is_real.tolist() == [[1.0, 1.0]]
    found, is_real = last_items(items, torch.tensor([[0.0, 0.0, 0.0, 1.0, 0.0]]), 2)
    assert is_real.tolist() == [[0.0, 1.0]]
    assert found[0, 1].tolist() == [6.0, 7.0]


def test_signatures_must_divide_the_hashes() -> None:
    with pytest.raises(ConfigError, match="bits_per_signature must divide num_hashes, got 5 and 48"):
        SDIMConfig(bits_per_signature=5)
    with pytest.raises(ConfigError, match="short_length must be a number above 0, got 0"):
        SDIMConfig(short_length=0)


@pytest.mark.planted
def test_it_reads_long_histories_as_well_as_attention_on_every_item() -> None:
    """Broken twin: the history of another user. The floor is what is left of the AUC then."""
    world = planted_interests(14_000, seed=1)
    learnt, test = world.part(slice(0, 10_000)), world.part(slice(10_000, None))
    budget = Budget(epochs=8, batch_size=128)
    config = SDIMConfig(hidden_dims=(32,), activation="relu", short_length=16)
    din = learn("din", DINConfig(hidden_dims=(32,), activation="relu"), learnt, test, budget)
    model = train(LogModel("sdim", world.spec, config, budget.dim, 0), learnt, budget)
    sdim = measure(model, test)
    print(f"SDIM {sdim:.3f}, DIN {din:.3f}, oracle {test.oracle:.3f}")
    assert sdim >= din - 0.005
    assert sdim > 0.5 + 0.7 * (test.oracle - 0.5)
    others = replace(test.batch, history={"past": test.batch.history["past"].roll(1, dims=0)})
    assert measure(model, replace(test, batch=others)) < 0.6
