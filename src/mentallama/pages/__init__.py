"""HTML pages: one look for all, everything inside the file, nothing loaded from outside."""

import platform
import sys
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from importlib.resources import files
from pathlib import Path
from typing import Any

from mentallama import NOTICE, __version__
from mentallama.io import atomic_write


def write_page(path: Path, package: str, template: str, **values: Any) -> None:
    """Fill a template that lies in a package of ours and write the page.

    The template also gets ``notice`` and ``style``.
    """
    from jinja2 import Environment, PackageLoader, select_autoescape
    from markupsafe import Markup

    environment = Environment(
        loader=PackageLoader("mentallama", package),
        autoescape=select_autoescape(default=True, default_for_string=True),
        trim_blocks=True,
        lstrip_blocks=True,
    )
    style = Markup((files("mentallama.pages") / "style.css").read_text(encoding="utf-8"))  # noqa: S704
    html = environment.get_template(template).render(notice=NOTICE, style=style, **values)
    with atomic_write(path) as handle:
        handle.write(html)


def describe_software(libraries: Sequence[str]) -> dict[str, str]:
    """Say what a page was made with."""
    found = []
    for name in libraries:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            continue
    return {
        "mentallama": __version__,
        "Python": f"{sys.version.split()[0]} on {platform.system()} {platform.machine()}",
        "Libraries": ", ".join(found),
    }
