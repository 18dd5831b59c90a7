"""What a build is asked for, and what it came to."""

from dataclasses import dataclass, field
from pathlib import Path

from mentallama.data.check import Consistency, Flag
from mentallama.data.expert import Mode
from mentallama.data.prepare import Prepared
from mentallama.data.reply import Explained
from mentallama.data.teacher import Run
from mentallama.dataset import Format
from mentallama.tasks.raw import Drop, RawRow


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How a data set is to be built."""

    source: str
    expert: Path | None = None
    shots: int = 2
    seed: int = 0
    blind: int = 0
    """Rows per task to ask about without the label, to check correctness; -1 for all."""
    most_lost: float = 0.2
    format: Format = "jsonl"


@dataclass(slots=True, kw_only=True)
class Built:
    """What a build came to; every number has what it is out of beside it."""

    prepared: Prepared
    explained: list[Explained]
    blind: list[Explained]
    flags: list[Flag]
    consistency: list[Consistency]
    drops: list[Drop]
    kept: list[RawRow]
    runs: dict[Mode, Run]
    withheld: tuple[str, ...]
    notes: list[str] = field(default_factory=list)

    @property
    def read(self) -> int:
        """Rows read from the raw files."""
        return self.prepared.read
