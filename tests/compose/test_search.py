"""The search and the set: what is drawn is measured, near-twins stay apart, a brief says what is wrong with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from adcreative.compose.brief import Brief, Messages, messages_of, prepare, read_brief, sort_facts, write_template
from adcreative.compose.feed import FeedRow, brief_of, shared_brief, shorten, with_known_columns
from adcreative.compose.from_ad import find_photograph
from adcreative.compose.measures import design_score, likeness, measure, picture_likeness
from adcreative.compose.recipe import Recipe
from adcreative.compose.render import compose_ad
from adcreative.compose.scene import Words
from adcreative.compose.search import TWIN, Genes, Search, choose, drawn_lines
from adcreative.compose.shapes import SHAPES
from adcreative.creative import Creative
from adcreative.errors import ConfigError, CreativeError
from adcreative.features.lettering import DrawnLines

MESSAGES = Messages(
    headline=("Melons picked this morning", "Taste July again"),
    subline="From farms within 40 km.",
    offer="First box 30% off",
    proof=("Rated 4.8 by 2,310 families", "Free delivery over €25"),
    button="Order a box",
)


def brief_with_photo(folder: Path) -> Brief:
    image = Image.new("RGB", (400, 300), "white")
    ImageDraw.Draw(image).ellipse((120, 60, 280, 220), fill="#d2691e")
    image.save(folder / "photo.png")
    (folder / "brief.toml").write_text(
        '[brand]\nname = "Orchard"\n[[photos]]\nfile = "photo.png"\n[messages]\nheadline = ["Melons picked this morning", '
        '"Taste July again"]\nfacts = ["First box 30% off", "€19", "Rated 4.8 by 2,310 families"]\nbutton = "Order a box"\n'
    )
    return read_brief(folder)


def test_a_search_gives_a_set_of_concepts_without_near_twins(tmp_path: Path) -> None:
    prepared = prepare(brief_with_photo(tmp_path), segment=None, find_faces=None)
    assert prepared.messages["offer"] == ("First box 30% off",)
    search = Search(
        parts=prepared.parts,
        messages=prepared.messages,
        shape=SHAPES["300x250"],
        population=20,
        generations=0,
    )
    found = search.run(seed=1)
    chosen = choose(found, 6)
    assert len(chosen) == 6
    assert chosen[0] is found[0]
    assert len({one.concept for one in chosen}) == 6
    assert all(likeness(a.measures, b.measures) < TWIN for a, b in combinations(chosen, 2))
    assert len({one.measures.family for one in chosen}) >= 4
    same = [replace(one, measures=replace(one.measures, lead="headline", family="split")) for one in found]
    same = [replace(one, recipe=replace(one.recipe, layout="split")) if place % 3 else one for place, one in enumerate(same)]
    assert len({one.recipe.layout for one in choose(same, 4)}) == 4, "without new concepts, new layouts come before new looks"
    only = choose(found, 6, lambda one: one.recipe.layout == chosen[0].recipe.layout)
    assert {one.recipe.layout for one in only} == {chosen[0].recipe.layout}

    def prefer_offers(creatives: Sequence[Creative], lines: Sequence[DrawnLines] | None = None) -> np.ndarray:
        assert [len(one.boxes_px) > 0 for one in lines or ()] == [True] * len(creatives)
        return np.array([1.0 if "30%" in f"{one.headline} {one.description}" else 0.0 for one in creatives])

    small = replace(search, score=prefer_offers, population=6, generations=1)
    scored = small.run(seed=1)
    assert [one.recipe for one in scored] == [one.recipe for one in small.run(seed=1)]
    assert scored[0].predicted == 1.0
    assert scored[0].recipe.texts.get("offer") == "First box 30% off"
    long = {"headline": ("A line that nobody reads " * 8,)}
    assert not replace(search, messages=long, population=2).run(seed=1)  # what the layouter refuses is no ad


def test_the_lines_of_a_composed_ad_lie_where_its_letters_are_drawn(tmp_path: Path) -> None:
    prepared = prepare(brief_with_photo(tmp_path), segment=None, find_faces=None)
    texts = {"headline": "Melons picked this morning", "offer": "First box 30% off", "button": "Order a box"}
    composed = compose_ad(Recipe("type_only", texts, None), prepared.parts, SHAPES["1:1"])
    bare = np.asarray(composed.scene.draw(lambda item: not isinstance(item, Words))).astype(int)
    letters = np.abs(np.asarray(composed.image).astype(int) - bare).max(axis=2) > 60
    for longest_px in (1080, 540):
        lines = drawn_lines(composed, longest_px)
        covered = np.zeros_like(letters)
        for x0, y0, x1, y1 in lines.boxes_px * 1080 / longest_px:
            covered[max(0, int(y0)) : int(y1) + 1, max(0, int(x0)) : int(x1) + 1] = True
        assert (letters & covered).sum() > 0.97 * letters.sum()
        assert covered.sum() < 6 * letters.sum()
    assert len(lines.inks or ()) == len(lines.boxes_px)


def test_an_ad_is_measured_on_its_pixels(tmp_path: Path) -> None:
    parts = prepare(brief_with_photo(tmp_path), segment=None, find_faces=None).parts
    texts = {"headline": "Taste July again", "button": "Order a box", "proof": "One\nTwo"}
    recipe = Recipe(layout="split", texts=texts)
    full = measure(recipe, compose_ad(recipe, parts, SHAPES["1:1"]))
    other = replace(recipe, texts={**texts, "headline": "x"}, layout="type_only", photo=None, palette=2)
    bare = measure(other, compose_ad(other, parts, SHAPES["1:1"]))
    assert full.num_facts == 2
    assert full.button_contrast > 2
    assert 0.03 < full.lead_size < 0.3
    assert picture_likeness(full.grid, full.grid) == 1.0
    assert picture_likeness(full.grid, bare.grid) < 0.6
    assert 0 < design_score(bare) < design_score(full) <= 1


def test_a_brief_says_all_that_is_wrong_with_it(tmp_path: Path) -> None:
    path = write_template(tmp_path / "new")
    with pytest.raises(ConfigError, match=r'"messages.headline" is empty; write .* no file "photo.jpg"'):
        read_brief(path)
    with pytest.raises(ConfigError, match="is there already; fill it in"):
        write_template(tmp_path / "new")
    path.write_text('[brand]\ncolors = ["#0a6"]\n[messages]\nheadline = 7\n')
    with pytest.raises(ConfigError, match=r'(?s)colors.*Did you mean "colours".*"messages.headline" must be text'):
        read_brief(path)
    path.write_text('[brand]\ncolours = ["reddish"]\n[messages]\nheadline = "Hi there"\n')
    with pytest.raises(ConfigError, match=r'"brand.colours": "reddish" is no colour'):
        read_brief(path)


def test_facts_find_their_roles() -> None:
    facts = ("€19", "20 % off until Sunday", "Free returns", "Rated 4.8 by 2,310 buyers", "19,90 €")
    assert sort_facts(facts) == {
        "price": ["€19", "19,90 €"],
        "offer": ["20 % off until Sunday", "Free returns"],
        "proof": ["Rated 4.8 by 2,310 buyers"],
    }
    messages, notes = messages_of(Brief(messages=Messages(facts=("Rated 4.8 by 2,310 buyers",))))
    assert messages == {"headline": ("Rated 4.8 by 2,310 buyers",)}
    assert "headline from the facts: Rated 4.8 by 2,310 buyers." in notes
    messages, notes = messages_of(Brief(messages=Messages(facts=("Free returns",))))
    assert 'headline: "Free returns", the first offer.' in notes


def test_lines_too_long_for_an_ad_are_left_out_by_name_but_no_small_print() -> None:
    said = Messages(headline="Dry feet", offer="20 % off", proof=("Resoled", "x" * 111), legal="y" * 321)
    messages, notes = messages_of(Brief(messages=said))
    assert messages["proof"] == ("Resoled",)
    assert "left out: proof of more than 110 characters." in notes
    assert len(messages["legal"][0]) == 321


def test_controls_and_forced_directions_leave_the_words() -> None:
    assert Recipe("split", {"headline": "Dry\u202e feet\x00 all\u200b day"}).texts == {"headline": "Dry feet all\u200b day"}


def test_rows_of_a_feed_become_briefs(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"")
    rows = with_known_columns(
        iter(
            [
                {
                    "g:id": "A 1",
                    "Title": "Trail shoe, waterproof, men's, black and grey, sizes 40 to 47, new",
                    "Price": "129.00 EUR",
                    "sale price": "99.50 EUR",
                    "Image": "a.jpg",
                    "facts": "Free returns; 2 years",
                    "description": "It holds. Long.",
                },
                {"title": "Shoe", "image_link": "https://shop/a.jpg"},
                {"title": "Shoe"},
                {"image": "a.jpg"},
            ]
        )
    )
    first, *broken = rows
    brief = brief_of(first, tmp_path, shared_brief())
    assert first.name == "0001-a-1"
    assert (brief.messages.headline, brief.messages.price, brief.messages.old_price) == ("Trail shoe", "99.50 €", "129 €")
    assert (brief.messages.facts, brief.messages.subline) == (("Free returns", "2 years"), "It holds.")
    for row, message in zip(broken, ("is an address; nothing is fetched", "names no picture", "has no title"), strict=True):
        with pytest.raises(CreativeError, match=message):
            brief_of(row, tmp_path, shared_brief())
    assert shorten("abcd " * 40, 20) == "abcd abcd abcd abcd"
    assert shorten("Reb'l Fleur Eau De Parfum Spray For Women 3.4 Oz", 40) == "Reb'l Fleur Eau De Parfum Spray"
    assert FeedRow(2, {}).name == "0002-row"


def test_the_photograph_of_an_ad_is_its_largest_part_without_words() -> None:
    ad_u8 = np.full((600, 600, 3), 240, np.uint8)
    ad_u8[250:, :] = np.random.default_rng(1).integers(0, 255, (350, 600, 3))
    found = find_photograph(ad_u8, [(40, 40, 500, 120), (30, 540, 200, 580)])
    assert found is not None
    x0, y0, x1, y1 = found
    assert (x0, x1) == (0, 600)
    assert 200 <= y0 <= 260
    assert 500 <= y1 <= 540
    assert find_photograph(np.full((600, 600, 3), 240, np.uint8), []) is None


def test_a_photo_shows_what_the_headline_names_and_every_ad_shows_one(tmp_path: Path) -> None:
    brief = brief_with_photo(tmp_path)
    photo = brief.photos[0]
    prepared = prepare(
        replace(brief, photos=(replace(photo, shows="a pear"), replace(photo, shows="a ripe melon"))),
        segment=None,
        find_faces=None,
    )
    genes = Genes(prepared.parts, prepared.messages, SHAPES["1:1"])
    recipes = [genes.decode(one) for one in genes.sample(60, np.random.default_rng(0))]
    melons = {one.photo for one in recipes if one.texts.get("headline", "").startswith("Melons") and one.photo is not None}
    assert melons == {1}
    assert {one.photo for one in recipes if "Taste" in one.texts.get("headline", "")} >= {0, 1}
    found = Search(parts=prepared.parts, messages=prepared.messages, shape=SHAPES["300x250"], population=30, generations=0).run(
        seed=2
    )
    assert all(one.measures.thing_share for one in choose(found, 6))


def test_an_offer_that_the_headline_says_is_not_said_again(tmp_path: Path) -> None:
    prepared = prepare(brief_with_photo(tmp_path), segment=None, find_faces=None)
    messages = {"headline": ("Your first box, 30% off!",), "offer": ("First box 30% off",)}
    genes = Genes(prepared.parts, messages, SHAPES["1:1"])
    recipes = [genes.decode(one) for one in genes.sample(40, np.random.default_rng(0))]
    assert all("offer" not in one.texts or one.emphasis == "offer" for one in recipes)
