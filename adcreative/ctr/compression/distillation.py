"""A small student that learns from a large teacher and from the clicks, weighing the two for each row by itself.

    student loss of a row:  alpha t^2 KL(T_t || S_t) + (1 - alpha) CE(y, S),    t the temperature of both distributions
    alpha = sigmoid(MLP(S, T, G, T^ and the squared edges T^-S, G-S, T-S, T-G, T^-G)),   9 K inputs, K = 2 classes
    G: the truth as a distribution;  T^: the teacher's mean prediction over training rows of the same truth;  S is detached
    inner step:  theta' = theta - eta grad L_train(theta, alpha_omega)
    outer step:  omega against grad_omega CE_choose(theta'),  through the inner step; then theta takes its real step

Source:
    Hu et al., TGeo-KD, ICLR 2024, from its equations. The published code computes alpha without a gradient, so that its
    controller never learns; here the first outer step has one. It is an option, not the default: see `DistilConfig`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from adcreative.ctr.compression.rows import clicks_of
from adcreative.ctr.compression.tuning import StoppedError, Work, choose_loss, predict_clicks
from adcreative.ctr.inputs.log_encoding import LogRows
from adcreative.ctr.log_network import LogModel, LogNetwork, build_batch
from adcreative.ctr.networks.dnn import DNNConfig
from adcreative.ctr.networks.registry import find_network
from adcreative.ctr.nn.layers import build_linear
from adcreative.errors import ConfigError, TrainingError

NUM_INPUTS = 18  # 9 K, K = 2
EPS = 1e-6


@dataclass(frozen=True, kw_only=True)
class DistilConfig:
    """The student: a DNN of these widths on fields of `embedding_dim`. temperature as above. fixed_weight: a weight of the
    teacher that is the same for all rows; -1 = the controller's. outer_every: steps between outer steps.

    A fixed weight is the default: on planted data where the teacher errs in a region, the controller was not better than the
    best fixed weight, though it has its gradient (`tests/ctr/compression/test_distillation.py`).
    """

    embedding_dim: int = 4
    hidden_dims: tuple[int, ...] = (64, 32)
    temperature: float = 1.5
    learning_rate: float = 3e-3
    controller_learning_rate: float = 1e-2
    inner_rate: float = 0.1
    weight_decay: float = 1e-4
    epochs: int = 8
    outer_every: int = 1
    fixed_weight: float = 0.3

    def __post_init__(self) -> None:
        if self.embedding_dim < 1 or self.epochs < 1 or self.outer_every < 1 or self.temperature <= 0:
            raise ConfigError(
                f"embedding_dim, epochs and outer_every must be at least 1 and temperature above 0, got {self.embedding_dim}, "
                f"{self.epochs}, {self.outer_every} and {self.temperature}"
            )


class Controller(nn.Module):
    """The weight of the teacher for each row, 0..1."""

    def __init__(self, *, generator: torch.Generator) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            build_linear(NUM_INPUTS, 32, generator=generator), nn.LeakyReLU(),
            build_linear(32, 16, generator=generator), nn.LeakyReLU(),
            build_linear(16, 1, generator=generator),
        )  # fmt: skip

    def forward(self, inputs: Tensor) -> Tensor:
        """Return alpha [B] for inputs [B, 18]."""
        return torch.sigmoid(self.layers(inputs))[:, 0]


def trilateral_inputs(student: Tensor, teacher: Tensor, truth: Tensor, means: Tensor) -> Tensor:
    """Return the controller's inputs [B, 18].

    Args:
        student, teacher, truth: probabilities of a click [B]; the student's are detached. means: the teacher's mean probability
            over rows without and with a click, [2].
    """
    mean = torch.where(truth > 0.5, means[1], means[0])
    s, t, g, m = (torch.stack([1 - one, one], dim=1) for one in (student.detach(), teacher, truth, mean))  # [B, 2]
    edges = [(m - s) ** 2, (g - s) ** 2, (t - s) ** 2, (t - g) ** 2, (m - g) ** 2]
    return torch.cat([s, t, g, m, *edges], dim=1)


def student_loss(logits: Tensor, teacher_logits: Tensor, truth: Tensor, alpha: Tensor, temperature: float) -> Tensor:
    """Return the mean loss of rows; gradients reach logits and alpha."""
    own, told = torch.sigmoid(logits / temperature), torch.sigmoid(teacher_logits / temperature)
    own, told = own.clamp(EPS, 1 - EPS), told.clamp(EPS, 1 - EPS)
    divergence = told * (told / own).log() + (1 - told) * ((1 - told) / (1 - own)).log()
    of_truth = F.binary_cross_entropy_with_logits(logits, truth, reduction="none")
    return (alpha * temperature**2 * divergence + (1 - alpha) * of_truth).mean()


def outer_gradient(
    forward: Callable[[dict[str, Tensor], Any], Tensor], weights: dict[str, Tensor], train: tuple[Any, Tensor, Tensor, Tensor],
    choose: tuple[Any, Tensor], temperature: float, inner_rate: float,
) -> Tensor:  # fmt: skip
    """Return CE of the rows to choose by after one inner step, as a function of alpha: differentiate it by the controller.

    Args:
        forward: weights and a batch -> logits [B]. train: batch, teacher's logits, truth, alpha, of which alpha has a gradient.
        choose: batch and truth.
    """
    batch, teacher_logits, truth, alpha = train
    leaves = {name: value.detach().requires_grad_(True) for name, value in weights.items()}
    loss = student_loss(forward(leaves, batch), teacher_logits, truth, alpha, temperature)
    steps = torch.autograd.grad(loss, list(leaves.values()), create_graph=True, allow_unused=True)
    moved = {
        name: value if step is None else value - inner_rate * step
        for (name, value), step in zip(leaves.items(), steps, strict=True)
    }
    return F.binary_cross_entropy_with_logits(forward(moved, choose[0]), choose[1])


def compress_distil(model: LogModel, work: Work, config: DistilConfig) -> dict[str, Any]:
    """Return a student of the model; the model itself is the teacher and stays as it is.

    Returns:
        "student": the trained `LogModel`; what the teacher weighed on average, and the size of the controller's first gradient.
    Raises:
        ConfigError: the teacher learnt conversions, which the student has no place for. TrainingError: the loss is not finite.
    """
    if find_network(model.name).num_labels != 1:
        raise ConfigError(f"{model.name} learns conversions beside clicks; a student learns clicks only. Take another method.")
    generator, settings = work.generator(), DNNConfig(hidden_dims=config.hidden_dims)
    network = LogNetwork("dnn", model.encoding.spec, settings, dim=config.embedding_dim, generator=generator)
    controller = Controller(generator=generator)
    log = _distil(model.network, network, controller, work, config)
    student = LogModel("dnn", model.encoding, settings, config.embedding_dim, network.eval(), {})
    return {"student": student, **log}


def _distil(teacher: Any, network: Any, controller: Controller, work: Work, config: DistilConfig) -> dict[str, Any]:
    """Train the student in place; keeps the best epoch by the rows to choose by."""
    optimizer = torch.optim.Adam(network.parameters(), lr=config.learning_rate)
    outer = torch.optim.Adam(controller.parameters(), lr=config.controller_learning_rate, weight_decay=config.weight_decay)
    means, rng, size = _class_means(teacher, work), work.rng(13), work.tuning.batch_size
    forward = lambda weights, batch: torch.func.functional_call(network, weights, (batch,))  # noqa: E731
    best_state, losses, alphas = dict[str, Tensor](), list[float](), list[float]()
    first_gradient, step = 0.0, 0
    num_steps = config.epochs * -(-work.rows.train.num_rows // size)
    for epoch in range(config.epochs):
        network.train()
        for rows in work.rows.train.iter_batches(size, rng=work.rng(13, epoch)):
            if work.should_stop():
                raise StoppedError
            batch, truth = build_batch(rows), torch.from_numpy(clicks_of(rows).astype(np.float32))
            told = _logits(teacher, rows)
            if config.fixed_weight < 0 and step % config.outer_every == 0:
                drawn = work.rows.choose.rows(rng.permutation(len(work.rows.choose))[:size])
                weights = dict(network.named_parameters())
                alpha = controller(trilateral_inputs(torch.sigmoid(network(batch)), torch.sigmoid(told), truth, means))
                choose = (build_batch(drawn), torch.from_numpy(clicks_of(drawn).astype(np.float32)))
                loss = outer_gradient(
                    forward, weights, (batch, told, truth, alpha), choose, config.temperature, config.inner_rate
                )
                outer.zero_grad(set_to_none=True)
                loss.backward()  # type: ignore[no-untyped-call]
                first_gradient = first_gradient or _norm(controller)
                outer.step()
            optimizer.zero_grad(set_to_none=True)
            logits = network(batch)
            if config.fixed_weight < 0:
                with torch.no_grad():
                    alpha = controller(trilateral_inputs(torch.sigmoid(logits), torch.sigmoid(told), truth, means))
            else:
                alpha = torch.full_like(truth, config.fixed_weight)
            loss = student_loss(logits, told, truth, alpha, config.temperature)
            if not torch.isfinite(loss):
                raise TrainingError("the loss of the student is not finite; lower its learning rate")
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            alphas.append(float(alpha.mean()))
            step += 1
            work.progress("teaching the student", step, num_steps)
        losses.append(choose_loss(network, work.rows))
        if losses[-1] <= min(losses):
            best_state = {name: value.clone() for name, value in network.state_dict().items()}
    network.load_state_dict(best_state)
    return {"teacher_weight": float(np.mean(alphas)), "first_outer_gradient": first_gradient, "losses": losses}


@torch.no_grad()
def _logits(teacher: Any, rows: LogRows) -> Tensor:
    teacher.eval()
    found: Tensor = teacher(build_batch(rows))
    return found


def _class_means(teacher: Any, work: Work) -> Tensor:
    """Return the teacher's mean probability over training rows without and with a click, [2]."""
    total, count = np.zeros(2), np.zeros(2)
    for rows in work.rows.train.iter_batches(8192):
        is_click = clicks_of(rows) > 0
        probability = predict_clicks(teacher, rows)
        for number, of_class in enumerate((~is_click, is_click)):
            total[number] += probability[of_class].sum()
            count[number] += of_class.sum()
    return torch.from_numpy((total / np.maximum(count, 1)).astype(np.float32))


def _norm(module: nn.Module) -> float:
    return float(torch.sqrt(torch.stack([p.grad.square().sum() for p in module.parameters() if p.grad is not None]).sum()))
