"""The published rows of AdSEE's comparison tables: inputs of each row, and its figures on the authors' data.

Inputs are named as published: FC face count, C category, PN product (here category and brand), CL class labels, FL face
latents, IE image embedding, T words. Figures are MAE, MAPE, NDCG@10, NDCG@50, Spearman, Kendall, on other ads than any
available here (QQ-AD was never released) and on a split by row, so ranks of rows are comparable, levels are not.
Source:
    Jiang et al., AdSEE, KDD 2023: table 2 (QQ-AD: CRP-OpenImage, CRP-e4e, CRP) and table 3 (CreativeRanking: C1 to C5), as on
    the authors' slides. Left out: CRP-NIMA (image quality) and CRP-Sogou, which have no counterpart here.
"""

from __future__ import annotations

INPUT_FIELDS = {
    "FC": ("face_count",),
    "C": ("category",),
    "PN": ("category", "brand"),
    "CL": (),
    "FL": ("face_mean", "face_max"),
    "IE": ("image",),
    "T": ("text", "body"),
}
LINES = {
    "Q1": "IE",
    "Q2": "FL",
    "Q3": "FC C CL FL IE T",
    "C1": "FC CL FL IE",
    "C2": "PN CL FL IE",
    "C3": "FC PN CL FL",
    "C4": "FC PN CL IE",
    "C5": "FC PN CL FL IE",
    "C5 without CL": "FC PN FL IE",
}
FULL_LINES = {"Q": "Q3", "C": "C5"}  # the row with all inputs of each table
FIGURES = {
    "Q1": (0.0295, 0.7258, 0.5950, 0.5551, 0.3941, 0.2696),
    "Q2": (0.0306, 0.7663, 0.5149, 0.5204, 0.2954, 0.2003),
    "Q3": (0.0262, 0.6542, 0.6854, 0.7337, 0.5122, 0.3609),
    "C1": (0.0134, 0.5988, 0.4567, 0.4977, 0.3374, 0.2299),
    "C2": (0.0132, 0.6300, 0.4975, 0.4935, 0.3304, 0.2255),
    "C3": (0.0136, 0.6479, 0.3888, 0.4073, 0.2978, 0.2020),
    "C4": (0.0135, 0.5939, 0.4865, 0.4674, 0.3379, 0.2298),
    "C5": (0.0132, 0.5947, 0.5065, 0.5256, 0.3609, 0.2468),
}


def name_line(number: str) -> str:
    """Return the name of a row: its number and its inputs."""
    return f"{number}: {LINES[number]}"
