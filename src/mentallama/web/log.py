"""What is logged: that something failed and the kind of error, never its words."""

import logging

_LOGGER = logging.getLogger("mentallama.serve")


def log_failure(what: str, error: BaseException) -> None:
    """Log an error's type; its message may quote a post."""
    _LOGGER.error("%s failed: %s", what, type(error).__name__)
