"""What each kind of step does: one small module a kind, found here.

A step reads ``work.inputs`` and ``work.settings``, writes into ``work.out``, raises ``Lacking``
where its inputs do not suffice, and may be started again after a kill at any moment.
"""

from mentallama.studies.step import Kind, Work


def perform(kind: Kind, work: Work) -> None:
    """Do the work of one step."""
    match kind:
        case "source":
            from mentallama.studies.steps.source import make
        case "people":
            from mentallama.studies.steps.people import make
        case "train":
            from mentallama.studies.steps.train import make
        case "test":
            from mentallama.studies.steps.test import make
        case "leaked":
            from mentallama.studies.steps.leaked import make
        case "labellers":
            from mentallama.studies.steps.labellers import make
        case "baselines":
            from mentallama.studies.steps.baselines import make
        case "frozen":
            from mentallama.studies.steps.frozen import make
        case "mini":
            from mentallama.studies.steps.mini import make
        case "tune":
            from mentallama.studies.steps.tune import make
        case "generate":
            from mentallama.studies.steps.generate import make
        case "released":
            from mentallama.studies.steps.released import make
        case "compare":
            from mentallama.studies.steps.compare import make
        case "explanations":
            from mentallama.studies.steps.explanations import make
        case "checks":
            from mentallama.studies.steps.checks import make
        case "marks":
            from mentallama.studies.steps.marks import make
        case "correlation":
            from mentallama.studies.steps.correlation import make
    make(work)
