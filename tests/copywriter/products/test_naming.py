"""Titles of feeds become names; what else they say is kept where it can be said."""

from __future__ import annotations

import pytest

from adcreative.copywriter.engines.ad_phrases import with_article
from adcreative.copywriter.products.naming import read_title
from adcreative.copywriter.products.title_words import sentence_case

TITLES = (
    ("1pc Foldable Mini Umbrella, Portable Pocket Umbrella With UV Coating, For School,Office,Travel", "Rainly", "Umbrellas",
     "foldable mini umbrella"),
    ("Hema Hema Decorative Linen Throw Pillow Covers, Pack Of 4 Rustic Covers For Sofa, 18x18 Inch", "Hema", "Cushion Cover",
     "decorative linen throw pillow covers"),
    ("Rooma 20 In. Pro Wall Brush", "Rooma", "Swimming Pools", "Pro Wall Brush"),
    ("Craft Style 3000pcs Pink Polymer Clay Bracelet / Bangle DIY Making Kit", "Craftly", "Bracelet Making Kits",
     "clay bracelet DIY making kit"),
    ("Nordi Women's Handbag WHITE H009L01SP21140-2", "Nordi", "Top Handle Bags", "Women's Handbag"),
    ("CX 700 HD Shoes", "Adira", "Shoes", "CX 700 HD Shoes"),
    ("Stuhl aus Eiche mit Armlehne, Höhe 80 cm, massiv", "Holz & Co", "Stühle", "Stuhl aus Eiche mit Armlehne"),
    ("desk lamp", "Pell", "", "desk lamp"),
    ("Kanta Magnifier- LCD- Adjustable Mag. Level- Fits 15in.- Steel", "Rooma", "Archery Sights & Optics", "Kanta Magnifier"),
    ("21152 Exhaust Header Reducer - 3 To 2.5 In.", "Rooma", "Car Replacement Parts", "exhaust header reducer"),
    ("32 PCS Pink Balls Cake Decoration Leaves Cake Decoration Boho Cake Decoration For Wedding", "Feely", "Cake Toppers",
     "cake decoration"),
    ("1 Roll 1.18in X 32.8ft Foil Tape, Tape For Kitchen Stoves,Caulk Strip", "Feely", "Kitchen Tools", "foil tape"),
    ("3pcs Gothic Halloween Themed Bat, Pumpkin, Skeleton Head Large Hair Clips, Chic", "Feely", "Hair Claws",
     "skeleton head large hair clips"),
    ("3pcs Gothic Bat, Hair Clips Holder Tray, Pumpkin, Skeleton Head Large Hair Clips, Chic", "Feely", "Hair Claws",
     "skeleton head large hair clips"),
    ("KEN - Mid Rise Bar - 72cm", "Velo", "Bicycle Handlebars", "KEN Mid Rise Bar"),
    ("Swim hut", "Poppers", "Earrings", "swim hut earrings"),
    ("SMD0590-I-30/8HP LED Tube With Starter", "", "Tubes", "LED tube"),
    ("Bladed flatliner (weighted)", "Pell", "Fishing Spoons", "Bladed flatliner"),
    ("Hilltop Firm Ground Cleats", "Pell", "Shoes", "Hilltop Firm Ground Cleats"),
    ("Under Armour Cold Mock Shirt", "Under Armour Apparel", "Shirts", "Cold Mock Shirt"),
    ("mushie Flatware Fork and Spoon Set for Kids | Made in Denmark", "mushie", "Flatware Sets", "flatware fork and spoon set"),
    ("RIKE DRESS", "The Label", "Swimwear", "Rike Dress"),
    ("DailyObjects Back Cover for Apple iPad 2, 3, 4", "", "Cases & Covers", "DailyObjects Back Cover for Apple iPad 2, 3, 4"),
    ("2D Flat, 1pc Silent Wall Clock, Decor For Living Room, 2D Flat", "", "", "silent wall clock"),
    ("In The Swim Chlorine Neutralizer for Pools - Quickly Reduces Chlorine Levels", "In The Swim", "Chlorine",
     "chlorine neutralizer"),
    ("Kooler One Handed Programmable Mechanical Keyboard with OEM Switch,All 48 Keys", "Kooler", "Gaming Keyboards",
     "one handed programmable mechanical keyboard"),
    ("New Zealand Lamb Rack (Marinated)With Rosemary", "Tong", "", "New Zealand Lamb Rack"),
    ("(Black Pepper) NZ Lamb Shoulder", "Preston", "Lamb", "NZ Lamb Shoulder"),
    ("🇳🇿NZ Prime Steer Tenderloin", "Preston", "Beef", "NZ Prime Steer Tenderloin"),
    ("SERUM VITAMIN C 20%", "Glowlab", "Skin Care", "Serum Vitamin C 20%"),
    ("1PC Silk Roses Vine Artificial Flowers Fake Green Leaf Plants Bride Bouquet", "Feely", "Artificial Flowers",
     "artificial flowers"),
    ("Own Brand - Solina Microfibre Duvet Cover, 200x200 cm + 2 Pillowcases, Grey", "Solina", "BEDDING",
     "microfibre duvet cover"),
    ("Cafetière italienne 6 tasses en inox compatible induction", "Moka", "Cafetières",
     "Cafetière italienne 6 tasses en inox compatible induction"),
    ("For Galaxy S24 Case, Heavy Duty, Shockproof, Slim, With Stand And A Ring", "Capsy", "Phone Case", "galaxy S24 case"),
)  # fmt: skip


