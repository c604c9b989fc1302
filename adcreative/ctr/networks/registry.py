"""Registry of networks by name, with settings and inputs: one literal dict, for creatives, accounts and logs alike."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any

from adcreative.config import did_you_mean
from adcreative.ctr.config import CTRModelConfig
from adcreative.ctr.inputs.fields import InputSpec, View
from adcreative.ctr.inputs.network_inputs import Network
from adcreative.ctr.networks.adaptdhm import AdaptDHM, AdaptDHMConfig
from adcreative.ctr.networks.autoint import ADSEE_STD, AutoInt, AutoIntConfig
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

Views = Callable[[Any, int, InputSpec], dict[str, View]]
ADSEE_HIDDEN_DIMS = (256, 128)  # of the DNN of AutoInt+


def _no_views(config: object, dim: int, spec: InputSpec) -> dict[str, View]:
    return {}


def _first_order(config: FMConfig, dim: int, spec: InputSpec) -> dict[str, View]:
    return {} if config.starts_at_zero else {FIRST_ORDER: View(dim=1)}


def _contexts(config: FinalMLPConfig, dim: int, spec: InputSpec) -> dict[str, View]:
    named = dict(zip(CONTEXTS, (config.context_1, config.context_2), strict=True))
    return {name: View(dim=dim, fields=fields) for name, fields in named.items() if fields and config.gated}


@dataclass(frozen=True, kw_only=True)
class NetworkEntry:
    """One network: its build function (shape, config, generator), its settings, and its inputs.

    views: config, field width and fields of the log -> further tables. embedding_dim: a fixed field width, 0 = any.
    reads_history: compares a target with a history. num_labels: 2 when conversions are learnt besides clicks. searches: one
    pass finds settings (`choose`), with which the network is trained anew.

    A network whose config has `starts_at_zero` is trained on creatives too, added to their wide path. on_creatives: its
    settings there, besides dropout_prob. projects_log_rate: the log rate of a history item is as wide as a field, else one
    number. dense_dim: width of its first hidden layer where numbers enter there and categories alone are fields.
    """

    build: Callable[..., Network]
    config: type[Any]
    views: Views = _no_views
    embedding_dim: int = 0
    reads_history: bool = False
    reads_crossed: bool = False
    num_labels: int = 1
    searches: bool = False
    on_creatives: Callable[[CTRModelConfig], dict[str, Any]] = lambda sizes: {}
    projects_log_rate: bool = False
    dense_dim: int = 0

    @property
    def is_for_creatives(self) -> bool:
        """Whether it can be added to the wide path of creatives."""
        return "starts_at_zero" in {one.name for one in fields(self.config)}

    def config_on_creatives(self, sizes: CTRModelConfig) -> object:
        """Return the settings for use with the wide path of creatives."""
        shared = {"dropout_prob": sizes.dropout_prob} if "dropout_prob" in {one.name for one in fields(self.config)} else {}
        return self.config(**(shared | self.on_creatives(sizes)), starts_at_zero=True)


NETWORKS: Mapping[str, NetworkEntry] = {
    "linear": NetworkEntry(build=Linear, config=LinearConfig, embedding_dim=1),
    "fm": NetworkEntry(build=FM, config=FMConfig, views=_first_order),
    "dnn": NetworkEntry(build=DNN, config=DNNConfig),
    "autoint": NetworkEntry(
        build=AutoInt,
        config=AutoIntConfig,
        dense_dim=ADSEE_HIDDEN_DIMS[0],  # on creatives as in AdSEE
        on_creatives=lambda sizes: {
            "attention_dim": sizes.embedding_dim + sizes.embedding_dim % 2,
            "hidden_dims": ADSEE_HIDDEN_DIMS,
            "weight_std": ADSEE_STD,
            "dropout_prob": 0.0,
        },
    ),
    "fgcnn": NetworkEntry(
        build=FGCNN,
        config=FGCNNConfig,
        views=lambda config, dim, spec: {GENERATOR: View(dim=dim)},
        on_creatives=lambda sizes: {
            "channels": (6, 8),
            "kernel_heights": (7, 7),
            "pool_sizes": (2, 2),
            "new_maps": (2, 2),
            "hidden_dims": (128, 64),
        },
    ),
    "finalmlp": NetworkEntry(
        build=FinalMLP,
        config=FinalMLPConfig,
        views=_contexts,
        on_creatives=lambda sizes: {"dropout_prob_1": sizes.dropout_prob, "dropout_prob_2": sizes.dropout_prob},
    ),
    "optinter": NetworkEntry(
        build=OptInter,
        config=OptInterConfig,
        reads_crossed=True,
        searches=True,
        views=lambda config, dim, spec: {
            CROSSED: View(dim=dim, is_crossed=True),
            FACTORS: View(dim=dim, fields=tuple(spec.categorical)),
        },
    ),
    "adaptdhm": NetworkEntry(build=AdaptDHM, config=AdaptDHMConfig),
    "esmm": NetworkEntry(build=ESMM, config=ESMMConfig, num_labels=2),
    "din": NetworkEntry(build=DIN, config=DINConfig, reads_history=True),
    "qin": NetworkEntry(
        build=QIN,
        config=QINConfig,
        reads_history=True,
        projects_log_rate=True,
        on_creatives=lambda sizes: {"num_layers": sizes.num_layers, "num_rows": sizes.num_rows},
    ),
    "sdim": NetworkEntry(build=SDIM, config=SDIMConfig, reads_history=True),
}


def find_network(name: str) -> NetworkEntry:
    """Return the entry of a network.

    Raises:
        ConfigError: no such name.
    """
    if name not in NETWORKS:
        raise ConfigError(f'no network named "{name}". {did_you_mean(name, NETWORKS)}')
    return NETWORKS[name]
