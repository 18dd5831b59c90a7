"""The analyser over HTTP, and its web page.

``make_app`` builds the application from analysers that the caller chose; no request can name
another. Nothing of a post is kept, logged or counted.
"""

from mentallama.serve.app import make_app
from mentallama.serve.settings import Settings

__all__ = ["Settings", "make_app"]