@pytest.mark.parametrize(("title", "brand", "category", "name"), TITLES)
def test_a_title_becomes_a_name_of_a_few_words(title: str, brand: str, category: str, name: str) -> None:
    found = read_title(title, brand, category, "white", is_english="Stuhl" not in title and "tasses" not in title).name
    assert found == name
    assert len(found.split()) <= 9


def test_what_a_title_has_and_is_for_is_kept_in_words_that_are_known() -> None:
    title = "Pocket Umbrella With UV Coating, Automatic Umbrella For School,Office,Household,Travel"
    found = read_title(title, "", "Umbrellas", "", is_english=True)
    assert found.has == ("UV coating",)
    assert found.uses == ("school", "office", "household", "travel")
    assert read_title("Big Bag With Big Bag Charms, For Xyzzy, Red Black Blue", "", "Bags", "", is_english=True).has == ()
    assert read_title("Big Bag With Big Bag Charms, For Xyzzy, Red Black Blue", "", "Bags", "", is_english=True).uses == ()


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("Oak Solid Round Wide Tall Stool", "Oak Solid Round Wide Tall Stool"),
        ("Plain Oak Solid Round Wide Tall Stool", "Plain Oak Solid Round Wide Tall Stool"),
        ("Very Plain Pale Oak Oak Solid Round Wide Tall Stool", "solid round wide tall stool"),
    ],
)
def test_a_short_title_stays_and_of_a_long_one_the_last_words(title: str, name: str) -> None:
    assert read_title(title, "", "Stools", "", is_english=True).name == name


def test_common_words_are_lowered_and_names_stay() -> None:
    assert sentence_case("Dark Green PU Leather") == "dark green PU leather"
    assert sentence_case("Terrex Running Shoes") == "Terrex running shoes"
    assert sentence_case("Pongee", keep_names=False) == "pongee"
    assert sentence_case("Bluetooth 5.3", keep_names=False) == "Bluetooth 5.3"


@pytest.mark.parametrize(
    ("phrase", "said"),
    [("LED lamp", "an LED lamp"), ("UV coating", "a UV coating"), ("US plug", "a US plug"), ("hour glass", "an hour glass"),
     ("useful box", "a useful box"), ("ten mats", "ten mats"), ("oak desk", "an oak desk")],
)  # fmt: skip
def test_articles_go_by_sound(phrase: str, said: str) -> None:
    assert with_article(phrase) == said


def test_a_list_of_what_a_thing_is_for_is_a_part_of_its_name() -> None:
    for title in ("Grout, Tile & Stone Cleaner (Spray & Wipe)", "Grout, Tile & Stone Cleaner"):
        assert read_title(title, "Pell", "", "", is_english=True).name == "Grout, Tile & Stone Cleaner"


def test_a_name_in_capitals_before_a_dash_is_written_like_a_name() -> None:
    assert read_title("HENTY SNAPBACK - Black", "Pell", "", "Black", is_english=True).name == "Henty Snapback"


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("Maharaja Grand Serving Dome — Solid Brass · PELL", "Maharaja Grand Serving Dome"),
        ("North Mill – Wallet", "North Mill Wallet"),
        ("Quiet Rivers - Black Hoodie", "Quiet Rivers Hoodie"),
        ("Slip-On Line Carbon – Orion MT-09 (2022)", "Slip-On Line Carbon – Orion MT-09 (2022)"),
        ("Vintage 501 Zip Your Coat Graphic Cotton T-Shirt", "Graphic Cotton T-Shirt"),
        ("Yellow Go-Kart Brick Instructions – Mini Go-Kart Display Build (PDF)", "Yellow Go-Kart Brick Instructions"),
    ],
)
def test_a_few_words_like_these_before_a_dash_are_the_name(title: str, name: str) -> None:
    assert read_title(title, "Pell", "", "", is_english=True).name == name


def test_a_category_in_another_language_is_no_name() -> None:
    title = "Pell B6 quattro 8V/8V.2 (non-gpf equipped models only) 2013-2018\nUkład wydechowy dla B6 null null"
    assert "Elementy" not in read_title(title, "Pell", "Elementy układu wydechowego", "", is_english=True).name
