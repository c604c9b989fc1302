"""Fit the headline model to real headline tests: minutes on one core.

    python -m adcreative.encoders.headline_training packages.parquet --out RUN_DIR [--export data/weights/headline]
    ... --tuned-layers 3 --epochs 2 --seeds 0 1 2        also tune MiniLM's upper layers, an hour

The head is a ridge regression on the pooled states (see `headline_ridge`). Tuning the layers on top of it is possible and
resumable, but with these 1,500 tests it made held-out pairs worse, not better (the model card says by how much), so it is
off by default. Its likelihood: the clicks of a test fall on its arms in proportion to impressions x exp(score); clicks count
1 / (1 + overdispersion * mean clicks per arm) each. One run a seed; the runs' running averages are averaged into one model,
since all start at the same point.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.optimize import minimize_scalar
from torch import Tensor

from adcreative.encoders import weights
from adcreative.encoders.headline import MAX_TOKENS, HeadlineNet, read_minilm, surface_features
from adcreative.encoders.headline_ridge import cross_validate, fit_slopes
from adcreative.encoders.headline_tests import HeadlineTests, evaluate_scores, normalise_headline, read_headline_tests

State = dict[str, Tensor]


@dataclass(frozen=True, kw_only=True)
class HeadlineTrainingConfig:
    """One training. Learning rates rise over the first tenth of the steps and fall to zero along a cosine."""

    seeds: tuple[int, ...] = (0,)
    num_epochs: int = 0
    batch_arms: int = 64
    num_tuned_layers: int = 0
    layer_lr: float = 2e-5
    head_lr: float = 1e-4
    weight_decay: float = 0.01
    overdispersion: float = 0.1
    average_decay: float = 0.985
    ridge: float = 60_000.0
    surface_scale: float = 0.6


CONFIG = HeadlineTrainingConfig()


@dataclass(frozen=True)
class EncodedTests:
    """Tests with the frozen part of the network already computed.

    hidden [tokens, D] float16 holds all arms one after the other, rows start at offsets; lower_pools [N, states, D].
    """

    tests: HeadlineTests
    hidden: Tensor
    lower_pools: Tensor
    offsets: np.ndarray
    surface: Tensor

    @property
    def lengths(self) -> np.ndarray:
        return np.diff(self.offsets)

    def pad(self, rows: np.ndarray) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return hidden [B, T, D] float32, lower_pools, mask [B, T] and surface [B, S] of the arms `rows`."""
        length = int(self.lengths[rows].max())
        hidden = torch.zeros(len(rows), length, self.hidden.shape[1])
        mask = torch.zeros(len(rows), length, dtype=torch.long)
        for place, row in enumerate(rows):
            begin, end = self.offsets[row], self.offsets[row + 1]
            hidden[place, : end - begin] = self.hidden[begin:end].float()
            mask[place, : end - begin] = 1
        row_idx = torch.from_numpy(rows)
        return hidden, self.lower_pools[row_idx], mask, self.surface[row_idx]


def encode_tests(tests: HeadlineTests, net: HeadlineNet, tokenizer: Any) -> EncodedTests:
    """Run the frozen layers over every arm once."""
    tokens = tokenizer(list(tests.headlines), truncation=True, max_length=MAX_TOKENS)["input_ids"]
    lengths = np.array([len(ids) for ids in tokens])
    offsets = np.r_[0, np.cumsum(lengths)]
    num_frozen, width = sum(depth <= len(net.lower) for depth in net.pooled_states), net.pool_mean.shape[1]
    hidden = torch.zeros(int(offsets[-1]), width, dtype=torch.float16)
    lower_pools = torch.zeros(len(lengths), num_frozen, width)
    order = np.argsort(lengths, kind="stable")
    with torch.inference_mode():
        for start in range(0, len(order), 64):
            rows = order[start : start + 64]
            ids = torch.zeros(len(rows), int(lengths[rows].max()), dtype=torch.long)
            mask = torch.zeros_like(ids)
            for place, row in enumerate(rows):
                ids[place, : lengths[row]] = torch.tensor(tokens[row])
                mask[place, : lengths[row]] = 1
            block, lower_pools[torch.from_numpy(rows)] = net.encode_lower(ids, mask)
            for place, row in enumerate(rows):
                hidden[offsets[row] : offsets[row + 1]] = block[place, : lengths[row]].half()
    surface = torch.from_numpy(np.stack([surface_features(text) for text in tests.headlines]))
    return EncodedTests(tests, hidden, lower_pools, offsets, surface)


