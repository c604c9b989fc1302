"""Each lint rule with planted lines: what must be refused, why, and what must pass."""

from __future__ import annotations

from dataclasses import replace

import pytest
import yaml

from adcreative.copywriter import Brief, check_copy
from adcreative.copywriter.brief import read_facts
from adcreative.copywriter.lint.checks import is_near_duplicate, length_limit
from adcreative.copywriter.rules import PACKS, compiled, rule_pack
from adcreative.creative import Creative
from adcreative.encoders.language import english_words
from adcreative.verbs.check import check_words

GOOD_HEADLINES = (
    "Grip that loves mud",
    "Made for muddy hills",
    "Find your next muddy hill",
    "Looking for a grippy sole?",
    "How to enjoy a full day of running",
    "When the rain comes, keep running",
    "Shoes for the wet side of the hill",
    "Fellrunner, made for the wet trail",
)

REFUSED = (
    ("Trail Shoes For Wet Rock", "repeats the original"),
    ("Trail shoes for the wet rocks", "repeats the original"),
    ("", "is empty"),
    ("Run", "has 1 word;"),
    ("Run the muddy hills and the wet rock trails with your light mesh upper today", "characters; 60 are allowed"),
    ("GRIP the mud", "in capitals"),
    ("Grip the mud 🏔", "has an emoji"),
    ('"Grip the mud', "unbalanced quotes"),
    ('"Grip the mud"', "wrapped in quotes"),
    ("Grip the (muddy hill", "unbalanced quotes or brackets"),
    ("**Grip the mud**", "contains markup"),
    ("Grip <b>mud</b>", "contains markup"),
    ("Grip mud at www.fell.example", "contains an address"),
    ("Grip mud with @fellrunner", "contains a handle"),
    ("Grip the mud!!", "doubled or stray punctuation"),
    ("Grip the mud...", "doubled or stray punctuation"),
    ("Grip the mud and", "ends in the middle"),
    ("Grip the mud with your", "ends in the middle"),
    ("Grip the mud,", "ends in the middle"),
    (", grip the mud", "starts in the middle"),
    ("grip the mud", "small letter"),
    ("Here is a headline: grip mud", "leaks the task"),
    ("Headline: grip the mud", "leaks the task"),
    ("Sure, grip the mud", "leaks the task"),
    ("As an AI, grip the mud", "leaks the task"),
    ("The best grip on mud", "superlative"),
    ("The softest way to run", "superlative"),
    ("The most grip on mud", "superlative"),
    ("The world's favorite trail", "superlative"),
    ("Grip is guaranteed", "guarantee or absolute"),
    ("Never slip on a hill", "guarantee or absolute"),
    ("Better than your old shoes", "guarantee or absolute"),
    ("Run free this week", "price or offer"),
    ("Save on running shoes", "price or offer"),
    ("Last chance to run", "price or offer"),
    ("Run for a good life", "life-changing"),
    ("Shoes that relieve pain", "health"),
    ("Sustainable grip for mud", "sustainability or origin"),
    ("Waterproof on every hill", "product property"),
    ("Run now with fast delivery", "delivery or service"),
    ("Run 20 hills a day", "number 20"),
    ("Run seven hills a day", "number 'seven'"),
    ("Run 240 hills", "number 240"),
    ("Are you overweight?", "personal attribute"),
    ("Running shoes for your double chin", "personal attribute"),
    ("Meet other single runners", "personal attribute"),
    ("Your feet before and after", "before/after"),
    ("Lose weight on the hill", "before/after"),
    ("Run from your enemies", "unpleasant word"),
    ("Grip the damn mud", "unpleasant word"),
    ("My shoes grip the mud", "somebody else"),
    ("He runs in the mud", "somebody else"),
    ("Felrunner grips the mud", "misspells the brand"),
    ("Fellruner grips the mud", "misspells the brand"),
    ("FellRunner grips the mud", "writes the brand as"),
    ("Grip like Benetton", "unknown word or name"),
    ("Grip the mud in London", "unknown word or name"),
    ("Grip the blorptastic mud", "unknown word or name"),
    ("Grip the the mud", "repeats a word"),
    ("Mud for those who love mud", "one word twice"),
    ("When the rain is coming down", "half a sentence"),
    ("Tired of running in mud", "half a sentence"),
    ("What is your next hill", "without its question mark"),
    ("A easy day on the hill", "wrong article"),
    ("An muddy day on the hill", "wrong article"),
    ("Grip for a shoes", "plural after a singular article"),
    ("Run with the Mountain today", "stray capital"),
    ("A pair of legs and a new shoes to wear", "plural after a singular article"),
    ("Looking for a new running shoes?", "plural after a singular article"),
    ("Shoes that makes you run", "plural with a singular verb"),
    ("Trails for a day with the Fellrunner", "brand with an article"),
    ("The hill is too muddy", "too much of something"),
    ("A shoe that makes your feet feel", "ends in the middle"),
    ("Gripppppp the mud", "repeats one character"),
    ("Grip the m\ufffdd", "broken characters"),
    ("Grip the\nmud", "one clean line"),
    ("Mud and hills, ready to do it", "do it"),
    ("This one is made for mud", "has not named"),
    ("Ready for a hill? Go find one", "has not named"),
    ("Fellrunner helps you find your way", "help with nothing"),
    ("Grip that helps you with your hill", "help with nothing"),
    ("See how grip helps you in your day", "help with nothing"),
    ("Made for mud and wear it on the hill", "joins a thing and an order"),
    ("Start with mud and it's a hill", "has not named"),
    ("Take your mud where it will go", "has not named"),
    ("Mud is your foot's happy", "ends in the middle"),
    ("How to start a hill", "starts what the brief does not"),
    ("Your feet are a little hill", "calls one thing another"),
    ("Mud that will take care of you", "care that the brief does not"),
    ("What if your shoes could walk?", "opens like any ad"),
    ("A mile you won't forget", "nothing that the ad says"),
    ("Run the hill in a minute", "time it takes"),
    ("Run in the mud for a week", "time it takes"),
)


