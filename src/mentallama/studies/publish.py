"""A finished study under its own name: the page, its tables, and what was found."""

from pathlib import Path

from mentallama.io import read_json, write_json
from mentallama.studies.build import Plan
from mentallama.studies.findings import findings
from mentallama.studies.page import PAGE, write_study
from mentallama.studies.results import read_result
from mentallama.studies.step import folder_of

_MADE_FROM = "made-from.json"


def publish(plan: Plan, root: Path) -> tuple[Path, list[str]]:
    """Write the page unless it shows this very result already; return it and the findings."""
    folder, result = root / plan.study.name, read_result(folder_of(plan.result, root))
    made = folder / _MADE_FROM
    if not made.exists() or read_json(made) != plan.result.name:
        write_study(result, folder, command=f"mentallama study {plan.study.name}{plan.options}")
        write_json(made, plan.result.name)
    return folder / PAGE, [" ".join(said) for said in findings(result).values()]