def score_encoded(net: HeadlineNet, encoded: EncodedTests) -> np.ndarray:
    """Return the scores [N] of every arm, float64."""
    net.eval()
    scores = np.zeros(len(encoded.tests.headlines))
    order = np.argsort(encoded.lengths, kind="stable")
    with torch.inference_mode():
        for start in range(0, len(order), 64):
            rows = order[start : start + 64]
            scores[rows] = net.score_hidden(*encoded.pad(rows)).numpy()
    return scores


def effective_clicks(tests: HeadlineTests, overdispersion: float) -> np.ndarray:
    """Return clicks [N] shrunk test by test to what they are worth under overdispersed log rates."""
    num_tests = len(tests.test_ids)
    mean_clicks = np.bincount(tests.test_idx, tests.clicks, num_tests) / np.bincount(tests.test_idx, minlength=num_tests)
    return tests.clicks / (1 + overdispersion * mean_clicks)[tests.test_idx]


def multinomial_loss(scores: Tensor, log_impressions: Tensor, clicks: Tensor, test_idx: Tensor) -> Tensor:
    """Return the mean negative log-likelihood of a click over tests; all arguments [N], test_idx numbered from 0.

    P(arm a | test) = impressions_a exp(score_a) / sum over arms b of the test of impressions_b exp(score_b)
    """
    logits = scores + log_impressions
    num_tests = int(test_idx.max()) + 1
    peak = torch.full((num_tests,), -torch.inf).scatter_reduce(0, test_idx, logits.detach(), "amax")
    total = torch.zeros(num_tests).index_add(0, test_idx, (logits - peak[test_idx]).exp())
    log_probability = logits - peak[test_idx] - total.log()[test_idx]
    return -(clicks * log_probability).sum() / clicks.sum().clamp_min(1e-6)


def pool_states(net: HeadlineNet, encoded: EncodedTests) -> Tensor:
    """Return every pooled state [N, states, D] of every arm."""
    net.eval()
    pooled = torch.zeros(len(encoded.tests.headlines), *net.pool_mean.shape)
    order = np.argsort(encoded.lengths, kind="stable")
    with torch.inference_mode():
        for start in range(0, len(order), 64):
            rows = order[start : start + 64]
            hidden, lower_pools, mask, _ = encoded.pad(rows)
            pooled[torch.from_numpy(rows)] = net.encode_upper(hidden, lower_pools, mask)
    return pooled


def head_features(net: HeadlineNet, encoded: EncodedTests, config: HeadlineTrainingConfig) -> np.ndarray:
    """Return what the head reads [N, states D + S] float64, standardised as `net` does, surface scaled for the ridge."""
    pooled = (pool_states(net, encoded) - net.pool_mean) / net.pool_scale
    surface = (encoded.surface - net.surface_mean) / net.surface_scale * config.surface_scale
    return torch.cat([pooled.flatten(1), surface], 1).double().numpy()


def fit_ridge_head(net: HeadlineNet, encoded: EncodedTests, config: HeadlineTrainingConfig) -> None:
    """Set the standardisation from the arms, and the heads to the ridge regression on them."""
    pooled = pool_states(net, encoded)  # [N, states, D]
    net.pool_mean.copy_(pooled.mean(0))
    net.pool_scale.copy_((pooled - net.pool_mean).square().mean((0, 2)).sqrt()[:, None])
    net.surface_mean.copy_(encoded.surface.mean(0))
    net.surface_scale.copy_(encoded.surface.std(0).clamp_min(1e-3))
    features = head_features(net, encoded, config)
    slopes = fit_slopes(features, encoded.tests, ridge=config.ridge, overdispersion=config.overdispersion)
    width = net.head.in_features
    with torch.no_grad():
        net.head.weight.copy_(torch.from_numpy(slopes[None, :width]).float())
        net.head.bias.zero_()
        net.surface_head.weight.copy_(torch.from_numpy(slopes[None, width:] * config.surface_scale).float())


def make_batches(encoded: EncodedTests, batch_arms: int, rng: np.random.Generator) -> list[np.ndarray]:
    """Group whole tests of similar headline length into batches of about `batch_arms` arms, in random order."""
    num_tests = len(encoded.tests.test_ids)
    counts = np.bincount(encoded.tests.test_idx, minlength=num_tests)
    longest = np.zeros(num_tests)
    np.maximum.at(longest, encoded.tests.test_idx, encoded.lengths)
    order = np.argsort(longest + rng.normal(0, 1.5, num_tests))
    batch_of = np.cumsum(counts[order]) // batch_arms
    first_row = np.r_[0, np.cumsum(counts)]
    batches = [
        np.concatenate([np.arange(first_row[t], first_row[t + 1]) for t in order[batch_of == number]])
        for number in np.unique(batch_of)
    ]
    return [batches[i] for i in rng.permutation(len(batches))]


@dataclass
class SeedRun:
    """The state of one seed's training between epochs."""

    optimizer: torch.optim.Optimizer
    scheduler: torch.optim.lr_scheduler.LRScheduler
    average: State
    epoch: int = 0


