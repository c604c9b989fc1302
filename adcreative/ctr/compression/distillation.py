"""A small student that learns from a large teacher and from the clicks, with a weight of the two per row.

    student loss of a row:  alpha t^2 KL(T_t || S_t) + (1 - alpha) CE(y, S),    t the temperature of both distributions
    alpha = sigmoid(MLP(S, T, G, T^ and the squared edges T^-S, G-S, T-S, T-G, T^-G)),   9 K inputs, K = 2 classes
    G: the truth as a distribution;  T^: the teacher's mean prediction over training rows of the same truth;  S is detached
    inner step:  theta' = theta - eta grad L_train(theta, alpha_omega)
    outer step:  omega against grad_omega CE_choose(theta'),  through the inner step; then theta takes its real step

Source:
    Hu et al., TGeo-KD, ICLR 2024, from its equations. The published code computes alpha without a gradient, so that its
    controller never learns; here the first outer step has one. One weight for all rows, plain distillation, is the floor.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from adcreative.ctr.compression.tuning import StoppedError, Work, choose_loss, predict_clicks
from adcreative.ctr.config import check_positive, check_sizes
from adcreative.ctr.inputs.fields import InputBatch
from adcreative.ctr.inputs.log_encoding import LogRows
from adcreative.ctr.log_network import LogModel, LogNetwork, build_batch, build_log_network
from adcreative.ctr.networks.adaptdhm import AdaptDHMConfig
from adcreative.ctr.networks.din import DINConfig
from adcreative.ctr.networks.dnn import DNNConfig
from adcreative.ctr.networks.registry import find_network
from adcreative.ctr.networks.sdim import SDIMConfig
from adcreative.ctr.nn.layers import build_linear
from adcreative.ctr.training.trainer import Trainer
from adcreative.errors import ConfigError

NUM_INPUTS = 18  # 9 K, K = 2
EPS = 1e-6


@dataclass(frozen=True, kw_only=True)
class DistilConfig:
    """The student: a small network of these widths on fields of `embedding_dim`, with the inputs of the teacher.

    history_dim: width of fields in place of embedding_dim, and attention_dims: of the attention unit, for teachers with
    histories. epochs: the best on the `choose` rows is kept; a controller needs some hundred steps. temperature as above.
    outer_every: steps between outer steps. fixed_weight: one weight of the teacher, 0..1, for all rows, in place of the
    controller's: plain distillation, the floor.
    """

    embedding_dim: int = 4
    history_dim: int = 8
    hidden_dims: tuple[int, ...] = (64, 32)
    attention_dims: tuple[int, ...] = (16,)
    temperature: float = 1.5
    learning_rate: float = 3e-3
    controller_learning_rate: float = 1e-2
    inner_rate: float = 0.1
    weight_decay: float = 1e-4
    epochs: int = 20
    outer_every: int = 1
    fixed_weight: float | None = None

    def __post_init__(self) -> None:
        check_sizes(self)
        check_positive(self, "temperature", "epochs", "outer_every")
        if self.fixed_weight is not None and not 0 <= self.fixed_weight <= 1:
            raise ConfigError(f"fixed_weight must be in 0..1, got {self.fixed_weight}; leave it out for a weight of each row")


class Controller(nn.Module):
    """The weight of the teacher for each row, 0..1."""

    def __init__(self, *, generator: torch.Generator) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            build_linear(NUM_INPUTS, 32, generator=generator),
            nn.LeakyReLU(),
            build_linear(32, 16, generator=generator),
            nn.LeakyReLU(),
            build_linear(16, 1, generator=generator),
        )

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
    """Return the mean loss of rows, differentiable by logits and alpha."""
    own, told = torch.sigmoid(logits / temperature), torch.sigmoid(teacher_logits / temperature)
    own, told = own.clamp(EPS, 1 - EPS), told.clamp(EPS, 1 - EPS)
    divergence = told * (told / own).log() + (1 - told) * ((1 - told) / (1 - own)).log()
    of_truth = F.binary_cross_entropy_with_logits(logits, truth, reduction="none")
    return (alpha * temperature**2 * divergence + (1 - alpha) * of_truth).mean()


def outer_gradient(
    forward: Callable[[dict[str, Tensor], Any], Tensor],
    weights: dict[str, Tensor],
    train: tuple[Any, Tensor, Tensor, Tensor],
    choose: tuple[Any, Tensor],
    temperature: float,
    inner_rate: float,
) -> Tensor:
    """Return CE of the `choose` rows after one inner step, as a function of alpha: differentiate it by the controller.

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
    """Return a student of the model; the model itself is the teacher and is not changed.

    Returns:
        "student": the trained `LogModel`; the teacher's mean weight, and the size of the controller's first gradient.
    Raises:
        ConfigError: the teacher learnt conversions, which the student cannot predict. TrainingError: the loss is not finite.
    """
    if find_network(model.name).num_labels != 1:
        raise ConfigError(f"{model.name} learns conversions beside clicks; a student learns clicks only. Take another method.")
    generator, (name, settings) = work.generator(), student_of(model, config)
    dim = config.history_dim if find_network(name).reads_history else config.embedding_dim
    network = build_log_network(name, model.encoding.spec, settings, dim=dim, generator=generator)
    start_as_teacher(model.network, network)
    controller = Controller(generator=generator)
    log = _distil(model.network, network, controller, work, config)
    student = LogModel(name, model.encoding, settings, dim, network.eval(), {})
    return {"student": student, "student_network": name, **log}


