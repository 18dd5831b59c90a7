"""Whether the models really answer: asked at the start, and again after one has failed.

They are asked in the threads that answer requests, so that a model never has more askers than the
server was told to give it.
"""

import threading
from collections.abc import Callable, Mapping
from typing import Literal

from mentallama.analysis import Analyser, analyse
from mentallama.web.log import log_failure

State = Literal["starting", "ok", "broken"]
SENTENCE = "The last bus never came, so I walked home in the rain and missed the quiz."
"""Invented."""


class Health:
    """The state of each model."""

    def __init__(
        self, analysers: Mapping[str, Analyser], start: Callable[[Callable[[], None]], None]
    ) -> None:
        self._analysers = analysers
        self._start = start
        self._states: dict[str, State] = dict.fromkeys(analysers, "starting")
        self._asking: set[str] = set()
        self._lock = threading.Lock()

    @property
    def states(self) -> dict[str, State]:
        """The state of each model, by name."""
        return dict(self._states)

    @property
    def ok(self) -> bool:
        """Whether every model has answered when it was last asked."""
        return all(state == "ok" for state in self._states.values())

    def check(self) -> None:
        """Ask every model that is not known to be well, in the background."""
        for name, state in self._states.items():
            if state != "ok":
                self.doubt(name)

    def doubt(self, name: str) -> None:
        """Ask a model in the background, unless it is being asked."""
        with self._lock:
            if name in self._asking:
                return
            self._asking.add(name)
        self._start(lambda: self._ask(name))

    def _ask(self, name: str) -> None:
        try:
            list(analyse([SENTENCE], analyser=self._analysers[name]))
            self._states[name] = "ok"
        except Exception as error:
            self._states[name] = "broken"
            log_failure("health check", error)
        finally:
            self._asking.discard(name)
