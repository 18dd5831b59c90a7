"""Progress of a run on standard error: step, loss, speed and time left."""

import sys
import time
from typing import Any

from transformers import TrainerCallback


class Watch(TrainerCallback):  # type: ignore[misc]
    """Print one line each time the trainer logs."""

    def __init__(self) -> None:
        self.start = 0.0
        self.first_step = 0

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Remember when, and at which step, this process began."""
        self.start, self.first_step = time.monotonic(), state.global_step

    def on_log(
        self, args: Any, state: Any, control: Any, logs: dict[str, float], **kwargs: Any
    ) -> None:
        """Print what the trainer has just logged."""
        steps = state.global_step - self.first_step
        if not state.is_world_process_zero or steps < 1 or "train_runtime" in logs:
            return
        rate = steps / (time.monotonic() - self.start)
        left = (state.max_steps - state.global_step) / rate
        name = "eval_loss" if "eval_loss" in logs else "loss"
        value = float(logs.get(name, float("nan")))
        shown = "validation loss" if name == "eval_loss" else "loss"
        print(
            f"tune: step {state.global_step}/{state.max_steps}, {shown} {value:.3f}, "
            f"{rate:.1f} steps/s, {left:.0f} s left",
            file=sys.stderr,
            flush=True,
        )
