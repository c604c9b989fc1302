"""Every network for impression logs by name, with its settings and the further tables that it reads. One literal dict."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from adcreative.config import did_you_mean
from adcreative.ctr.inputs.log import LogSpec, View
from adcreative.ctr.inputs.network_inputs import Network
from adcreative.ctr.networks.adaptdhm import AdaptDHM, AdaptDHMConfig
from adcreative.ctr.networks.autoint import AutoInt, AutoIntConfig
from adcreative.ctr.networks.din import DIN, DINConfig
from adcreative.ctr.networks.dnn import DNN, DNNConfig
from adcreative.ctr.networks.esmm import ESMM, ESMMConfig
from adcreative.ctr.networks.fgcnn import FGCNN, GENERATOR, FGCNNConfig
from adcreative.ctr.networks.finalmlp import CONTEXTS, FinalMLP, FinalMLPConfig
from adcreative.ctr.networks.fm import FIRST_ORDER, FM, FMConfig
from adcreative.ctr.networks.linear import Linear, LinearConfig
from adcreative.ctr.networks.optinter import CROSSED, FACTORS, OptInter, OptInterConfig
from adcreative.ctr.networks.qin import QIN, QINConfig
from adcreative.ctr.networks.sdim import SDIM, SDIMConfig
from adcreative.errors import ConfigError

Views = Callable[[Any, int, LogSpec], dict[str, View]]


def _no_views(config: Any, dim: int, spec: LogSpec) -> dict[str, View]:
    return {}


def _contexts(config: FinalMLPConfig, dim: int, spec: LogSpec) -> dict[str, View]:
    named = dict(zip(CONTEXTS, (config.context_1, config.context_2), strict=True))
    return {name: View(dim=dim, fields=fields) for name, fields in named.items() if fields and config.gated}


@dataclass(frozen=True, kw_only=True)
class NetworkEntry:
    """One network: how it is built from (shape, config, generator), its settings, and what it reads.

    views: config, field width and fields of the log -> further tables. embedding_dim: a width that the network insists
    on, 0 = any. reads_history: it compares a target with a history. num_labels: 2 when it learns conversions beside clicks.
    """

    build: Callable[..., Network]
    config: type[Any]
    views: Views = _no_views
    embedding_dim: int = 0
    reads_history: bool = False
    reads_crossed: bool = False
    num_labels: int = 1


NETWORKS: Mapping[str, NetworkEntry] = {
    "linear": NetworkEntry(build=Linear, config=LinearConfig, embedding_dim=1),
    "fm": NetworkEntry(build=FM, config=FMConfig, views=lambda config, dim, spec: {FIRST_ORDER: View(dim=1)}),
    "dnn": NetworkEntry(build=DNN, config=DNNConfig),
    "autoint": NetworkEntry(build=AutoInt, config=AutoIntConfig),
    "fgcnn": NetworkEntry(build=FGCNN, config=FGCNNConfig, views=lambda config, dim, spec: {GENERATOR: View(dim=dim)}),
    "finalmlp": NetworkEntry(build=FinalMLP, config=FinalMLPConfig, views=_contexts),
    "optinter": NetworkEntry(
        build=OptInter, config=OptInterConfig, reads_crossed=True,
        views=lambda config, dim, spec: {
            CROSSED: View(dim=dim, is_crossed=True), FACTORS: View(dim=dim, fields=tuple(spec.categorical))
        },
    ),
    "adaptdhm": NetworkEntry(build=AdaptDHM, config=AdaptDHMConfig),
    "esmm": NetworkEntry(build=ESMM, config=ESMMConfig, num_labels=2),
    "din": NetworkEntry(build=DIN, config=DINConfig, reads_history=True),
    "qin": NetworkEntry(build=QIN, config=QINConfig, reads_history=True),
    "sdim": NetworkEntry(build=SDIM, config=SDIMConfig, reads_history=True),
}  # fmt: skip


def find_network(name: str) -> NetworkEntry:
    """Return the entry of a network.

    Raises:
        ConfigError: no such name.
    """
    if name not in NETWORKS:
        raise ConfigError(f'no network named "{name}". {did_you_mean(name, NETWORKS)}')
    return NETWORKS[name]
