"""The files beside a page, read once at the start."""

from importlib.resources import files

_KINDS = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


def load_static(package: str) -> dict[str, tuple[bytes, str]]:
    """Return by name the files in ``page/`` of a package and those that all pages share, each with
    its type."""
    folders = (files("mentallama.pages"), files(package) / "page")
    return {
        item.name: (item.read_bytes(), _KINDS[suffix])
        for folder in folders
        for item in folder.iterdir()
        if (suffix := f".{item.name.rpartition('.')[2]}") in _KINDS
    }