@pytest.mark.parametrize("line", GOOD_HEADLINES)
def test_a_line_that_a_marketer_would_run_passes(line: str, shoe_brief: Brief) -> None:
    assert check_copy(line, shoe_brief, "headline") == ()


@pytest.mark.parametrize(("line", "reason"), REFUSED)
def test_a_planted_fault_is_named(line: str, reason: str, shoe_brief: Brief) -> None:
    assert reason in "; ".join(check_copy(line, shoe_brief, "headline"))


def test_help_and_times_of_the_brief_may_be_said() -> None:
    brief = Brief("Medily", "app", description="Helps you find a doctor nearby. Booked in a minute, notes kept for a year.")
    for line in ("Medily helps you find a doctor.", "A doctor nearby, booked in a minute."):
        assert check_copy(line, brief, "description") == ()
    assert "time it takes" in "; ".join(check_copy("A doctor in a minute, the Medily way.", brief, "description"))


def test_what_the_brief_says_may_be_said() -> None:
    brief = Brief(
        "Roamly",
        "train trips",
        "",
        "Friday night to anywhere 🚆",
        "Free changes for 2 days. Award-winning, best seats. BBQ on board.",
    )
    for line in (
        "Free changes on your trip",
        "Award-winning seats for the weekend",
        "Best seats on the train 🚆",
        "BBQ on the train",
    ):
        assert check_copy(line, brief, "headline") == (), line


def test_a_claim_of_the_brief_may_not_move_to_something_else() -> None:
    brief = Brief("Roamly", "train trips", "", "Anywhere by train", "Bundles for two, with free changes. Grain-free snacks.")
    assert check_copy("Enjoy free changes on each trip", brief, "headline") == ()
    assert any("free" in problem for problem in check_copy("A free train for your week", brief, "headline"))
    assert any("two" in problem for problem in check_copy("Two weeks by train", brief, "headline"))
    assert check_copy("Grain-free snacks on your trip", brief, "headline") == ()


