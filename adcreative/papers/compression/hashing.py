"""Fewer rows for ids: a row for each cluster of co-clicked ids, or, for comparison, for each remainder of a hash.

    bipartite graph of training clicks;  Q = 1/E sum_ui (A_ui - g k_u k_i / E) [c_u = c_i]     Barber's modularity, resolution g
    graph          id -> its cluster                      double-graph   cluster and a universal hash, both rows summed
    modulo         id mod K                               double-hash    two universal hashes, both rows summed
    frequency      the most frequent ids own half of the K rows, the others share the rest

All kinds get the K of the graph's resolution. Rows 0 (padding) and 1 (unknown values) stay separate, so that an id unknown in
training still has a vector. Ids seen in training but never clicked share a separate row: they are not in the graph of clicks,
and a hash would mix them with clicked ids.
Source:
    Wu et al., GraphHash, WWW 2025, from its equations; Louvain by scikit-network. Differs: here a trained table is compressed,
    each new row starting at the frequency-weighted mean of the rows that it replaces.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from scipy import sparse
from sknetwork.clustering import Louvain

from adcreative.config import did_you_mean
from adcreative.ctr.compression.tuning import Work, tune
from adcreative.ctr.inputs.embedding_tables import find_tables
from adcreative.ctr.inputs.log_encoding import FIRST
from adcreative.ctr.inputs.small_tables import SmallTable, as_small
from adcreative.ctr.log_network import LogModel
from adcreative.errors import ConfigError

KINDS = ("graph", "double-graph", "modulo", "frequency", "double-hash")
PRIME = (1 << 31) - 1  # products of two residues fit into 63 bits
NUM_SEARCHED, NUM_SHOWN = 12, 20


@dataclass(frozen=True, kw_only=True)
class HashConfig:
    """kind: one of KINDS. budget: most rows to keep, as a share of the rows of the two fields. fields: the two categorical
    fields whose ids are clustered by co-clicks; () = the two with most values. resolution: of the clustering; 0 = chosen to
    meet the budget.
    """

    kind: str = "graph"
    budget: float = 0.25
    fields: tuple[str, ...] = ()
    resolution: float = 0.0

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ConfigError(f'no hash "{self.kind}". {did_you_mean(self.kind, KINDS)}')
        if not 0 < self.budget < 1 or self.resolution < 0 or len(self.fields) not in (0, 2):
            raise ConfigError(
                f"budget must be in 0..1, resolution at least 0 and fields two names, got {self.budget}, {self.resolution} and "
                f"{list(self.fields)}"
            )


@dataclass(frozen=True, eq=False)
class Clusters:
    """Cluster of each id of two fields, [V_a] and [V_b] without padding and unknown, -1 = no clicks; the resolution used."""

    first: np.ndarray
    second: np.ndarray
    resolution: float

    @property
    def num_rows(self) -> int:
        """Rows needed by both tables, including one for ids without clicks."""
        return sum(len(np.unique(np.maximum(one, -1))) for one in (self.first, self.second))


def cluster_ids(graph: sparse.csr_matrix, resolution: float, *, seed: int) -> Clusters:
    """Return the clusters of a co-click graph [V_a, V_b], by Louvain on bipartite modularity."""
    found = Louvain(resolution=resolution, modularity="dugue", random_state=seed, shuffle_nodes=True)
    found.fit(graph, force_bipartite=True)
    labels = (np.asarray(found.labels_row_).copy(), np.asarray(found.labels_col_).copy())
    for axis, one in enumerate(labels):
        one[np.asarray(graph.sum(axis=1 - axis)).reshape(-1) == 0] = -1
    return Clusters(*labels, resolution)


def find_clusters(graph: sparse.csr_matrix, most_rows: int, *, seed: int) -> Clusters:
    """Return the finest clusters, by resolution, that need at most `most_rows` rows.

    Raises:
        ConfigError: even the coarsest clusters need more.
    """
    low, high = np.log(0.05), np.log(500.0)
    best = cluster_ids(graph, float(np.exp(low)), seed=seed)
    if best.num_rows > most_rows:
        raise ConfigError(f"a budget of {most_rows} rows cannot be met: the coarsest clusters need {best.num_rows}; give more")
    for _ in range(NUM_SEARCHED):
        middle = (low + high) / 2
        found = cluster_ids(graph, float(np.exp(middle)), seed=seed)
        if found.num_rows <= most_rows:
            low = middle
            best = found if found.num_rows >= best.num_rows else best
        else:
            high = middle
    return best


def place_ids(kind: str, clusters: np.ndarray, counts: np.ndarray, *, rng: np.random.Generator) -> tuple[np.ndarray, int]:
    """Return places [k, V + 2] of a field's ids, padding and unknown first, and the number of rows of the table.

    By the graph, seen ids without a cluster share the last row; unseen ids use the universal hash.

    Args:
        clusters: of each id [V], -1 = none. counts: training frequency of each id [V].
    """
    known, renumbered = np.unique(clusters[clusters >= 0], return_inverse=True)
    is_shunned = (clusters < 0) & (counts > 0)
    num_rows, ids = max(len(known), 1) + int(is_shunned.any()), np.arange(len(clusters))
    hashed = [_hash(ids, num_rows, rng) for _ in range(2)]
    by_cluster = hashed[0].copy()
    by_cluster[clusters >= 0] = renumbered
    by_cluster[is_shunned] = num_rows - 1
    if kind == "frequency":
        own = np.argsort(-counts, kind="stable")[: num_rows // 2]
        by_frequency = num_rows // 2 + ids % max(num_rows - num_rows // 2, 1)
        by_frequency[own] = np.arange(len(own))
        chosen = [by_frequency]
    else:
        chosen = {
            "graph": [by_cluster],
            "double-graph": [by_cluster, hashed[1]],
            "modulo": [ids % num_rows],
            "double-hash": hashed,
        }[kind]
    places = np.stack([np.concatenate([np.arange(FIRST), one + FIRST]) for one in chosen])
    places[1:, 1] = 0  # an unknown value is one row, not twice the same
    return places, num_rows + FIRST


def _hash(ids: np.ndarray, num_rows: int, rng: np.random.Generator) -> np.ndarray:
    """Return ((a id + b) mod p) mod K for random a and b."""
    a, b = int(rng.integers(1, PRIME)), int(rng.integers(0, PRIME))
    found: np.ndarray = ((a * (ids % PRIME) + b) % PRIME) % num_rows
    return found


def shrink_table(table: SmallTable, places: np.ndarray, num_rows: int, counts: np.ndarray) -> SmallTable:
    """Return a table whose rows start at the mean of the replaced vectors, weighed by counts [V + 2].

    Where a vector is the sum of k rows, each row starts at its share, 1/k.
    """
    with torch.no_grad():
        vectors = table(torch.arange(table.num_ids)).double().numpy()
    weight, mass = np.zeros((num_rows, table.dim)), np.zeros(num_rows)
    weights = np.maximum(counts.astype(np.float64), 1e-3)
    for place in places:
        np.add.at(weight, place, vectors * weights[:, None])
        np.add.at(mass, place, weights)
    weight /= np.maximum(mass, 1e-12)[:, None] * len(places)
    weight[0] = 0.0
    weight[1] = vectors[1]
    return SmallTable(torch.from_numpy(weight).float(), table.dim, places=torch.from_numpy(places))


def compress_hash(model: LogModel, work: Work, config: HashConfig) -> dict[str, Any]:
    """Replace the tables of two fields of a model's network by tables of fewer rows, then tune it; return sizes and the largest
    clusters by name.

    Raises:
        ConfigError: the log has no two categorical fields, or the budget cannot be met.
    """
    names, sizes = list(model.encoding.spec.categorical), model.encoding.spec.categorical
    chosen = config.fields or tuple(sorted(names, key=lambda name: -sizes[name])[:2])
    unknown = [name for name in chosen if name not in names]
    if unknown:
        raise ConfigError(f'no categorical field "{unknown[0]}" to cluster. {did_you_mean(unknown[0], names)}')
    if len(chosen) != 2:
        raise ConfigError("hashing by the graph needs two categorical fields, such as user and ad; this model has fewer")
    columns = [names.index(name) for name in chosen]
    graph, counts = read_graph(work, columns, [sizes[name] for name in chosen])
    most = int(config.budget * sum(graph.shape))
    found = cluster_ids(graph, config.resolution, seed=work.seed) if config.resolution else None
    clusters = found or find_clusters(graph, most, seed=work.seed)
    rng, rows = work.rng(7), {}
    for name, of_field, count in zip(chosen, (clusters.first, clusters.second), counts, strict=True):
        places, num_rows = place_ids(config.kind, of_field, count[FIRST:], rng=rng)
        for _, group in find_tables(model.network):
            if name in group.sizes:
                group.replace(name, shrink_table(as_small(group.table(name)), places, num_rows, count))
        rows[name] = num_rows
    return {
        "kind": config.kind,
        "fields": list(chosen),
        "resolution": clusters.resolution,
        "rows": rows,
        "clusters": describe_clusters(clusters, chosen, model.encoding.vocabularies, counts),
        "losses": tune(model.network, work, work.tuning),
    }


def read_graph(work: Work, columns: list[int], sizes: list[int]) -> tuple[sparse.csr_matrix, list[np.ndarray]]:
    """Return the co-click counts of two fields' known values, [V_a, V_b], and the frequency of each value."""
    parts: list[tuple[np.ndarray, np.ndarray]] = []
    counts = [np.zeros(size, np.int64) for size in sizes]
    for rows in work.rows.train.iter_batches(65_536):
        pair = [rows.arrays["ids"][:, column] for column in columns]
        for count, ids in zip(counts, pair, strict=True):
            count += np.bincount(ids, minlength=len(count))
        is_edge = (rows.clicks > 0) & (pair[0] >= FIRST) & (pair[1] >= FIRST)
        parts.append((pair[0][is_edge] - FIRST, pair[1][is_edge] - FIRST))
    first, second = (np.concatenate(column) for column in zip(*parts, strict=True))
    if not len(first):
        raise ConfigError("no click joins two known values of these fields; name other fields")
    shape = (sizes[0] - FIRST, sizes[1] - FIRST)
    return sparse.csr_matrix((np.ones(len(first)), (first, second)), shape=shape), counts


def describe_clusters(
    clusters: Clusters, fields: tuple[str, ...], vocabularies: Mapping[str, tuple[str, ...]], counts: list[np.ndarray]
) -> list[dict[str, Any]]:
    """Return the largest clusters as readable values, the most frequent first; hashed fields have none."""
    labels = dict(zip(fields, (clusters.first, clusters.second), strict=True))
    mass: dict[int, int] = {}
    for of_field, count in zip(labels.values(), counts, strict=True):
        for cluster in np.unique(of_field[of_field >= 0]):
            mass[int(cluster)] = mass.get(int(cluster), 0) + int(count[FIRST:][of_field == cluster].sum())
    shown = []
    for cluster in sorted(mass, key=lambda one: (-mass[one], one))[:NUM_SHOWN]:
        entry: dict[str, Any] = {"cluster": cluster, "seen": mass[cluster]}
        for (name, of_field), count in zip(labels.items(), counts, strict=True):
            members = np.flatnonzero(of_field == cluster)
            frequent = members[np.argsort(-count[FIRST:][members], kind="stable")][:8]
            known = vocabularies.get(name, ())
            entry[name] = {"values": len(members), "such_as": [known[member] for member in frequent if member < len(known)]}
        shown.append(entry)
    return shown
