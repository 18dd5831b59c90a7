"""The datasheet says what the files hold: every number in it is counted again."""

import json
import re
from importlib.resources import files

from mentallama.corpus.counts import count_all
from mentallama.tables import as_markdown
from tests.conftest import Run

SHEET = (files("mentallama.corpus") / "DATASHEET.md").read_text(encoding="utf-8")


def test_the_tables_are_those_that_count_prints(run: Run) -> None:
    tables = re.search(r"<!-- counts -->\n(.*)<!-- end of counts -->", SHEET, re.DOTALL)
    assert tables
    assert tables[1].strip() == as_markdown(count_all()), "run 'mentallama corpus count'"
    assert run("corpus", "count").stdout.strip() == tables[1].strip()


def test_no_number_stands_outside_the_counted_tables() -> None:
    prose = re.sub(r"<!-- counts -->.*<!-- end of counts -->", "", SHEET, flags=re.DOTALL)
    assert re.findall(r"\d+", prose) == []


def test_counts_come_as_one_json_object_too(run: Run) -> None:
    tables = json.loads(run("corpus", "count", "--json").stdout)["tables"]
    parts = next(table for table in tables if table["title"] == "Parts")
    assert {row[0]: row[1] for row in parts["rows"]}["risk"] == 180
    assert run("corpus", "list").stdout.strip() == as_markdown(count_all()[:1])
