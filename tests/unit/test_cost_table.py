"""Cost table files: errors that name file, row and field; sources of the shipped ones."""

from __future__ import annotations

import pytest

from depth_snn.errors import ConfigError
from depth_snn.toml_io import loads_toml
from sims.cost_table import load_table, parse_table, shipped_tables

ROW = """[[row]]
event = "e"
tier = "operations"
value = 1
unit = "pJ"
source = "s"
year = 2018
grade = "B"
"""


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("value = 1", "value = 0", "row 1 .'e'.: field 'value' is 0"),
        ("value = 1", 'value = "cheap"', "field 'value' is 'cheap'"),
        ("value = 1", 'value = "unknown"', "field 'reason' is missing"),
        ("value = 1", "value = nan", "field 'value' is nan"),
        ("value = 1", "value = true", "field 'value' is True"),
        ('grade = "B"', 'grade = "E"', "field 'grade' is 'E', expected A or B or C or D"),
        ("year = 2018\n", "", "field 'year' is missing"),
        ("year = 2018", "yaer = 2018", "field 'year' is missing"),
        ('unit = "pJ"', 'unit = "nJ"', "field 'unit' is 'nJ', expected pJ"),
        ('source = "s"', 'source = ""', "field 'source' must be a text"),
        ('tier = "operations"', 'tier = "extra"', "field 'tier' is 'extra'"),
        ("[[row]]", "color = 1\n[[row]]", "unknown key 'color'"),
    ],
)
def test_cost_table_errors_name_file_row_and_field(old: str, new: str, message: str) -> None:
    text = 'format = 1\nname = "t"\ntitle = "t"\n' + ROW
    assert parse_table(loads_toml(text), "t.toml").prices["e"].value_aj == 10**6
    with pytest.raises(ConfigError, match=message) as caught:
        parse_table(loads_toml(text.replace(old, new)), "t.toml")
    assert str(caught.value).startswith("t.toml: ") and "\n" not in str(caught.value)


def test_duplicate_row_and_missing_table() -> None:
    text = 'format = 1\nname = "t"\ntitle = "t"\n' + ROW + ROW
    with pytest.raises(ConfigError, match="row 2: event 'e' appears twice"):
        parse_table(loads_toml(text), "t.toml")
    with pytest.raises(ConfigError, match="no cost table 'loihi9'; shipped are"):
        load_table("loihi9")


@pytest.mark.parametrize("name", shipped_tables())
def test_shipped_tables_have_a_source_or_a_reason_in_every_row(name: str) -> None:
    for price in load_table(name).prices.values():
        assert price.source if price.value is not None else price.note
