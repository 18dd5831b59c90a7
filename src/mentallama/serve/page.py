"""The page and the files beside it, read once at the start."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mentallama import NOTICE, __version__
from mentallama.analysis import Analyser
from mentallama.corpus import load_posts
from mentallama.serve.settings import Settings
from mentallama.tasks import list_tasks
from mentallama.types import Task

_SAMPLES = {
    "sad-033": "A dentist's bill",
    "dreaddit-015": "The chip shop",
    "clp-017": "Old diaries",
    "cams-030": "212 rejections",
    "loneliness-026": "First year at uni",
    "irf-027": "Unexpected item",
    "multiwd-062": "Before the biopsy",
    "swmh-020": "A good harvest",
}
"""Posts of the sample corpus that the page offers, and what it calls them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """What the page says of a model."""

    name: str
    explains: str | None
    """How it comes by an explanation, "composed" or "written"; None where it does not say."""


def describe_models(analysers: Mapping[str, Analyser]) -> list[Model]:
    """Return what is known of each analyser; one may say how it ``explains``."""
    return [
        Model(name=name, explains=getattr(analyser, "explains", None))
        for name, analyser in analysers.items()
    ]


def render_page(models: list[Model], settings: Settings) -> str:
    """Fill the page's template."""
    from jinja2 import Environment, PackageLoader, select_autoescape

    environment = Environment(
        loader=PackageLoader("mentallama.serve", "page"),
        autoescape=select_autoescape(default=True, default_for_string=True),
        trim_blocks=True,
        lstrip_blocks=True,
    )
    tasks = list_tasks()
    about = {
        "models": [{"name": model.name, "explains": model.explains} for model in models],
        "tasks": {task.key: _describe_task(task) for task in tasks},
        "samples": _samples(),
        "limits": {"bytes": settings.max_bytes, "texts": settings.max_texts},
        "token": settings.token_hash is not None,
        "locale": settings.locale,
    }
    return environment.get_template("index.html.j2").render(
        about=about, tasks=tasks, models=models, notice=NOTICE, version=__version__
    )


def _describe_task(task: Task) -> dict[str, Any]:
    return {
        "title": task.title,
        "question": task.question,
        "labels": {label.key: label.completion for label in task.labels},
    }


def _samples() -> list[dict[str, str]]:
    texts = {post.id: post.text for post in load_posts()}
    return [{"name": name, "text": texts[key]} for key, name in _SAMPLES.items()]
