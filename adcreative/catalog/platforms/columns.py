"""What the columns of Meta Ads Manager and Google Ads exports are called, in the languages we know.

Data only. Spellings are folded (see `fold_column`): case, "_", "-", width and the currency suffix "(EUR)" do not matter.
Names were collected from exports in public repositories, checked on 2026-11-24; a name that is missing here can be given in
a mapping file.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping

# Beside our own columns: what places a row in an account, and what is only checked or passed over.
EXTRA_COLUMNS = ("campaign", "ad_set", "ad_id", "day", "date_range", "clicks_link", "clicks_all", "ctr", "ctr_link", "ctr_all")
_SPELLINGS: Mapping[str, Mapping[str, str]] = {
    "en": {
        "ad_name": "ad name|ad|creative name", "ad_id": "ad id", "ad_set": "ad set name|ad group|ad set|ad group name",
        "campaign": "campaign name|campaign", "impressions": "impressions|impr.|impr", "clicks_link": "link clicks",
        "clicks_all": "clicks (all)", "clicks": "clicks", "spend": "amount spent|cost|spend",
        "currency": "currency code|currency",
        "day": "day|date", "date_start": "reporting starts|date start|starts", "date_end": "reporting ends|date end|ends",
        "ctr_link": "ctr (link click through rate)", "ctr_all": "ctr (all)", "ctr": "ctr", "placement": "placement|network",
        "headline": "headline|headline 1|headline (ad settings)|title|title (ad settings)",
        "file_name": "file name|image file name",
        "description": "description|description 1|link description",
        "primary_text": "primary text|body|body (ad settings)|text",
        "cta": "call to action|cta|call to action type", "platform": "platform", "brand": "brand", "category": "category",
        "audience": "audience", "test_id": "test id",
    },
    "de": {
        "ad_name": "anzeigenname|name der werbeanzeige|name der anzeige|anzeige|werbeanzeige",
        "ad_id": "anzeigen id|werbeanzeigen id",
        "ad_set": "name der anzeigengruppe|anzeigengruppe|anzeigengruppenname",
        "campaign": "kampagnenname|name der kampagne|kampagne",
        "impressions": "impressionen|impr.", "clicks_link": "link klicks|linkklicks", "clicks_all": "klicks (alle)",
        "clicks": "klicks", "spend": "ausgegebener betrag|kosten", "currency": "wahrungscode|wahrung", "day": "tag|datum",
        "date_start": "berichtsstart|beginn der berichterstattung|berichtsbeginn",
        "date_end": "berichtsende|ende der berichterstattung",
        "ctr_link": "ctr (link klickrate)", "ctr_all": "ctr (alle)", "ctr": "klickrate",
        "placement": "platzierung|werbenetzwerk",
        "headline": "anzeigentitel 1|anzeigentitel|titel|uberschrift", "description": "beschreibung 1|textzeile 1|beschreibung",
        "primary_text": "primarer text|haupttext", "file_name": "dateiname",
    },
    "fr": {
        "ad_name": "nom de la publicite|publicite|annonce|nom de l'annonce",
        "ad_id": "id de la publicite|id d'annonce|id de l'annonce",
        "ad_set": "nom de l'ensemble de publicites|ensemble de publicites|groupe d'annonces",
        "campaign": "nom de la campagne|campagne", "impressions": "impressions|impr.",
        "clicks_link": "clics sur un lien|clics sur le lien", "clicks_all": "clics (tous)", "clicks": "clics",
        "spend": "montant depense|cout", "currency": "code de devise|code devise|devise", "day": "jour|date",
        "date_start": "debut des rapports|debut du rapport", "date_end": "fin des rapports|fin du rapport",
        "ctr_link": "ctr (taux de clics sur le lien)|ctr (taux de clic sur un lien)", "ctr_all": "ctr (tous)|ctr (tout)",
        "ctr": "taux de clics", "placement": "placement|emplacement", "headline": "titre 1|titre",
        "description": "description 1",
        "primary_text": "texte principal", "file_name": "nom du fichier",
    },
    "es": {
        "ad_name": "nombre del anuncio|anuncio", "ad_id": "identificador del anuncio|id. del anuncio|id del anuncio",
        "ad_set": "nombre del conjunto de anuncios|conjunto de anuncios|grupo de anuncios",
        "campaign": "nombre de la campana|campana", "impressions": "impresiones|impr.", "clicks_link": "clics en el enlace",
        "clicks_all": "clics (todos)", "clicks": "clics", "spend": "importe gastado|coste|costo",
        "currency": "codigo de moneda|moneda|divisa", "day": "dia|fecha", "date_start": "inicio del informe",
        "date_end": "fin del informe|finalizacion del informe",
        "ctr_link": "ctr (porcentaje de clics en el enlace)", "ctr_all": "ctr (todos)", "placement": "ubicacion",
        "headline": "titulo 1|titulo", "description": "descripcion 1|descripcion", "primary_text": "texto principal",
    },
    "ja": {
        "ad_name": "広告名|広告の名前|広告", "ad_id": "広告id|広告 id", "ad_set": "広告セット名|広告セットの名前|広告グループ",
        "campaign": "キャンペーン名|キャンペーン", "impressions": "インプレッション|表示回数|インプレッション数",
        "clicks_link": "リンクのクリック|リンククリック|リンクのクリック数", "clicks_all": "クリック(すべて)",
        "clicks": "クリック数|クリック",
        "spend": "消化金額|費用|ご利用金額", "currency": "通貨コード|通貨", "day": "日|日付", "date_start": "レポート開始日",
        "date_end": "レポート終了日", "ctr_link": "ctr(リンククリックスルー率)", "ctr_all": "ctr(すべて)", "ctr": "クリック率",
        "placement": "配置", "headline": "広告見出し 1|見出し|タイトル", "description": "説明文 1|説明",
        "primary_text": "メインテキスト",
    },
}  # fmt: skip
DECIMAL_COMMA = frozenset(("de", "fr", "es"))
_CURRENCY = re.compile(r"\s*\(([A-Z]{3})\)\s*$")


def fold_column(name: str) -> str:
    """Return a header cell without case, accents, currency suffix and white space that differ from export to export."""
    name = _CURRENCY.sub("", name.replace("\ufeff", "").strip())
    folded = unicodedata.normalize("NFKC", name).replace("\u2019", "'").casefold()
    if folded.isascii() or not any("\u3040" <= letter <= "\u9fff" for letter in folded):
        folded = "".join(c for c in unicodedata.normalize("NFD", folded) if not unicodedata.combining(c))
    return " ".join(re.sub(r"[_\-\u2010-\u2015]", " ", folded).split())


def read_currency(name: str) -> str:
    """Return the currency code a header cell ends in, as in "Amount spent (EUR)", or ""."""
    found = _CURRENCY.search(name.strip())
    return found.group(1) if found else ""


# language -> folded spelling -> (column, rank among the spellings of that column)
BY_LANGUAGE: Mapping[str, Mapping[str, tuple[str, int]]] = {
    language: {
        fold_column(spelling): (column, rank)
        for column, spellings in columns.items()
        for rank, spelling in enumerate(spellings.split("|"))
    }
    for language, columns in _SPELLINGS.items()
}
KNOWN = frozenset(spelling for spellings in BY_LANGUAGE.values() for spelling in spellings)
