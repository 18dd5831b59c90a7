"""Real servers on real sockets, and analysers made for the states that a page can be in."""

import http.client
import json
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

import uvicorn

from mentallama.analysis import Analyser, Question
from mentallama.serve import Settings, make_app
from mentallama.tasks import get_task
from mentallama.types import Analysis, Evidence, Explained
from mentallama.web.run import address_of, bind, configure

POST = "the 😅 bus was late and nobody waved, so I walked home <b>in the rain</b>"
QUOTED = "bus was late and nobody waved"


EXAMPLE = Explained(post="an <i>invented</i> one", explanation="Because of it.", closeness=0.5)


@dataclass
class Mixed:
    """Labels, abstains, does not cover, quotes what is not there and cuts, by turns."""

    name: str = "mixed"
    key: str = "mixed"
    explains: str = "composed"
    shift: int = 0

    def answer(
        self, posts: Sequence[str], questions: Sequence[Question]
    ) -> Iterator[list[Analysis]]:
        for post in posts:
            yield [self._one(post, question, n) for n, question in enumerate(questions)]

    def _one(self, post: str, question: Question, number: int) -> Analysis:
        kind = {1: "unsure", 2: "uncovered", 3: "invented"}.get(number, "plain")
        named = {"task": question.task, "aspect": question.aspect, "model": self.name}
        if kind in ("unsure", "uncovered"):
            why = "Too unsure: two labels are close." if kind == "unsure" else "Not covered here."
            return Analysis(abstained=True, explanation=why, **named)
        start = post.find(QUOTED)
        found = (Evidence(start=start, end=start + len(QUOTED), text=QUOTED),)
        if kind == "invented":
            found = (Evidence(start=0, end=3, text="not these words"),)
        labels = get_task(question.task).labels
        return Analysis(
            label=labels[(number + self.shift) % len(labels)].key,
            confidence=None if number == 4 else 0.75,
            explanation=f'It says "{QUOTED}" <script>document.title="in"</script>.',
            evidence=found if start >= 0 else (),
            truncated=number == 5,
            example=EXAMPLE if number == 0 else None,
            **named,
        )


@dataclass
class Gated:
    """Waits, on posts that say so, until the gate is open."""

    name: str = "gated"
    key: str = "gated"
    gate: threading.Event = field(default_factory=threading.Event)
    read: int = 0
    held: bool = False

    def answer(
        self, posts: Sequence[str], questions: Sequence[Question]
    ) -> Iterator[list[Analysis]]:
        for post in posts:
            if "wait" in post:
                self.held = True
                self.gate.wait(30)
                self.held = False
            self.read += 1
            yield from Mixed(self.name).answer([post], questions)


@dataclass
class Moody:
    """Fails while ``broken``, and quotes the post in its error."""

    name: str = "moody"
    key: str = "moody"
    broken: Callable[[str], bool] = lambda post: False

    def answer(
        self, posts: Sequence[str], questions: Sequence[Question]
    ) -> Iterator[list[Analysis]]:
        for post in posts:
            if self.broken(post):
                raise ArithmeticError(f"cannot read: {post}")
            yield from Mixed(self.name).answer([post], questions)


def find_help(text: str, locale: str) -> Any:
    """Return invented help for posts in which nobody waved."""
    if "nobody waved" not in text:
        return None
    line = SimpleNamespace(
        name="Invented Line",
        contact="000 000",
        url="https://help.example",
        where=f"nowhere ({locale})",
        hours=None,
    )
    risky = SimpleNamespace(
        name="Odd Line", contact="000 001", url="javascript:alert(1)", where="x", hours="always"
    )
    return SimpleNamespace(
        title="If this is about you",
        message="People listen.",
        lines=(line, risky),
        sourced="Invented, 2025",
    )


@dataclass(frozen=True)
class Served:
    """A server that runs, and what it was made from."""

    url: str
    stop: Callable[[], None]

    def ask(
        self,
        path: str,
        value: Any = None,
        *,
        method: str | None = None,
        headers: Mapping[str, str] | None = None,
        body: Any = None,
    ) -> "Answer":
        """Send one request; ``body`` goes out as it is, an iterable in chunks."""
        parts = urlsplit(self.url)
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=30)
        sent = dict(headers or {})
        if value is not None:
            body = json.dumps(value).encode()
        if body is not None:
            sent.setdefault("Content-Type", "application/json")
        connection.request(method or ("GET" if body is None else "POST"), path, body, sent)
        got = connection.getresponse()
        answer = Answer(got.status, dict(got.headers), got.read().decode())
        connection.close()
        return answer


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: dict[str, str]
    text: str

    @property
    def json(self) -> Any:
        return json.loads(self.text)


@contextmanager
def serving(*analysers: Analyser, support: Any = find_help, **settings: Any) -> Iterator[Served]:
    """Run a server in a thread."""
    app = make_app({one.name: one for one in analysers}, Settings(**settings), support)
    listener = bind("127.0.0.1", 0)
    server = uvicorn.Server(configure(app))
    thread = threading.Thread(target=lambda: server.run(sockets=[listener]), daemon=True)
    thread.start()

    def stop() -> None:
        server.should_exit = True
        thread.join(10)
        listener.close()

    wait_for(lambda: server.started)
    try:
        yield Served(address_of(listener), stop)
    finally:
        stop()


def wait_for(holds: Callable[[], bool], seconds: float = 10) -> None:
    """Wait until something holds."""
    pause, until = threading.Event(), seconds
    while not holds():
        assert until > 0, "it did not come about in time"
        pause.wait(0.02)
        until -= 0.02
