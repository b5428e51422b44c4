"""Makes the TSV files beside this one from the definitions of OHDSI DataQualityDashboard (CDM v5.4, Apache-2.0).

`python -m data.validate.dqd.carry DIR`, DIR holding its four CSV files. Run by hand when the dashboard's definitions change;
a test says whether the TSV files are what the CSV files give.
"""

import csv
import re
import sys
from collections.abc import Iterator
from pathlib import Path

Row = dict[str, str]
HERE = Path(__file__).parent
_LEVELS = {"TABLE": "Table_Level", "FIELD": "Field_Level", "CONCEPT": "Concept_Level"}
_CONDITION = re.compile(r"(\w+)\s*(==|!=)\s*'(.*)'")
# Bounds in the dashboard's SQL dialect, as words `terms` understands.
_BOUNDS = {"DATEADD(dd,1,GETDATE())": "today+1", "YEAR(GETDATE())+1": "year+1"}
# Not among the descriptions at this level, yet the concept file still holds bounds a concept and unit.
_CONCEPT_BOUNDS = ("plausibleValueLow", "plausibleValueHigh")


def carry(folder: Path) -> dict[str, str]:
    """The text of each TSV file by its name."""
    kinds = _read(folder, "Check_Descriptions")
    levels = {level: _read(folder, name) for level, name in _LEVELS.items()}
    fields = ("checkName", "checkLevel", "kahnContext", "kahnCategory", "kahnSubcategory")
    texts = {
        "checks.tsv": _text(
            ("name", "level", "context", "category", "subcategory"),
            [[kind[fields[0]], *(kind[name].lower() for name in fields[1:])] for kind in kinds],
        )
    }
    for level, places in levels.items():
        concept = ["concept", "unit"] if level == "CONCEPT" else []
        rows: list[list[str]] = []
        for kind in kinds:
            if kind["checkLevel"] == level:
                rows += _rows(places, kind["checkName"], kind["evaluationFilter"], level)
        for name in _CONCEPT_BOUNDS if level == "CONCEPT" else ():
            rows += _rows(places, name, f"{name}!=''", level)
        header = ("table", *(["field"] if level != "TABLE" else []), *concept, "check", "parameter", "threshold")
        texts[f"{level.lower()}s.tsv"] = _text(header, sorted(rows))
    return texts


def _rows(places: list[Row], name: str, condition: str, level: str) -> Iterator[list[str]]:
    for place in places:
        if not _holds(condition, place):
            continue
        row = [place["cdmTableName"].lower()]
        if level != "TABLE":
            row.append(place["cdmFieldName"].lower())
        if level == "CONCEPT":
            row += [_list(place["conceptId"]), place["unitConceptId"]]
        yield [*row, name, _parameter(name, place), place.get(f"{name}Threshold") or "0"]


def _holds(condition: str, place: Row) -> bool:
    """Whether a place has the check: the dashboard's own filter, `isForeignKey=='Yes' & fkDomain!= ''`."""
    for part in condition.split("&"):
        found = _CONDITION.fullmatch(part.strip())
        if found is None:
            raise ValueError(f"filter not understood: {condition}")
        column, sign, value = found.groups()
        if (place[column] == value) != (sign == "=="):
            return False
    return True


def _parameter(name: str, place: Row) -> str:
    match name:
        case "isForeignKey":
            return f"{place['fkTableName']}.{place['fkFieldName']}".lower()
        case "plausibleTemporalAfter":
            return f"{place['plausibleTemporalAfterTableName']}.{place['plausibleTemporalAfterFieldName']}".lower()
        case "plausibleStartBeforeEnd":
            return place["plausibleStartBeforeEndFieldName"].lower()
        case "sourceValueCompleteness":
            return place["standardConceptFieldName"].lower()
        case "plausibleValueLow" | "plausibleValueHigh":
            bound = place[name]
            return _BOUNDS.get(bound) or re.sub(r"'(\d{4})(\d\d)(\d\d)'", r"\1-\2-\3", bound)
        case "plausibleUnitConceptIds":
            return _list(place[name])
        case "fkDomain" | "fkClass" | "plausibleGender" | "plausibleGenderUseDescendants":
            return place[name]
        case _:
            return ""


def _list(text: str) -> str:
    """`4090861, 4025213` without its spaces."""
    return ",".join(part.strip() for part in text.split(","))


def _read(folder: Path, name: str) -> list[Row]:
    with (folder / f"OMOP_CDMv5.4_{name}.csv").open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def _text(header: tuple[str, ...], rows: list[list[str]]) -> str:
    return "".join("\t".join(row) + "\n" for row in [list(header), *rows])


if __name__ == "__main__":
    for file_name, content in carry(Path(sys.argv[1])).items():
        (HERE / file_name).write_text(content, encoding="utf-8", newline="\n")
