"""The one place of look-ups: what replaces a table answers for every reader, and folds back into a plain one."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from adcreative.ctr.inputs.embedding_tables import EmbeddingTables, find_tables
from adcreative.ctr.inputs.fields import FieldInputs, InputBatch, InputSpec, View
from adcreative.errors import ConfigError


class Halved(nn.Module):
    """A table at half its values, as any compression might answer."""

    def __init__(self, table: nn.Module) -> None:
        super().__init__()
        self.whole = nn.Parameter(table.weight.detach().clone())  # type: ignore[operator, union-attr]

    def forward(self, ids: Tensor) -> Tensor:
        return 0.5 * self.whole[ids]

    def fold(self) -> nn.Embedding:
        return nn.Embedding.from_pretrained(0.5 * self.whole.detach())

    def penalised_weights(self) -> list[Tensor]:
        return [self.whole]


def build() -> tuple[FieldInputs, InputBatch]:
    generator = torch.Generator().manual_seed(0)
    spec = InputSpec(categorical={"user": 9, "item": 12}, numeric=("bid",), sequences={"past": "item"})
    views = {"context": View(dim=2, fields=("user",))}
    inputs = FieldInputs(spec, 3, reads_history=True, views=views, generator=generator)
    ids = torch.tensor([[2, 3], [4, 5]])
    batch = InputBatch(ids=ids, numbers=torch.ones(2, 1), history={"past": torch.tensor([[0, 3], [5, 7]])})
    return inputs, batch


def test_a_replaced_table_answers_for_the_field_and_for_its_history() -> None:
    inputs, batch = build()
    before = inputs(batch)
    tables = dict(find_tables(inputs))
    assert set(tables) == {"tables.tables", "views.context.tables"}
    main = tables["tables.tables"]
    main.replace("item", Halved(main.table("item")))
    after = inputs(batch)
    torch.testing.assert_close(after.target, 0.5 * before.target)
    torch.testing.assert_close(after.sequence, 0.5 * before.sequence)
    torch.testing.assert_close(after.fields, before.fields)  # other fields keep their tables
    soft = [inputs(batch).target, inputs(batch).sequence]
    main.fold()
    assert isinstance(main.table("item"), nn.Embedding)
    torch.testing.assert_close([inputs(batch).target, inputs(batch).sequence], soft)


def test_the_regulariser_acts_on_every_table_once_and_on_slopes() -> None:
    inputs, _ = build()
    shapes = sorted(tuple(weight.shape) for weight in inputs.embedding_weights())
    assert shapes == sorted([(9, 3), (12, 3), (9, 2), (3,)])
    main = dict(find_tables(inputs))["tables.tables"]
    replacement = Halved(main.table("item"))
    main.replace("item", replacement)
    assert any(weight is replacement.whole for weight in inputs.embedding_weights())


def test_what_is_no_table_is_refused() -> None:
    tables = EmbeddingTables({"item": 5}, 3, std=1e-4, generator=torch.Generator().manual_seed(0))
    with pytest.raises(ConfigError, match='no table for a field "itm"; known: item'):
        tables.table("itm")
    with pytest.raises(ConfigError, match=r"Identity cannot stand for a table; it needs fold\(\) and penalised_weights\(\)"):
        tables.replace("item", nn.Identity())
    with pytest.raises(ConfigError, match='the tables have width 3, what shall replace "item" has 4'):
        tables.replace("item", nn.Embedding(5, 4))
