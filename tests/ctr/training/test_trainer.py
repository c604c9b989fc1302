"""The one training loop: moving averages of weights, and a course that is cut off and goes on."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor, nn

from adcreative.ctr.training.trainer import Trainer

TRUTH = torch.tensor([1.0, -2.0, 0.5])


class Noisy(Trainer):
    """Least squares with a rate so high that the last step is thrown about by its batch."""

    counts_start = False

    def __init__(self, decay: float, num_epochs: int = 3) -> None:
        network = nn.Linear(3, 1, bias=False)
        nn.init.zeros_(network.weight)
        super().__init__(network, torch.optim.SGD(network.parameters(), lr=0.2), max_epochs=num_epochs, average_decay=decay)

    def batches(self, epoch: int) -> Iterator[tuple[Tensor, Tensor]]:
        rng = np.random.default_rng([7, epoch])
        for _ in range(200):
            rows = torch.from_numpy(rng.normal(size=(4, 3))).float()
            yield rows, rows @ TRUTH + torch.from_numpy(rng.normal(size=4)).float()

    def loss(self, rows: tuple[Tensor, Tensor]) -> Tensor:
        found: Tensor = (self.network(rows[0])[:, 0] - rows[1]).square().mean()
        return found

    @torch.no_grad()
    def measure(self) -> dict[str, float]:
        return {"score": -self.distance()}

    def distance(self) -> float:
        return float((self.network.weight.detach()[0] - TRUTH).norm())


def test_an_average_of_steps_is_nearer_than_the_last_one() -> None:
    last, averaged = Noisy(0.0), Noisy(0.98)
    for trainer in (last, averaged):
        trainer.run(keeps_best=False)
    assert averaged.distance() < 0.4 * last.distance()
    assert averaged.state.num_averaged == 600


def test_steps_go_on_from_the_last_weights_and_the_average_is_judged_and_kept() -> None:
    averaged, plain = Noisy(0.98), Noisy(0.0)
    for trainer in (averaged, plain):
        trainer.run(max_steps=201)
    assert torch.equal(averaged.network.weight, plain.network.weight)
    assert averaged.state.best > plain.state.best
    averaged.run()
    assert -averaged.state.best == averaged.distance()


def test_a_course_that_was_cut_off_ends_with_the_same_weights() -> None:
    straight, first, second = Noisy(0.9), Noisy(0.9), Noisy(0.9)
    straight.run()
    first.run(max_steps=250)
    second.unpack(first.pack())
    second.run()
    assert torch.equal(straight.network.weight, second.network.weight)
