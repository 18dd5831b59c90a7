"""Progress of a run on standard error, and its curves in a file that can be followed."""

import json
import sys
import time
from pathlib import Path
from typing import Any

from transformers import TrainerCallback

from mentallama.io import atomic_write


class Watch(TrainerCallback):  # type: ignore[misc]
    """Print one line each time the trainer logs: step, loss, speed, useful share, time left."""

    def __init__(self, log: Path) -> None:
        self.log = log
        self.trainer: Any = None
        """Set once the trainer is made: it counts the tokens."""
        self.start = 0.0
        self.first_step = 0

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Remember when, and at which step, this process began."""
        self.start, self.first_step = time.monotonic(), state.global_step

    def on_log(
        self, args: Any, state: Any, control: Any, logs: dict[str, float], **kwargs: Any
    ) -> None:
        """Write the curves and print what the trainer has just logged."""
        if not state.is_world_process_zero:
            return
        with atomic_write(self.log) as handle:
            handle.writelines(json.dumps(entry) + "\n" for entry in state.log_history)
        steps = state.global_step - self.first_step
        if steps < 1 or "train_runtime" in logs:
            return
        rate = steps / (time.monotonic() - self.start)
        left = (state.max_steps - state.global_step) / rate
        print(
            f"tune: step {state.global_step}/{state.max_steps}, {_values(logs)}"
            f"{self._tokens()}{rate:.2g} steps/s, {left:.0f} s left",
            file=sys.stderr,
            flush=True,
        )

    def _tokens(self) -> str:
        if self.trainer is None or not self.trainer.computed:
            return ""
        per_second = self.trainer.useful / (time.monotonic() - self.start)
        share = 100 * self.trainer.useful / self.trainer.computed
        return f"{per_second:,.0f} tokens/s ({share:.0f} % useful), "


_SHOWN = {
    "loss": "loss",
    "eval_loss": "validation loss",
    "eval_weighted_f1": "validation weighted F1",
    "rewards/margins": "margin",
    "reward": "reward",
    "aux_loss": "router loss",
}


def _values(logs: dict[str, float]) -> str:
    shown = [f"{name} {float(logs[key]):.3f}" for key, name in _SHOWN.items() if key in logs]
    return "".join(f"{text}, " for text in shown)