def test_a_line_may_not_turn_the_brief_around() -> None:
    brief = Brief("Sol", "sunscreen", "", "Sun care without the white cast", "No perfume, no rush.")
    for line in ("Sunscreen with the white cast", "Sunscreen with a perfume"):
        assert any("turns the brief around" in problem for problem in check_copy(line, brief, "headline")), line
    assert any("does without the product" in p for p in check_copy("A day out without sunscreen", brief, "headline"))
    for line in ("Sunny days without a white cast", "Sunscreen with no perfume", "Skip the rush and meet Sol"):
        assert check_copy(line, brief, "headline") == (), line


@pytest.mark.parametrize(
    "line",
    [
        "Are you short?",
        "Jackets for short people",
        "Because you are short and proud",
        "Feeling old lately?",
        "Short? We fit you",
        "Dating for black singles like you",
        "You're still single",
        "Meet other single runners",
        "Shoes for old men",
        "Are you too thin?",
        "For white women",
    ],
)
def test_words_of_body_age_and_origin_are_refused_where_they_are_said_of_people(line: str) -> None:
    assert any("personal attribute" in problem for problem in check_copy(line, Brief(product="shoes"), "headline"))


@pytest.mark.parametrize(
    "line",
    [
        "Short sessions for your busy day",
        "A short film you will love",
        "Take your short break here",
        "Are you short on time?",
        "Your black shoes for the hill",
        "Better grip than your old shoes",
        "Go straight to your trail",
        "Thin soles for your feet",
        "Every single step of your day",
        "White soles for you",
        "Your old jacket looks new",
        "Feel short breaks work",
    ],
)
def test_the_same_words_of_things_are_no_personal_attribute(line: str) -> None:
    assert not [problem for problem in check_copy(line, Brief(product="shoes"), "headline") if "personal" in problem]


def test_a_personal_attribute_is_refused_even_when_the_brief_has_it() -> None:
    brief = Brief("Slimly", "meal plan", "", "For overweight people", "A plan for overweight people.")
    assert any("personal attribute" in problem for problem in check_copy("Are you overweight?", brief, "headline"))


def test_descriptions_have_their_own_rules(shoe_brief: Brief) -> None:
    assert check_copy("A light mesh upper of 240 grams for the hills you love to run.", shoe_brief, "description") == ()
    assert any("full stop" in p for p in check_copy("A light mesh upper for the long hills you run", shoe_brief, "description"))
    assert any("at least 4" in problem for problem in check_copy("Run the hill.", shoe_brief, "description"))


def test_limits_follow_platform_and_placement() -> None:
    line = "Made for muddy hills and long runs"
    assert length_limit(Brief(platform="Google RDA"), "headline") == 30
    assert length_limit(Brief(platform="Performance Max"), "description") == 90
    assert length_limit(Brief(placement="instagram story"), "headline") == 40
    assert length_limit(Brief(platform="research"), "headline") == 60  # "research" is not "search"
    assert check_copy(line, Brief("A", platform="meta"), "headline") == ()
    assert any("30 are allowed" in problem for problem in check_copy(line, Brief("A", platform="google"), "headline"))


def test_a_brand_that_looks_plural_is_one_brand() -> None:
    brief = Brief("Bright Paws", "dog food", "", "Dinner is ready", "")
    assert check_copy("Bright Paws brings dinner to your dog", brief, "headline") == ()


def test_words_to_avoid_are_refused(shoe_brief: Brief) -> None:
    brief = replace(shoe_brief, avoid=("mud", "  "))
    assert any("the brand avoids" in problem for problem in check_copy("Grip that loves Mud", brief, "headline"))
    assert check_copy("Made for muddy hills", brief, "headline") == ()


