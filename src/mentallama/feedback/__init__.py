"""What the benchmark tells the tuner: a verifiable reward, validation scores, preference pairs.

The stages never import each other, so this package stands between them; ``tune`` is given it as its
``Feedback``. Labels are read and scored by the benchmark's own code.
"""

from mentallama.feedback.checks import pairs_from_checks
from mentallama.feedback.outputs import pairs_from_outputs
from mentallama.feedback.validation import Validation, calibrate, validate, weighted_f1
from mentallama.feedback.verifiable import examine, reward, reward_weights

__all__ = [
    "Validation",
    "calibrate",
    "examine",
    "pairs_from_checks",
    "pairs_from_outputs",
    "reward",
    "reward_weights",
    "validate",
    "weighted_f1",
]
