"""How well metrics follow people's marks (``benchmark/correlation.py``), as cells."""

from mentallama.benchmark.correlation import Correlation, correlate
from mentallama.benchmark.metrics import METRICS
from mentallama.benchmark.metrics.metric import Models
from mentallama.marks import ASPECTS, read_rated
from mentallama.studies.paper.cells import Cell, write_cells
from mentallama.studies.step import Work

TABLE = "Metrics and people: Pearson correlation with mean marks"


def make(work: Work) -> None:
    """Correlate each metric with each aspect."""
    models = Models(
        bartscore=work.settings["bartscore"], bartscore_weights=work.settings["bartscore_weights"]
    )
    rated = read_rated(work.paths["marks"]) if "marks" in work.paths else []
    found = correlate(rated, METRICS, models, statistics=["pearson"]) if rated else []
    known = {(one.metric, one.aspect): one for one in found}
    names = [m.name for m in METRICS if not m.needs_post and "label in" not in m.name]
    cells = [_cell(name, aspect, known.get((name, aspect))) for name in names for aspect in ASPECTS]
    write_cells(cells, work.out)


def _cell(metric: str, aspect: str, one: Correlation | None) -> Cell:
    value = one.value if one else None
    why = "needs the data set"
    if one:
        why = (
            "needs weights" if one.why_not and "--b" in one.why_not else one.why_not or "undefined"
        )
    return Cell(
        table=TABLE,
        row=metric,
        column=aspect,
        unit="r",
        ours=value,
        low=one.low if one else None,
        high=one.high if one else None,
        n=one.n if one and value is not None else None,
        not_run=None if value is not None else why,
    )