@pytest.mark.parametrize(
    ("brief", "line"),
    [
        (
            Brief("Löwenzahn", "Wolldecke", "", "Weiche Wolle für die Kleinsten", "Waschbar bei 30 Grad."),
            "Sanfte Wolle bei 30 Grad",
        ),
        (Brief("雪音", "緑茶", "", "朝の一杯", "香り高い緑茶。"), "朝に、香り高い緑茶"),
        (Brief("نور", "شاي", "", "صباح هادئ", "شاي أخضر فاخر."), "شاي أخضر لصباح هادئ"),
    ],
)
def test_other_languages_are_held_to_marks_lengths_and_numbers_only(brief: Brief, line: str) -> None:
    assert check_copy(line, brief, "headline") == ()
    assert any("number 99" in problem for problem in check_copy(line + " 99", brief, "headline"))
    assert any("markup" in problem for problem in check_copy(line + " **", brief, "headline"))


def test_near_duplicates() -> None:
    assert is_near_duplicate("Grip the mud!", ["grip the mud"])
    assert is_near_duplicate("Running shoes for muddy hills", ["Run shoes for a muddy hill"])
    assert not is_near_duplicate("Grip the mud", ["Enjoy the rain", ""])


def test_an_unknown_kind_is_refused(shoe_brief: Brief) -> None:
    with pytest.raises(ValueError, match='kind must be "headline" or "description", got \'slogan\''):
        check_copy("Grip the mud", shoe_brief, "slogan")


def test_every_rule_pack_is_dated_and_compiles() -> None:
    for name in PACKS:
        pack = rule_pack(name)
        assert pack["checked_on"].isoformat() >= "2026-01-01", name
        assert "source" in yaml.safe_dump(pack) or name == "language", name
        for text in _strings_under(pack, "pattern"):
            compiled(text)
    assert "mud" in english_words()
    assert "london" not in english_words()


def test_every_rule_says_where_it_is_from() -> None:
    packs = [rule_pack(name) for name in PACKS]
    rules = [*packs, *rule_pack("claims")["groups"], *rule_pack("limits")["platforms"].values()]
    rules += [rule for rule in rule_pack("people").values() if isinstance(rule, dict)]
    for rule in rules:
        said = str(rule.get("source", "house"))
        addresses = rule.get("url", [])
        is_house = "house" in said or "written for this project" in said
        assert is_house or addresses, rule.get("name", said)
        for address in [addresses] if isinstance(addresses, str) else addresses:
            assert address.startswith("https://"), address


def test_an_article_stands_before_what_can_be_counted() -> None:
    brief = Brief("Honeyleaf", "skin care", "", "Care for dry hands", "")
    assert any("is not counted (care)" in problem for problem in check_copy("How about a skin care?", brief, "headline"))
    for line in ("Ready for a skin care routine?", "Time for a little skin care"):
        assert not any("is not counted" in problem for problem in check_copy(line, brief, "headline")), line


def test_measures_of_a_brief_stay_whole() -> None:
    brief = Brief("Pell", "phone case", "", "Slim case", "A case 2.4 mm thin. Soft to hold.Easy to wipe.")
    assert "2.4" in read_facts(brief).numbers
    assert read_facts(brief).description == brief.description


def _strings_under(value: object, key: str) -> list[str]:
    if isinstance(value, dict):
        found = [text for name, item in value.items() if name.startswith(key) for text in _texts(item)]
        return found + [text for item in value.values() for text in _strings_under(item, key)]
    return [text for item in value for text in _strings_under(item, key)] if isinstance(value, list) else []


def _texts(value: object) -> list[str]:
    if isinstance(value, str):
        return [value]
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


