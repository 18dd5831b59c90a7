"""What a metric of explanations is."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from mentallama.bartscore import Engine


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """One explanation with what it may be compared with."""

    hypothesis: str
    reference: str
    post: str
    hypothesis_in_full: str = ""
    """With the sentence that gives the label."""
    reference_in_full: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Models:
    """Weights that some metrics need; without them they are not computed."""

    bartscore: str | None = None
    bartscore_weights: str | None = None
    """A state dict laid over that model."""
    bertscore: str | None = None
    engine: Engine = "auto"
    int8: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """A number per explanation; higher is closer, except for a length."""

    name: str
    needs_post: bool
    """Whether it looks at the post instead of the reference."""
    score: Callable[[Sequence[Text], Models], list[float]]
    signature: Callable[[Models], str]
    """What the numbers depend on; numbers of different signatures must not be compared."""
    missing: Callable[[Models], str | None] = lambda models: None
    """Why it cannot be computed, or None."""


def installed(package: str, extra: str) -> str | None:
    """Say what to install where a package is missing."""
    from importlib.util import find_spec

    if find_spec(package) is None:
        return f"needs {package}: pip install 'mentallama[{extra}]'"
    return None


def version_of(package: str) -> str:
    """Return a package's version for a signature."""
    from importlib.metadata import version

    return f"{package} {version(package)}"