def start_seed(net: HeadlineNet, config: HeadlineTrainingConfig, num_steps: int) -> SeedRun:
    """Build the optimiser and its schedule over `num_steps` steps."""
    optimizer = torch.optim.AdamW(
        [
            {"params": list(net.upper.parameters()), "lr": config.layer_lr},
            {"params": [*net.head.parameters(), *net.surface_head.parameters()], "lr": config.head_lr},
        ],
        weight_decay=config.weight_decay,
    )

    def factor(step: int) -> float:
        warmup = max(num_steps // 10, 1)
        return min((step + 1) / warmup, 0.5 * (1 + math.cos(math.pi * min(step / max(num_steps, 1), 1))))

    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, factor)
    return SeedRun(optimizer, scheduler, {k: v.clone() for k, v in net.tuned_state().items()})


def train_epoch(net: HeadlineNet, encoded: EncodedTests, config: HeadlineTrainingConfig, run: SeedRun, seed: int) -> float:
    """Go once through the tests; returns the mean loss. Changes `net` and `run`."""
    rng = np.random.default_rng([seed, run.epoch])
    torch.manual_seed(seed * 1000 + run.epoch)  # dropout draws from the global generator; this is a script's own process
    clicks = torch.from_numpy(effective_clicks(encoded.tests, config.overdispersion)).float()
    log_impressions = torch.from_numpy(np.log(encoded.tests.impressions)).float()
    losses = []
    net.train()
    for rows in make_batches(encoded, config.batch_arms, rng):
        row_idx = torch.from_numpy(rows)
        test_idx = torch.from_numpy(np.unique(encoded.tests.test_idx[rows], return_inverse=True)[1])
        scores = net.score_hidden(*encoded.pad(rows))
        loss = multinomial_loss(scores, log_impressions[row_idx], clicks[row_idx], test_idx)
        run.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_([p for p in net.parameters() if p.requires_grad], 1.0)
        run.optimizer.step()
        run.scheduler.step()
        for name, tensor in net.tuned_state().items():
            run.average[name].lerp_(tensor, 1 - config.average_decay)
        losses.append(float(loss.detach()))
    run.epoch += 1
    return float(np.mean(losses))


def average_states(states: list[State]) -> State:
    """Return the mean of each tensor over runs that started at the same point."""
    return {name: torch.stack([state[name] for state in states]).mean(0) for name in states[0]}


def set_scale(net: HeadlineNet, calibrate: EncodedTests, tune: EncodedTests, overdispersion: float) -> float:
    """Fit one factor on all scores by likelihood on `calibrate`, move the mean over `tune` to 0; returns the factor."""
    scores = torch.from_numpy(score_encoded(net, calibrate)).float()
    tests = calibrate.tests
    arguments = (
        torch.from_numpy(np.log(tests.impressions)).float(),
        torch.from_numpy(effective_clicks(tests, overdispersion)).float(),
        torch.from_numpy(tests.test_idx),
    )
    fit = minimize_scalar(
        lambda factor: float(multinomial_loss(scores * factor, *arguments)), bounds=(0.1, 3.0), method="bounded"
    )
    with torch.no_grad():
        for linear in (net.head, net.surface_head):
            linear.weight.mul_(float(fit.x))
        net.head.bias.mul_(float(fit.x))
        net.head.bias.sub_(float(score_encoded(net, tune).mean()))
    return float(fit.x)


def without_shared_headlines(tune: HeadlineTests, others: list[HeadlineTests]) -> HeadlineTests:
    """Drop the tests that show a headline which another part also shows: a headline may be tested twice."""
    elsewhere = {normalise_headline(text) for part in others for text in part.headlines}
    shared = np.array([normalise_headline(text) in elsewhere for text in tune.headlines], bool)
    return tune.select(np.bincount(tune.test_idx, shared, len(tune.test_ids)) == 0)


