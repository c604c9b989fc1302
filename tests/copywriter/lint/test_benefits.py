"""A headline that offers and proves nothing is a promise, which its successor keeps: twenty ads that no rule was made on."""

from __future__ import annotations

import pytest

from adcreative.copywriter import Brief, build_copywriter
from adcreative.copywriter.brief import WORD, read_facts, stem
from adcreative.copywriter.lint.substance import keeps_promise

ADS = (
    Brief("Lumo", "desk lamps", "", "Light that does not tire your eyes", "Dimmable. Free shipping over $60."),
    Brief("Fernway", "garden service", "", "A tidy garden without the weekend work", "Weekly visits. Cancel any time."),
    Brief("Haven", "noise-cancelling headphones", "", "Hear yourself think again", "Thirty hours of battery."),
    Brief("Rootly", "vegetable boxes", "", "Vegetables with a taste", "First box half price."),
    Brief("Kindle & Oak", "wood stoves", "", "Warm evenings without the smoke", "Fitted in a day."),
    Brief("Pocketful", "budgeting app", "", "Know what is left before you spend it", "Free for one account."),
    Brief("Swift", "bike repair", "", "Back on your bike before dinner", "We come to you."),
    Brief("Nestwell", "mattresses", "", "Wake up without a stiff back", "Medium firm. Free delivery."),
    Brief("Tidewater", "swimming lessons", "", "Help your child feel safe in water", "A free trial lesson."),
    Brief("Brightleaf", "tea", "", "An afternoon that slows down", "Loose leaf tea. Free samples with every order."),
    Brief("Glide", "ironing service", "", "Never iron a shirt again", "First five shirts free."),
    Brief("Marlowe", "leather bags", "", "A bag that gets better with years", "Full-grain leather, repaired free for life."),
    Brief("Quill", "handwriting course", "", "Handwriting you are proud of", "Ten minutes a day. 30-day refund."),
    Brief("Pawfect", "dog food", "", "Dinner your dog waits for", "Cooked in small batches. 20% off."),
    Brief("Clearview", "window cleaning", "", "See the sky from your sofa", "Inside and out, frames included. Fixed prices."),
    Brief("Weißdorn", "Hautcreme", "", "Ruhige Haut auch im Winter", "Neun Zutaten. Kostenlose Probe.", "de"),
    Brief("Stillwerk", "Bürotrennwände", "", "Endlich ungestört arbeiten", "Versand gratis ab 50 €.", "de"),
    Brief("Maison Lune", "paniers de légumes", "", "Des légumes qui ont du goût", "Livraison offerte dès 30 €.", "fr"),
    Brief("Ritmo", "clases de baile", "", "Baila sin miedo en la próxima boda", "La primera clase es gratis.", "es"),
    Brief("Dorpsbakker", "brood", "", "Vers brood bij het ontbijt", "Elke ochtend. Eerste week gratis.", "nl"),
)


@pytest.mark.parametrize("brief", ADS, ids=lambda brief: brief.brand)
def test_no_suggested_headline_loses_what_the_old_one_promises(brief: Brief) -> None:
    lines = build_copywriter("template").write(brief, 8, 0, seed=0).headlines
    told = {word.casefold()[:5] for word in WORD.findall(brief.headline) if len(word) > 3} | {
        stem(word) for word in WORD.findall(brief.headline)
    }
    assert lines
    for line in lines:
        words = WORD.findall(line)
        assert told & ({word.casefold()[:5] for word in words} | {stem(word) for word in words}), line


@pytest.mark.parametrize(
    ("line", "is_kept"),
    [
        ("Free delivery and collection of your old bed", False),
        ("Medium firm", False),
        ("Wake up without a stiff back. Free delivery", True),
        ("Want to wake up without a stiff back?", True),
    ],
)
def test_another_ad_in_its_place_keeps_no_promise(line: str, is_kept: bool) -> None:
    brief = next(brief for brief in ADS if brief.brand == "Nestwell")
    assert keeps_promise(line, read_facts(brief)) == is_kept


def test_a_headline_with_an_offer_or_a_proof_may_be_told_otherwise() -> None:
    brief = Brief("Nestwell", "mattresses", "", "20% off this week", "Wake up without a stiff back.")
    assert keeps_promise("Wake up without a stiff back", read_facts(brief))