@pytest.mark.parametrize(
    ("headline", "problems"),
    [
        ("Find jeans you will never do without", ()),
        ("2 creams for $30, and now a best price", ()),
        ("Your data stays yours and leaves when you do", ("has 44 characters; 40 are allowed",)),
        ("Are you overweight? Lose it now", ("speaks about a personal attribute ('overweight')",)),
        ("Buy it now!!", ("has doubled or stray punctuation",)),
        ("Sale 🎉", ()),
    ],
)
def test_an_advertisers_own_words_are_asked_only_what_a_platform_may_refuse(headline: str, problems: tuple[str, ...]) -> None:
    """Claims, numbers and grammar are judged in new lines: the words of an ad that runs are their own source."""
    ad = Creative(headline=headline, description="Try it at home and send back what you do not love.", platform="meta")
    found = check_words(ad)
    assert found["headline"] == problems
    assert found["description"] == ()


def test_a_line_of_ones_own_is_asked_what_it_claims_and_not_how_it_is_written() -> None:
    ad = Creative(headline="Wool blankets for winter", description="Woven in Leeds.", category="blankets")

    def check(headline: str, description: str) -> dict[str, tuple[str, ...]]:
        return check_words(replace(ad, headline=headline, description=description), original=ad)

    assert check("Find your next adventure", "Warm all night") == {"headline": (), "description": ()}
    found = check("Blankets, now 40 % off!!", "The best blankets in the world")
    assert found["headline"][:1] == ("has doubled or stray punctuation",)
    assert "has the number 40, which neither your ad nor your notes say" in found["headline"]
    assert any(one.startswith("claims") for one in found["description"])
    german = Creative(headline="Frisch geröstet, morgen bei Ihnen", description="250 g Espresso. Röstung jeden Freitag.")
    own = replace(german, description="250 g ganze Bohnen. Samstag bei Ihnen.")
    assert check_words(own, original=german)["description"] == ()


def test_a_short_line_of_an_ad_that_runs_passes_and_one_that_our_writer_made_does_not() -> None:
    assert check_words(Creative(headline="Wool blankets", description="Made in Leeds"))["description"] == ()
    brief = Brief("", "blankets", "", "Wool blankets", "Made in Leeds. Woven from wool.")
    assert "has 3 words; at least 4 are needed" in check_copy("Woven in Leeds", brief, "description")


def test_a_reversal_names_the_word_as_it_is_written() -> None:
    brief = Brief(product="wool blankets", headline="Blankets for winter")
    assert "does without the product ('blankets')" in check_copy("Stay warm without blankets tonight", brief, "headline")


def test_the_brand_may_share_a_word_with_what_it_sells_and_be_written_as_the_ad_writes_it() -> None:
    pots = Brief("The Pot Shack", "pots", "", "Trough Plant Pot", "Cast in one piece.")
    assert check_copy("The Pot Shack: trough plant pot", pots, "headline") == ()
    assert "uses one word twice" in check_copy("A plant pot is a pot", pots, "headline")
    dolls = Brief("BARBIE", "dolls", "", "Barbie doll house", "Unfolds to reveal two stories.")
    assert check_copy("The Barbie doll house unfolds to reveal two stories", dolls, "headline") == ()
    assert any("writes the brand" in one for one in check_copy("A BaRbie doll house", dolls, "headline"))


def test_a_word_that_the_ad_says_without_its_without_turns_nothing_around() -> None:
    water = Brief(
        "Lumivara Skin", "cleansers", "", "Micellar water", "Removes oil without stripping the skin. Ideal for oily skin."
    )
    assert check_copy("Micellar water. Ideal for oily skin", water, "headline") == ()
    dry = replace(water, brand="Lumivara", description="Removes oil without stripping the skin.")
    assert any("turns the brief around" in one for one in check_copy("Micellar water for stripping skin", dry, "headline"))


def test_capitals_beside_letters_without_capitals_are_not_shouted() -> None:
    server = Brief("景安", "服务器托管", "", "独享服务器托管", "首月免费。")
    assert not check_copy("SUV用户的服务器托管", server, "headline")
    assert "in capitals" in " ".join(check_copy("服务器托管 NOW", server, "headline"))
