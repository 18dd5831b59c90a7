"""Weighted F1 that others reported, to stand beside measured figures and never among them.

None of these figures was recomputed here. Each says how it is known: "notes" come from public
notes on the paper, "memory" from recollection; both are shown as "reported, unverified".
"""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Reported:
    """One cell of the paper's tables."""

    model: str
    task: str
    weighted_f1: float
    known_from: Literal["notes", "memory"]


_TASKS = ("CAMS", "CLP", "DR", "dreaddit", "Irf", "loneliness", "MultiWD", "SAD", "swmh", "t-sid")
# "+" marks a cell known from memory only; "-" one that is not known.
_TABLE = """
BERT                   34.92+ 62.75  90.90  78.26  72.30+ 83.92+ 76.69+ 62.72+ 70.76  88.51
RoBERTa                36.54+ 66.07  95.11  80.56  71.35+ 83.95+ -      67.53+ 72.03  88.76
MentalBERT             39.73+ 62.63  94.62  80.04  76.73+ 82.97+ 76.19+ 67.34+ 71.11  88.61
MentalRoBERTa          47.62  69.71  94.23  81.76  -      85.33  -      68.44  72.16  89.01
LLaMA2-7B zero-shot    16.34  36.26  58.91  53.51  38.02  58.32  40.10  11.04  37.33  25.55
ChatGPT zero-shot      33.85  56.31  82.41  71.79  41.33  58.40  62.72  54.05  49.32  33.30
ChatGPT few-shot       44.46+ 61.63+ 84.22+ 75.38+ 43.31+ 58.78+ 64.93+ 63.56+ 60.19+ 43.95+
GPT-4 few-shot         42.37+ 62.0+  82.0+  78.18+ 51.75+ -      62.58+ 55.68+ 62.94+ 40.48+
T5-large (completion)  40.2+  48.6+  84.9+  77.7+  74.0+  80.8+  76.4+  58.1+  70.0+  77.1+
BART-large (completion) 43.8+ 50.3+  84.6+  80.0+  76.2+  83.3+  77.2+  59.6+  71.5+  77.9+
LLaMA2-7B (completion) 30.47+ 51.17+ 84.94+ 61.59+ 73.5+  81.25+ 65.52+ 49.6+  63.26+ 68.93+
MentaLLaMA-7B          32.52  59.86  76.14  71.65  67.53  83.52  68.44  49.93  72.51  72.64
MentaLLaMA-chat-7B     44.80  51.84  83.95  62.20  72.88  83.71  75.79  62.18  75.58  77.74
MentaLLaMA-chat-13B    45.52  52.61  85.68  75.79  76.49  85.10  75.11  63.62  71.70  75.31
"""


def reported_scores() -> list[Reported]:
    """Return every known cell, model by model in the paper's order."""
    cells = []
    for line in _TABLE.strip().split("\n"):
        words = line.split()
        model, values = " ".join(words[: -len(_TASKS)]), words[-len(_TASKS) :]
        for task, value in zip(_TASKS, values, strict=True):
            if value != "-":
                number = float(value.rstrip("+"))
                known: Literal["notes", "memory"] = "memory" if value.endswith("+") else "notes"
                cells.append(Reported(model, task, number, known))
    return cells
