"""The pages of the room: templates, the files beside them, and what they are filled with."""

import hashlib
import re
from dataclasses import asdict
from typing import Any

from mentallama import NOTICE, __version__
from mentallama.human.room.settings import RoomSettings
from mentallama.human.study import Study
from mentallama.support import load_support
from mentallama.web.static import load_static

# An ellipsis before a small letter ends nothing; a full stop within a number or an address neither.
_END = re.compile(
    r"(?:(?:\.{2,}|\u2026)(?!\s+[a-z])|[!?]+|(?<!\.)\.(?!\.))[\"'\u201d\u2019)\]]*(?=\s|$)|\n|$"
)


def load_files() -> tuple[str, dict[str, tuple[bytes, str]]]:
    """Return the files of the pages by name, each with its type, and a version of them all."""
    found = load_static("mentallama.human.room")
    whole = b"".join(content for _, (content, _) in sorted(found.items()))
    return hashlib.sha256(whole).hexdigest()[:12], found


def split_sentences(post: str) -> list[tuple[int, int]]:
    """Return where sentences or lines of a post start and end, in code points."""
    found, at = [], 0
    for end in _END.finditer(post):
        piece = post[at : end.end()]
        if words := piece.strip():
            start = at + len(piece) - len(piece.lstrip())
            found.append((start, start + len(words)))
        at = end.end()
    return found


class Pages:
    """Fills the templates of one study's room.

    The study's name is for the lead alone: it may name a model.
    """

    def __init__(self, study: Study, settings: RoomSettings, version: str) -> None:
        from jinja2 import Environment, PackageLoader, select_autoescape

        self._environment = Environment(
            loader=PackageLoader("mentallama.human.room", "page"),
            autoescape=select_autoescape(default=True, default_for_string=True),
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.globals.update(
            notice=NOTICE,
            version=__version__,
            static=f"/static/{version}",
            rubric=study.rubric,
            help=load_support(settings.locale),
            language=settings.locale.replace("_", "-").partition("-")[0],
            care={
                "breakAfter": asdict(settings.break_after),
                "limit": asdict(settings.session_limit),
            },
        )

    def render(self, name: str, **values: Any) -> str:
        """Fill a template."""
        return self._environment.get_template(f"{name}.html.j2").render(**values)

    def render_door(self, line: str | None) -> str:
        """Return the page for somebody without a link, or whose link opens nothing."""
        return self.render("door", line=line)
