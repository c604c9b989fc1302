"""Variation and mating selection, as published, each with the random generator as an argument.

DEAP's own versions draw from the global `random` module, so that two searches in one process would disturb each other;
the formulas are implemented here on arrays, and nothing is modified in place.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from adcreative.editor.space.genome import GeneSpace, Individual


def simulated_binary_crossover(
    first: np.ndarray, second: np.ndarray, low: np.ndarray, high: np.ndarray, *, eta: float, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Return two children with the same mean as the parents, spread as by one-point crossover of bit strings.

        child_1,2 = 0.5 ((1 +- beta) x_1 + (1 -+ beta) x_2)
        beta = (2u)^(1/(eta+1))            for u <= 0.5
               (1 / (2(1-u)))^(1/(eta+1))  otherwise

    Args:
        first, second: parents [G]. low, high: bounds [G]; parents are inside. eta: 2 spreads wide, 20 stays near.
    Returns:
        two arrays [G] inside the bounds; each gene is crossed with probability 0.5, and the pair swapped as often.
    Source:
        Deb & Agrawal 1995, Complex Systems 9, eq. 8-10. Differs: u is scaled so that beta ends where the first child meets a
        bound; one limit for both children keeps their mean exact, where the later two-limit form does not.
    """
    gap = np.abs(second - first)
    room = np.minimum(np.minimum(first, second) - low, high - np.maximum(first, second))
    beta_max = 1.0 + 2.0 * np.divide(room, gap, out=np.zeros_like(gap), where=gap > 1e-12)
    scale = 2.0 - beta_max ** -(eta + 1.0)  # twice the probability of beta <= beta_max
    u = rng.random(first.shape) * scale
    beta = np.where(u <= 1.0, u, 1.0 / (2.0 - np.minimum(u, 2.0 - 1e-12))) ** (1.0 / (eta + 1.0))
    beta = np.where((rng.random(first.shape) < 0.5) & (gap > 1e-12), np.minimum(beta, beta_max), 1.0)
    beta *= np.where(rng.random(first.shape) < 0.5, -1.0, 1.0)
    centre, half = 0.5 * (first + second), 0.5 * beta * (first - second)
    return np.clip(centre + half, low, high), np.clip(centre - half, low, high)


def polynomial_step(values: np.ndarray, low: np.ndarray, high: np.ndarray, u: np.ndarray, *, eta: float) -> np.ndarray:
    """Return the values mutated by the uniform numbers `u`; 0 reaches low, 0.5 changes nothing, 1 reaches high.

        d = (2u + (1-2u) (1-d_low)^(eta+1))^(1/(eta+1)) - 1             for u <= 0.5,  d_low  = (x - low) / (high - low)
            1 - (2(1-u) + 2(u-0.5) (1-d_high)^(eta+1))^(1/(eta+1))      otherwise,     d_high = (high - x) / (high - low)
        x' = x + d (high - low)

    Source: Deb & Goyal 1996 for the distribution; bounded form of Deb 2001, section 4.6, as in the NSGA-II code.
    """
    span = np.maximum(high - low, 1e-12)
    below, above = (values - low) / span, (high - values) / span
    power = 1.0 / (eta + 1.0)
    down = (2 * u + (1 - 2 * u) * (1 - below) ** (eta + 1)) ** power - 1
    up = 1 - (2 * (1 - u) + 2 * (u - 0.5) * (1 - above) ** (eta + 1)) ** power
    return np.clip(values + np.where(u <= 0.5, down, up) * (high - low), low, high)


