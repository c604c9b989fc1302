"""Leaderboards that BARS-CTR published: AUC and log-loss by network, shown beside ours only on the published files.

Source:
    Zhu et al., BARS-CTR, CIKM 2021 and SIGIR 2022, leaderboards of the project's pages. Networks under our names; "autoint+" is
    AutoInt with hidden layers beside it.
"""

from __future__ import annotations

PUBLISHED: dict[str, dict[str, tuple[float, float | None]]] = {
    "Criteo_x1": {
        "finalmlp": (0.8149, 0.4370), "autoint+": (0.8139, 0.4379), "autoint": (0.8126, 0.4392), "dnn": (0.8137, 0.4382),
        "fm": (0.8022, 0.4491), "linear": (0.7886, 0.4609),
    },
    "Criteo_x4_001": {
        "finalmlp": (0.8146, 0.4374), "autoint+": (0.8132, 0.4390), "autoint": (0.8119, 0.4399), "fgcnn": (0.8121, 0.4398),
        "dnn": (0.8140, 0.4380), "fm": (0.8086, 0.4431), "linear": (0.7934, 0.4568),
    },
    "Criteo_x4_002": {
        "fgcnn": (0.8142, 0.4381), "autoint+": (0.8134, 0.4385), "autoint": (0.8129, 0.4390), "dnn": (0.8112, None),
        "fm": (0.8078, None), "linear": (0.7936, None),
    },
    "Avazu_x1": {
        "finalmlp": (0.7666, 0.3658), "autoint+": (0.7645, 0.3668), "autoint": (0.7624, 0.3678), "dnn": (0.7638, None),
        "fm": (0.7613, None), "linear": (0.7516, 0.3735),
    },
    "Avazu_x4_001": {
        "finalmlp": (0.7935, 0.3719), "fgcnn": (0.7944, 0.3711), "autoint+": (0.7902, 0.3746), "autoint": (0.7891, 0.3745),
        "fm": (0.7887, None), "linear": (0.7775, 0.3815),
    },
    "Avazu_x4_002": {
        "fgcnn": (0.7971, 0.3696), "autoint+": (0.7953, 0.3709), "autoint": (0.7922, 0.3726), "linear": (0.7804, None),
    },
    "MovielensLatest_x1": {
        "finalmlp": (0.9720, 0.1966), "autoint+": (0.9692, 0.2148), "autoint": (0.9663, 0.2228), "fm": (0.9434, None),
        "linear": (0.9342, None),
    },
    "Frappe_x1": {
        "finalmlp": (0.9861, 0.1484), "autoint+": (0.9848, 0.1490), "autoint": (0.9831, 0.1637), "dnn": (0.9833, 0.1622),
        "fm": (0.9671, None), "linear": (0.9356, 0.3076),
    },
}  # fmt: skip
