"""ADS-16: 120 people, their answers to a short Big-Five questionnaire, and their ratings of 300 ads. Imports no torch.

A folder (or several) with U0001, U0002 ... in it, each with U0001-B5.csv (";"; column Answer: ten answers, -2 to 2),
U0001-INF.csv (";"; Gender, Age, Income) and U0001-RT.csv (";"; one column for each of 20 categories, whose second row holds
fifteen ratings "3,1,..."). Traits are the means of their two answers, one of them reverse-scored, in the order of
the published BFI-10.

Source: Roffo & Vinciarelli, EMPIRE 2016 (data); Rammstedt & John, Journal of Research in Personality 2007 (BFI-10 scoring).
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from adcreative.errors import CatalogError

TRAITS = {  # trait -> (reversed item, plain item), counted from 0
    "extraversion": (0, 5),
    "agreeableness": (6, 1),
    "conscientiousness": (2, 7),
    "neuroticism": (3, 8),
    "openness": (4, 9),
}
NUM_ITEMS = 10
RATINGS_ROW = 1


def find_people(folder: Path) -> list[Path]:
    """Return the folders of people below a folder, by name; empty when it is no ADS-16."""
    return sorted(path.parent for path in Path(folder).rglob("U*-RT.csv"))


def read_ads16(folder: Path) -> pd.DataFrame:
    """Return one row a rating: person, creative ("category/number"), category, value (1 to 5), the five traits, age.

    Raises:
        CatalogError: there are no people, or a file of a person cannot be read; the message names it.
    """
    people = find_people(folder)
    if not people:
        raise CatalogError(f"{folder} has no people of ADS-16 (folders U0001 ... with U0001-RT.csv)")
    rows = []
    for path in people:
        traits, age = _traits(path), _read(path, "INF").get("Age", pd.Series([float("nan")])).iloc[0]
        ratings = _read(path, "RT")
        try:
            for category, cell in ratings.iloc[RATINGS_ROW].items():
                for number, rating in enumerate(str(cell).split(","), 1):
                    rows.append(
                        {
                            "person": path.name,
                            "creative": f"{category}/{number}",
                            "category": str(category),
                            "value": float(rating),
                            **traits,
                            "age": float(age),
                        }
                    )
        except (ValueError, IndexError) as error:
            raise CatalogError(f"{path.name}-RT.csv has no ratings in its second row ({error})") from error
    return pd.DataFrame(rows)


def _traits(path: Path) -> dict[str, float]:
    answers = pd.to_numeric(_read(path, "B5").get("Answer", pd.Series(dtype=float)), errors="coerce").to_numpy()
    if len(answers) != NUM_ITEMS or pd.isna(answers).any():
        raise CatalogError(f"{path.name}-B5.csv must have {NUM_ITEMS} numbers in the column Answer")
    return {name: float(answers[plain] - answers[turned]) / 2 for name, (turned, plain) in TRAITS.items()}


def _read(path: Path, what: str) -> pd.DataFrame:
    file = path / f"{path.name}-{what}.csv"
    try:
        return pd.read_csv(file, sep=";")
    except (OSError, ValueError, pd.errors.ParserError) as error:
        raise CatalogError(f"{file} cannot be read ({error})") from error
