"""The finished tables under a name of their own."""

from pathlib import Path

from mentallama.io import read_json, write_json
from mentallama.studies.paper.page import NAME, summarise, write_paper
from mentallama.studies.paper.reproduce import Paper, gather
from mentallama.studies.results import read_result
from mentallama.studies.step import folder_of

_MADE_FROM = "made-from.json"


def publish_paper(paper: Paper, root: Path) -> tuple[Path, list[str]]:
    """Write the page unless it shows these very results already; return it and its summary."""
    folder, cells = root / NAME, gather(paper, root)
    made, names = folder / _MADE_FROM, [step.name for step in paper.steps]
    if not made.exists() or read_json(made) != names:
        data = read_result(folder_of(paper.correctness.result, root)).data
        write_paper(
            cells,
            folder,
            data=data,
            command=f"mentallama reproduce{paper.correctness.options or ' --tiny'}",
        )
        write_json(made, names)
    return folder / f"{NAME}.html", summarise(cells)
