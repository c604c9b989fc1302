"""Fifty briefs as people type them: tone and audience are never text, facts are."""

from __future__ import annotations

import pytest

from adcreative.copywriter import Brief, build_copywriter
from adcreative.copywriter.engines.server import build_request
from adcreative.copywriter.fresh_lines import Wording, write_lines
from adcreative.copywriter.instructions import read_instructions
from adcreative.creative import Creative

# brief | facts | tone | audience
BRIEFS = """
calm tone | | calm tone |
Calm tone. | | Calm tone |
warm; show that beginners manage it | | warm; show that beginners manage it |
young and cheeky | | young and cheeky |
bold | | bold |
funny, but not too funny | | funny; but not too funny |
trustworthy; for home owners over 50 | | trustworthy | home owners over 50
no exclamation marks | | no exclamation marks |
serious tone, no puns | | serious tone; no puns |
audience: agency owners | | | agency owners
Target group: young parents | | | young parents
for people who hate the gym | | | people who hate the gym
aimed at first-time buyers | | | first-time buyers
mention free returns | Free returns. | |
mention that we ship in 24 hours | We ship in 24 hours. | |
Please mention our 10 year guarantee | 10 year guarantee. | |
highlight the new colours; friendly | The new colours. | friendly |
focus on comfort | Comfort. | |
Free returns for 60 days | Free returns for 60 days. | |
We are open on Sundays. Calm tone | We are open on Sundays. | Calm tone |
Now with 20% off | Now with 20% off. | |
make it shorter | | make it shorter |
keep it simple | | keep it simple |
use short words | | use short words |
sound like a friend | | sound like a friend |
write in the second person | | write in the second person |
don't mention prices | | don't mention prices |
avoid jargon; say that it is made in Wales | It is made in Wales. | avoid jargon |
more emotional | | more emotional |
less formal, please | | less formal, please |
like a postcard | | like a postcard |
romantic, for couples between 30 and 50 | | romantic | couples between 30 and 50
Made in Portugal since 1952 | Made in Portugal since 1952. | |
The shop opens on 3 May | The shop opens on 3 May. | |
no emojis, no questions | | no emojis; no questions |
premium and elegant | | premium and elegant |
ask a question | | ask a question |
be honest | | be honest |
emphasise the 5 star reviews | The 5 star reviews. | |
push the summer sale | The summer sale. | |
offer: two for one in June | Two for one in June. | |
for nurses, calm | | calm | nurses
speak to women over 40 | | | women over 40
ruhiger Ton | | ruhiger Ton |
Zielgruppe: junge Eltern | | | junge Eltern
erwähne die Garantie von 10 Jahren | Die Garantie von 10 Jahren. | |
keine Ausrufezeichen | | keine Ausrufezeichen |
ton chaleureux | | ton chaleureux |
sin signos de exclamación, serio | | sin signos de exclamación; serio |
Only vegan ingredients are used; keep the tone dry | | Only vegan ingredients are used; keep the tone dry |
"""


ROWS = [tuple(cell.strip() for cell in f"{row} |".split("|")[:4]) for row in BRIEFS.strip().splitlines()]


@pytest.mark.parametrize(("brief", "facts", "tone", "audience"), ROWS)
def test_a_brief_is_told_apart(brief: str, facts: str, tone: str, audience: str) -> None:
    found = read_instructions(brief)
    assert (found.facts, found.tone, found.audience) == (facts, tone, audience)


def test_there_are_fifty() -> None:
    assert len(ROWS) == 50


AD = Creative(headline="Find jeans that fit", description="Free returns for 60 days.", brand="Vellette", category="jeans")


@pytest.mark.parametrize("row", ROWS)
def test_tone_and_audience_are_never_text(row: tuple[str, str, str, str]) -> None:
    copywriter, wording = build_copywriter("template"), Wording(text=row[0])
    found = [line for kind in ("headline", "description") for line in write_lines(AD, copywriter, kind, wording=wording)]
    lines = " | ".join(found).casefold()
    assert lines
    for said in (*row[2].split("; "), *row[3].split("; ")):
        assert not said or said.casefold() not in lines


def test_a_fact_of_the_brief_may_be_said_and_a_server_is_told_tone_and_audience() -> None:
    wording = Wording(text="calm tone; for tall people; mention that we mend them for life")
    lines = list(write_lines(AD, build_copywriter("template"), "headline", wording=wording, num=9))
    assert any("mend them for life" in line for line in lines)
    request = build_request(wording.apply(Brief.of_ad(AD)), "headline", 3)
    assert '"tone": "calm tone"' in request
    assert '"audience": "tall people"' in request
    assert '"facts": "We mend them for life."' in request
