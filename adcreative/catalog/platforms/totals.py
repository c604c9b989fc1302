"""Rows of an export that are no ads: totals, subtotals and rows over all values of a breakdown, in the languages we know."""

from __future__ import annotations

import re
from typing import Any

_WORDS = (
    "total|totals|grand total|subtotal|sub total|gesamt|gesamtsumme|gesamtergebnis|insgesamt|summe|zwischensumme|ergebnis|"
    "total général|totaux|sous-total|totales|total general|totale|totali|totale complessivo|subtotale|total geral|totaal|"
    "eindtotaal|subtotaal|suma|suma końcowa|razem|łącznie|合計|総計|小計|合算|總計|总计|合计|小计|总和|합계|총계|총합계|소계|"
    "jumlah|total keseluruhan|toplam|genel toplam|ara toplam"
)
_RESULTS = (
    r"(?:results from|ergebnisse (?:von|aus)|résultats (?:de|des|pour)|resultados de|risultati (?:di|da)|resultaten (?:van|uit)"
    r"|wyniki (?:z|dla)|hasil dari)\s+[\d.,\s]+.*"
    r"|.*\d+\s*(?:件|个|個|則|개).*(?:結果|成效|成果|결과)"
    r"|\d+\s+\w+\s+sonuçları.*"
)
_TOTAL = re.compile(
    rf"\W*(?:(?:{_WORDS})(?:\s*[:：].*|\s+(?:of|for|von|de|di|van|z|dari)\s+\d+\s.*|\s+[-\u2013\u2014]\s+.*)?|{_RESULTS})\W*",
    re.IGNORECASE,
)
_ALL = frozenset(
    ("all", "all (default)", "alle", "tous", "tout", "toutes", "todos", "todas", "tutti", "tutte", "wszystkie", "すべて",
     "総計", "全部", "全部 (默认)", "전체", "모두", "semua", "tümü", "hepsi")
)  # fmt: skip


def is_total(value: Any) -> bool:
    """True for a cell such as "Total: Ads", "Gesamtsumme" or "Results from 12 ads"."""
    return isinstance(value, str) and len(value) < 200 and _TOTAL.fullmatch(value.strip()) is not None


def means_all(value: Any) -> bool:
    """True for a breakdown's cell that stands for all its values."""
    return isinstance(value, str) and value.strip().casefold() in _ALL
