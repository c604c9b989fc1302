"""The one way from a row to network inputs, against loops over its definition: every kind of field, absence, histories."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from adcreative.ctr.inputs.fields import WIDE_INPUT, FieldInputs, History, InputBatch, InputSpec

SPEC = InputSpec(
    categorical={"item": 9, "place": 5},
    numeric=("bid",),
    multi_valued={"tags": 7},
    vectors={"picture": WIDE_INPUT, "unseen": 0},
    linear={"labels": 3},
    widths={"labels": 2},
    targets=("tags", "item", "labels"),
)
DIM = 4


def drawn(*shape: int, seed: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def draw_rows(num: int, seed: int) -> InputBatch:
    generator = torch.Generator().manual_seed(seed)
    present = torch.randint(0, 2, (num, len(SPEC.fields)), generator=generator).float()
    return InputBatch(
        ids=torch.randint(0, 5, (num, 2), generator=generator),
        numbers=drawn(num, 1, seed=seed),
        values={"tags": torch.randint(0, 7, (num, 3), generator=generator)},
        vectors={
            "picture": drawn(num, WIDE_INPUT, seed=seed),
            "unseen": torch.zeros(num, 0),
            "labels": drawn(num, 3, seed=seed),
        },
        present=present,
    )


def naive_vector(inputs: Any, batch: InputBatch, row: int, name: str) -> Tensor:
    tables = inputs.tables.tables
    kinds = {
        "item": lambda: tables.table("item").weight[batch.ids[row, 0]],
        "place": lambda: tables.table("place").weight[batch.ids[row, 1]],
        "bid": lambda: batch.numbers[row, 0] * inputs.tables.slopes["f_bid"],  # type: ignore[index]
        "tags": lambda: (
            sum((tables.table("tags").weight[one] for one in batch.values["tags"][row] if one > 0), torch.zeros(DIM))
            / max(int((batch.values["tags"][row] > 0).sum()), 1)
        ),
        "picture": lambda: inputs.tables.projections["f_picture"](batch.vectors["picture"][row]),
        "unseen": lambda: torch.zeros(DIM),
        "labels": lambda: inputs.tables.projections["f_labels"].weight @ batch.vectors["labels"][row],
    }
    assert batch.present is not None
    return batch.present[row, SPEC.fields.index(name)] * kinds[name]()


@pytest.fixture
def inputs() -> FieldInputs:
    generator = torch.Generator().manual_seed(0)
    made = FieldInputs(SPEC, DIM, reads_history=True, result_dim=2, std=1.0, dropout_prob=0.5, generator=generator)
    return made.requires_grad_(False)


def test_each_field_is_what_its_kind_says_and_a_history_item_is_a_target_with_its_result(inputs: FieldInputs) -> None:
    inputs.eval()
    rows, results = draw_rows(4, seed=2), drawn(4, 1, seed=3)
    place, mask = torch.tensor([[0, 3], [1, 1], [2, 0]]), torch.tensor([[1.0, 1.0], [1.0, 0.0], [0.0, 0.0]])
    batch = replace(draw_rows(3, seed=1), items=History(rows=rows, place=place, mask=mask, results=results))
    found = inputs(batch)
    assert inputs.others == ("place", "bid", "picture", "unseen")
    for row in range(3):
        expected = torch.stack([naive_vector(inputs, batch, row, name) for name in inputs.others])
        torch.testing.assert_close(found.fields[row], expected)
        target = torch.cat([naive_vector(inputs, batch, row, name) for name in SPEC.targets])
        torch.testing.assert_close(found.find_target()[row], target)
    for number, item in enumerate(place[0].tolist()):
        target = torch.cat([naive_vector(inputs, rows, item, name) for name in SPEC.targets])
        expected = torch.cat([target, inputs.result(results[item])])
        torch.testing.assert_close(found.spread_sequence()[0, number], expected)
    assert inputs.tables.projections["f_labels"].bias is None
    shape = inputs.shape
    assert (shape.num_fields, shape.target_dim, shape.sequence_dim) == (4, 2 * DIM + 2, 2 * DIM + 4)
    assert found.spread_sequence().shape == (3, 2, shape.sequence_dim)
    assert batch.present is not None
    assert torch.equal(found.present, batch.present[:, [1, 2, 4, 5]])  # type: ignore[arg-type]


def test_wide_vectors_are_dropped_out_in_training_but_not_in_histories(inputs: FieldInputs) -> None:
    rows = replace(draw_rows(50, seed=1), present=None)
    plain = inputs.eval()(rows).fields
    dropped = inputs.train()(rows).fields
    changed = (plain != dropped).any(dim=2).float().mean(dim=0)
    assert changed.tolist() == [0.0, 0.0, 1.0, 0.0]
    wide = FieldInputs(
        replace(SPEC, targets=("picture",)), DIM, reads_history=True, dropout_prob=0.5, generator=torch.Generator()
    ).train()
    assert torch.equal(wide.encode_items(rows), wide.encode_items(rows))


def test_vectors_enter_the_first_hidden_layer_summed_where_a_network_asks_for_it() -> None:
    spec, generator = replace(SPEC, widths={}), torch.Generator().manual_seed(0)
    made = FieldInputs(spec, DIM, reads_history=False, dense_dim=6, std=1.0, generator=generator).eval()
    batch = draw_rows(3, seed=1)
    found = made(batch)
    assert made.others == ("item", "place", "bid", "tags", "labels")
    assert made.dense is not None
    assert batch.present is not None
    expected = made.dense.projections["f_picture"](batch.vectors["picture"]) * batch.present[:, [4]]
    torch.testing.assert_close(found.dense, expected)
    assert found.target is None