class Training:
    """The run as a whole: data, start point, seeds done so far, log file."""

    def __init__(self, parquet_path: Path, out_dir: Path, minilm_dir: Path, config: HeadlineTrainingConfig) -> None:
        self.out_dir, self.config = out_dir, config
        out_dir.mkdir(parents=True, exist_ok=True)
        self.tests = tests = read_headline_tests(parquet_path)
        self.calibrate_tests, self.held_out_tests = tests.part("calibrate"), tests.part("held-out")
        self.tune_tests = without_shared_headlines(tests.part("tune"), [self.calibrate_tests, self.held_out_tests])
        minilm, self.tokenizer = read_minilm(minilm_dir)
        self.net = HeadlineNet(minilm, config.num_tuned_layers).eval()
        self.tune = encode_tests(self.tune_tests, self.net, self.tokenizer)
        self.calibrate = encode_tests(self.calibrate_tests, self.net, self.tokenizer)
        fit_ridge_head(self.net, self.tune, config)
        self.start = {k: v.clone() for k, v in self.net.tuned_state().items()}
        self.log(f"tune {len(self.tune_tests.test_ids)} tests, {len(self.tune_tests.headlines)} arms; {self.check('ridge')}")

    def log(self, line: str) -> None:
        text = f"{time.strftime('%H:%M:%S')} {line}"
        print(text, flush=True)
        with (self.out_dir / "log.txt").open("a") as file:
            file.write(text + "\n")

    def check(self, name: str) -> str:
        """Evaluate the network as it is on the calibrate part; the held-out part is looked at once, on export."""
        found = evaluate_scores(self.calibrate_tests, score_encoded(self.net, self.calibrate), num_resamples=10)
        all_pairs, significant = found["pairwise_accuracy"], found["pairwise_accuracy_significant"]
        return f"{name}: calibrate all {all_pairs:.4f} significant {significant:.4f}"

    def cross_validate(self) -> dict[str, float]:
        """Judge the untuned head on every test, each scored by a head fitted without it and its relatives."""
        self.set_state(self.start)
        features = head_features(self.net, encode_tests(self.tests, self.net, self.tokenizer), self.config)
        return cross_validate(features, self.tests, ridge=self.config.ridge, overdispersion=self.config.overdispersion)

    def set_state(self, state: State) -> None:
        self.net.load_state_dict(state, strict=False)

    def fit_seed(self, seed: int) -> State:
        """Train one seed, or go on where it stopped; returns its averaged weights."""
        path = self.out_dir / f"seed{seed}.pt"
        self.set_state(self.start)
        batches_per_epoch = len(make_batches(self.tune, self.config.batch_arms, np.random.default_rng(0)))
        run = start_seed(self.net, self.config, batches_per_epoch * self.config.num_epochs)
        if path.is_file():
            saved = torch.load(path, weights_only=True)
            self.set_state(saved["live"])
            run.optimizer.load_state_dict(saved["optimizer"])
            run.scheduler.load_state_dict(saved["scheduler"])
            run.average, run.epoch = saved["average"], saved["epoch"]
        while run.epoch < self.config.num_epochs:
            loss = train_epoch(self.net, self.tune, self.config, run, seed)
            live = {k: v.clone() for k, v in self.net.tuned_state().items()}
            state = {"live": live, "average": run.average, "epoch": run.epoch}
            state |= {"optimizer": run.optimizer.state_dict(), "scheduler": run.scheduler.state_dict()}
            torch.save(state, path.with_suffix(".part"))
            os.replace(path.with_suffix(".part"), path)
            now = self.check("live")
            self.set_state(run.average)
            self.log(f"seed {seed} epoch {run.epoch} loss {loss:.4f}; {now}; {self.check('averaged')}")
            self.set_state(live)
        return run.average

    def fit(self) -> State:
        """Train every seed and return the average of their averages."""
        states: list[State] = []
        for seed in self.config.seeds:
            states.append(self.fit_seed(seed))
            self.set_state(average_states(states))
            self.log(self.check(f"{len(states)} seeds averaged"))
        return average_states(states)


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parquet", type=Path)
    parser.add_argument("--out", type=Path, required=True, help="folder for the log and the resumable state")
    parser.add_argument("--minilm", type=Path, help="MiniLM folder (default: the installed wheel)")
    parser.add_argument("--epochs", type=int, default=CONFIG.num_epochs)
    parser.add_argument("--tuned-layers", type=int, default=CONFIG.num_tuned_layers)
    parser.add_argument("--seeds", type=int, nargs="+", default=list(CONFIG.seeds))
    parser.add_argument("--export", type=Path, help="write the finished model and its card here")
    arguments = parser.parse_args(argv)
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
    config = replace(CONFIG, num_epochs=arguments.epochs, seeds=tuple(arguments.seeds), num_tuned_layers=arguments.tuned_layers)
    training = Training(arguments.parquet, arguments.out, arguments.minilm or weights.find_weight("minilm"), config)
    state = training.fit()
    if arguments.export:
        from adcreative.encoders.headline_card import export_model

        validated = training.cross_validate()
        training.set_state(state)
        factor = set_scale(training.net, training.calibrate, training.tune, config.overdispersion)
        training.log(f"scale {factor:.3f}")
        notes = {"config": asdict(config), "cross_validated": validated}
        held_out = export_model(arguments.export, training.net, training.held_out_tests, notes)
        training.log(f"cross-validated {json.dumps(validated)}")
        training.log(f"held-out {json.dumps(held_out)}")


if __name__ == "__main__":
    main()