def student_of(model: LogModel, config: DistilConfig) -> tuple[str, Any]:
    """Return the student's network and its settings: the smallest with the inputs of the teacher.

    Histories are read by DIN's attention unit, very long ones (a teacher of kind sdim) by their hashes; given domains
    choose the weights. A DNN reads the fields alone.
    """
    if find_network(model.name).reads_history:
        widths: dict[str, Any] = {
            "hidden_dims": config.hidden_dims,
            "attention_dims": config.attention_dims,
            "activation": "prelu",
        }
        return ("sdim", SDIMConfig(**widths)) if model.name == "sdim" else ("din", DINConfig(**widths))
    if model.name == "adaptdhm" and model.encoding.spec.num_domains:
        return "adaptdhm", AdaptDHMConfig(hidden_dims=config.hidden_dims)
    return "dnn", DNNConfig(hidden_dims=config.hidden_dims)


@torch.no_grad()
def start_as_teacher(teacher: LogNetwork, student: LogNetwork) -> None:
    """Initialise each table of the student from the teacher's, in the directions of largest variance.

    Target and history share one table, so both are rotated alike and their similarities are kept. Ours, not the paper's: a
    narrow table that begins near zero would take more epochs than the teacher's training.
    """
    told, own = teacher.inputs.tables.tables, student.inputs.tables.tables
    for name, num_rows in own.sizes.items():
        vectors = told.look_up(name, torch.arange(num_rows))  # [V, D]
        directions = torch.linalg.eigh(vectors.T @ vectors).eigenvectors.flip(1)[:, : own.dim]  # largest first
        table: Any = own.table(name)
        table.weight[:, : directions.shape[1]] = vectors @ directions


class _Weigher:
    """The weight of the teacher for each row of a batch: the controller's, which learns during training, or a fixed one."""

    def __init__(self, network: LogNetwork, controller: Controller, means: Tensor, work: Work, config: DistilConfig) -> None:
        self._network, self._controller, self._means, self._work = network, controller, means, work
        self._config, self._rng = config, work.rng(14)
        # Decoupled decay: as a part of the gradient it would exceed the outer gradient, which is small.
        self._optimizer = torch.optim.AdamW(
            controller.parameters(), lr=config.controller_learning_rate, weight_decay=config.weight_decay
        )
        self.first_gradient = 0.0

    def weigh(self, step: int, batch: InputBatch, logits: Tensor, told: Tensor, truth: Tensor) -> Tensor:
        """Return alpha [B], without a gradient; logits: the student's, told: the teacher's."""
        if self._config.fixed_weight is not None:
            return torch.full_like(truth, self._config.fixed_weight)
        inputs = trilateral_inputs(torch.sigmoid(logits), torch.sigmoid(told), truth, self._means)
        if step % self._config.outer_every == 0:
            self._learn(batch, told, truth, self._controller(inputs))
        with torch.no_grad():
            return self._controller(inputs)

    def _learn(self, batch: InputBatch, told: Tensor, truth: Tensor, alpha: Tensor) -> None:
        """Take one outer step on newly drawn `choose` rows."""
        pool, size = self._work.rows.choose, self._work.tuning.batch_size
        drawn = pool.rows(self._rng.choice(len(pool), min(size, len(pool)), replace=False))
        choose = (build_batch(drawn), torch.from_numpy(drawn.clicks.astype(np.float32)))
        loss = outer_gradient(
            lambda weights, rows: torch.func.functional_call(self._network, weights, (rows,)),
            dict(self._network.named_parameters()),
            (batch, told, truth, alpha),
            choose,
            self._config.temperature,
            self._config.inner_rate,
        )
        self._optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        self.first_gradient = self.first_gradient or _norm(self._controller)
        self._optimizer.step()


