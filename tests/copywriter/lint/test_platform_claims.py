"""Claims that platforms refuse are flagged with the rule's name, in ten languages; plain lines of the same words are not."""

from __future__ import annotations

import pytest

from adcreative.copywriter.lint.checks import platform_problems
from adcreative.creative import Creative
from adcreative.pipeline import check_words

REFUSED = {
    "weight": [
        "Lose 10kg in 1 week, guaranteed",
        "10 Kilo abnehmen in 2 Wochen",
        "Perdez 5 kg en 10 jours",
        "Pierde 8 kilos este mes",
        "Perdi 5 kg in una settimana",
        "Perca 10 quilos em 30 dias",
        "Verlies 6 kilo in een maand",
        "Schudnij 10 kg w miesiąc",
        "Gå ner 7 kg på en månad",
        "Ayda 5 kg ver",
    ],
    "cures": [
        "Cure diabetes for good",
        "Heilt Arthritis ohne Tabletten",
        "Guérit le cancer",
        "Cura la diabetes",
        "Cura il diabete",
        "Cura o câncer",
        "Geneest artrose",
        "Wyleczy cukrzycę",
        "Botar diabetes",
        "Diyabeti yok eder",
    ],
    "income": [
        "Earn $500 a day from home",
        "500 € am Tag verdienen",
        "Gagnez 300 € par jour",
        "Gana 200 € al día",
        "Guadagna 100 € al giorno",
        "Ganhe 500 € por dia",
        "Verdien 100 € per dag",
        "Zarabiaj 500 zł dziennie",
        "Tjäna 500 kr per vecka",
        "Günde 500 tl kazan",
    ],
    "guarantee": [
        "Guaranteed results in a week",
        "Garantierte Gewinne",
        "Résultats garantis",
        "Resultados garantizados",
        "Risultati garantiti",
        "Resultados garantidos",
        "Gegarandeerd resultaat",
        "Gwarantowane efekty",
        "Garanterat resultat",
        "Garantili sonuç",
    ],
    "before and after": [
        "See the before and after",
        "Vorher/Nachher",
        "Avant / après",
        "Antes y después",
        "Prima e dopo",
        "Antes e depois",
        "Voor en na foto",
        "Przed i po",
        "Före och efter",
        "Öncesi ve sonrası",
    ],
}
PLAIN = (
    "Slow mornings, properly made",
    "Roasted on Tuesday, at your door on Thursday",
    "Rated 4.8 of 5 by 2,310 buyers",
    "10 kg bag of coffee for 90 €",
    "30-day money-back guarantee",
    "Garantie 5 ans",
    "Lose the noise",
    "Verdienter Feierabend",
    "Order before Friday and save after",
    "Sofa 89 € statt 120 €",
    "From 9 € a month",
    "Ab 9 € im Monat",
    "Kids go free in May",
    "A cure for boring lunches",
    "Voor en na het sporten",
    "Make 12 cups from 1 bag",
    "Free delivery over 30 €",
)


@pytest.mark.parametrize(("rule", "text"), [(rule, text) for rule, texts in REFUSED.items() for text in texts])
def test_a_claim_that_platforms_refuse_is_flagged_with_its_rule(rule: str, text: str) -> None:
    said = " ".join(platform_problems(text))
    assert rule.removesuffix("s") in said or rule in said
    assert "refused by Meta" in said


@pytest.mark.parametrize("text", PLAIN)
def test_plain_lines_pass(text: str) -> None:
    assert list(platform_problems(text)) == []


def test_words_that_run_already_are_held_to_it_too() -> None:
    (problem,) = check_words(Creative(headline="Lose 10kg in 1 week, guaranteed"))["headline"]
    assert "health: results of losing weight" in problem
