"""How many processes take part, and whether that is what the recipe asks for.

Some wrong launches run one process, or divide nothing, and exit 0 in silence: what really started
is compared with what was asked for, and said.
"""

import os
from typing import Any

from mentallama.errors import InputError
from mentallama.tuning.recipe import Recipe


def count_processes() -> int:
    """Return how many processes the launcher says there are (torchrun and accelerate say it)."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def sharding_arguments(recipe: Recipe) -> dict[str, Any]:
    """Return the trainer's arguments for sharding; raise InputError where it cannot be done."""
    if recipe.sharding == "none":
        return {}
    import torch

    if not torch.cuda.is_available():
        raise InputError(
            "sharding fsdp needs GPUs: on CPUs the trainer would copy the model to every process "
            "instead, in silence; set sharding to none"
        )
    if count_processes() == 1:
        raise InputError(
            "sharding fsdp needs several processes: start with torchrun --nproc-per-node N"
        )
    # State is gathered on every save, so that a checkpoint is one model however many wrote it.
    return {
        "fsdp": True,
        "fsdp_config": {
            "version": 2,
            "state_dict_type": "FULL_STATE_DICT",
            "activation_checkpointing": recipe.gradient_checkpointing,
        },
    }


def need_launched(recipe: Recipe, trainer: Any) -> str:
    """Compare what started with what was asked for; return a line on it.

    Raises InputError where another number of processes takes part than the launcher announced or
    the recipe wants, or where sharding was asked for and is not what runs.
    """
    accelerator = trainer.accelerator
    started, kind = accelerator.num_processes, accelerator.distributed_type.value
    announced = count_processes()
    if started != announced:
        raise InputError(
            f"{announced} processes were announced and {started} take part; start with torchrun"
        )
    if recipe.devices not in (None, started):
        raise InputError(
            f"devices is {recipe.devices} and {started} take part; start with "
            f"torchrun --nproc-per-node {recipe.devices} -m mentallama tune ... (accelerate launch "
            "--cpu starts one process whatever it is told)"
        )
    if (recipe.sharding == "fsdp") != (kind == "FSDP"):
        raise InputError(f"sharding is {recipe.sharding} and {kind} runs")
    if started > 1 and kind == "NO":
        raise InputError(f"{started} processes take part and do not know of each other")
    word = "process" if started == 1 else "processes"
    return f"{started} {word} on {accelerator.device.type} ({kind.lower().replace('_', ' ')})"