def _distil(
    teacher: LogNetwork, network: LogNetwork, controller: Controller, work: Work, config: DistilConfig
) -> dict[str, Any]:
    """Train the student in place; keeps the best epoch on the `choose` rows."""
    weigher = _Weigher(network, controller, _class_means(teacher, work), work, config)
    teaching = _Teaching(teacher, network, weigher, work, config)
    if not teaching.run(should_stop=work.should_stop):
        raise StoppedError
    losses = [epoch["log_loss"] for epoch in teaching.state.history]
    weight = float(np.mean(teaching.alphas))
    return {"teacher_weight": weight, "first_outer_gradient": weigher.first_gradient, "losses": losses}


class _Teaching(Trainer[LogRows]):
    counts_start = False

    def __init__(self, teacher: LogNetwork, network: LogNetwork, weigher: _Weigher, work: Work, config: DistilConfig) -> None:
        optimizer = torch.optim.Adam(network.parameters(), lr=config.learning_rate)
        super().__init__(network, optimizer, max_epochs=config.epochs)
        self.teacher, self.weigher, self.work, self.config, self.alphas = teacher, weigher, work, config, list[float]()

    def batches(self, epoch: int) -> Iterator[LogRows]:
        return self.work.rows.train.iter_batches(self.work.tuning.batch_size, rng=self.work.rng(13, epoch))

    def loss(self, rows: LogRows) -> Tensor:
        truth, told = torch.from_numpy(rows.clicks.astype(np.float32)), _logits(self.teacher, rows)
        self.network.network.compute_on_padding(True)  # sums of bags have no second derivative, which the outer step needs
        batch = build_batch(rows)
        logits = self.network(batch)
        alpha = self.weigher.weigh(len(self.alphas), batch, logits, told, truth)
        self.alphas.append(float(alpha.mean()))
        return student_loss(logits, told, truth, alpha, self.config.temperature)

    def measure(self) -> dict[str, float]:
        loss = choose_loss(self.network, self.work.rows)
        return {"score": -loss, "log_loss": loss}

    def after_step(self) -> None:
        num_steps = self.max_epochs * -(-self.work.rows.train.num_rows // self.work.tuning.batch_size)
        self.work.progress("teaching the student", len(self.alphas), num_steps)


@torch.no_grad()
def _logits(teacher: LogNetwork, rows: LogRows) -> Tensor:
    teacher.eval()
    found: Tensor = teacher(build_batch(rows))
    return found


def _class_means(teacher: LogNetwork, work: Work) -> Tensor:
    """Return the teacher's mean probability over training rows without and with a click, [2]."""
    total, count = np.zeros(2), np.zeros(2)
    for rows in work.rows.train.iter_batches(8192):
        is_click = rows.clicks > 0
        probability = predict_clicks(teacher, rows)
        for number, of_class in enumerate((~is_click, is_click)):
            total[number] += probability[of_class].sum()
            count[number] += of_class.sum()
    return torch.from_numpy((total / np.maximum(count, 1)).astype(np.float32))


def _norm(module: nn.Module) -> float:
    return float(torch.sqrt(torch.stack([p.grad.square().sum() for p in module.parameters() if p.grad is not None]).sum()))