def uniform_crossover(first: np.ndarray, second: np.ndarray, *, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return two children that swap each gene with probability 0.5 (Syswerda 1989)."""
    swap = rng.random(first.shape) < 0.5
    return np.where(swap, second, first), np.where(swap, first, second)


def mate(
    space: GeneSpace, first: Individual, second: Individual, *, eta: float, rng: np.random.Generator
) -> tuple[Individual, Individual]:
    """Cross two genomes: uniform crossover of all genes, then SBX of the strengths that are active in both.

    A strength and its bit are swapped together, since a bit without its strength transfers nothing.
    """
    num, (low, high) = space.num_strengths, space.bounds()
    pairs_first, lines_first = np.array(first[: 2 * num]).reshape(2, num), np.array(first[2 * num :])
    pairs_second, lines_second = np.array(second[: 2 * num]).reshape(2, num), np.array(second[2 * num :])
    swap = rng.random(num) < 0.5
    a, b = np.where(swap, pairs_second, pairs_first), np.where(swap, pairs_first, pairs_second)  # [2, S] each
    blended_a, blended_b = simulated_binary_crossover(a[0], b[0], low, high, eta=eta, rng=rng)
    both = (a[1] > 0.5) & (b[1] > 0.5)
    a[0], b[0] = np.where(both, blended_a, a[0]), np.where(both, blended_b, b[0])
    lines_a, lines_b = uniform_crossover(lines_first, lines_second, rng=rng)
    return Individual([*a.ravel(), *lines_a]), Individual([*b.ravel(), *lines_b])


def mutate(space: GeneSpace, genome: Individual, *, eta: float, rng: np.random.Generator) -> Individual:
    """Return a changed genome: polynomial mutation of strengths, flipped bits, choices drawn anew.

    On average two strengths move and half a bit flips, each with equal chances (Deb & Goyal 1996 advise about one gene); a
    strength that is switched on starts anywhere in its range. A line, button or scene changes with probability 0.2.
    """
    num, (low, high) = space.num_strengths, space.bounds()
    genes = np.array(genome)
    values, bits = genes[:num], genes[num : 2 * num]
    stepped = polynomial_step(values, low, high, rng.random(num), eta=eta)
    values = np.where(rng.random(num) < 2.0 / max(num, 1), stepped, values)
    flips = rng.random(num) < 0.5 / max(num, 1)
    values = np.where(flips & (bits < 0.5), rng.uniform(low, high), values)
    bits = np.where(flips, 1.0 - bits, bits)
    chosen = [
        reset_index(int(gene), num_choices, probability=0.2, rng=rng)
        for gene, num_choices in zip(genes[2 * num :], space.num_choices, strict=True)
    ]
    return Individual([*values, *bits, *chosen])


def reset_index(index: int, num_choices: int, *, probability: float, rng: np.random.Generator) -> int:
    """Return another index below `num_choices`, each equally likely, with `probability`; else the index itself."""
    if num_choices < 2 or rng.random() >= probability:
        return index
    return int((index + rng.integers(1, num_choices)) % num_choices)


def tournament_dcd(individuals: Sequence[Individual], num_selected: int, *, rng: np.random.Generator) -> list[Individual]:
    """Select by binary tournaments: the dominating one, else the less crowded, else at random (DEAP's selTournamentDCD).

    Each individual takes part in two random pairings, as far as `num_selected` reaches; needs crowding_dist, which
    deap.tools.selNSGA2 sets. Source: Deb et al. 2002, section III-B (crowded-comparison operator) and its reference code.
    """
    selected: list[Individual] = []
    while len(selected) < num_selected:
        order = rng.permutation(len(individuals))
        pairs = zip(order, np.roll(order, -1), strict=True) if len(order) % 2 else zip(order[::2], order[1::2], strict=True)
        for i, j in pairs:
            selected.append(_winner(individuals[i], individuals[j], rng=rng))
    return selected[:num_selected]


def _winner(first: Individual, second: Individual, *, rng: np.random.Generator) -> Individual:
    if first.fitness.dominates(second.fitness):
        return first
    if second.fitness.dominates(first.fitness):
        return second
    if first.fitness.crowding_dist != second.fitness.crowding_dist:
        return max(first, second, key=lambda individual: individual.fitness.crowding_dist)
    return first if rng.random() < 0.5 else second
