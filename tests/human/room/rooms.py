"""An invented study, and rooms for it: real servers on real sockets, asked over HTTP."""

import http.client
import io
import json
import re
import subprocess
import sys
import threading
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import uvicorn

from mentallama.cli import _guard, cli
from mentallama.human.assignment import assign
from mentallama.human.room.app import make_room
from mentallama.human.room.database import open_database, writing
from mentallama.human.room.people import invite as make_tokens
from mentallama.human.room.people import register
from mentallama.human.room.settings import Clock, RoomSettings, utc_now
from mentallama.human.rubric import Anchor, Example, RatedAspect, Rubric
from mentallama.human.study import About, Key, Study, write_study
from mentallama.types import Item
from mentallama.web.run import address_of, bind, configure

MODELS = ("albatross-9b", "wombat-chat", "narwhal-xl")
"""Invented names that no rater may ever see."""
ASPECTS = ("fluency", "support", "overall")
POST = (
    "The 😅 bus was late again. Nobody waved, so I walked home <b>in the rain</b>! "
    "My flatmate had kept me some soup.\r\nThat was item {number}."
)
ANSWER = "No, the poster does not suffer from stress. Reasoning: Soup was kept for them ({number})."


def make_rubric() -> Rubric:
    """Return an invented rubric of three aspects, 0 to 3."""
    names = ("not at all", "partly", "mostly", "fully")
    return Rubric(
        name="invented",
        version=2,
        title="How good is the answer?",
        instructions="Read the post first.\n\nThen judge the answer for itself.",
        example=Example(post="The kettle broke.", question="Is it stressful?", label="No."),
        aspects=tuple(
            RatedAspect(
                key=key,
                title=key.title(),
                question=f"How far is {key} there?",
                anchors=tuple(
                    Anchor(score=n, name=name, text=f"It is {name} there.", example=f"Answer {n}.")
                    for n, name in enumerate(names)
                ),
            )
            for key in ASPECTS
        ),
    )


def make_study(
    folder: Path, *, items: int = 20, raters: int = 2, overlap: int = 2, calibration: int = 2
) -> Study:
    """Write an invented study and its key."""
    made = [
        Item(
            id=f"i{uuid.uuid5(uuid.NAMESPACE_OID, str(n)).hex[:12]}",
            task="dreaddit",
            question="Does the poster suffer from stress?",
            post=POST.format(number=n),
            answer=ANSWER.format(number=n),
            calibration=n < calibration,
        )
        for n in range(items)
    ]
    names = tuple(f"rater-{n + 1}" for n in range(raters))
    study = Study(
        about=About(
            name="soup",
            rubric=make_rubric().stamp,
            seed=7,
            overlap=overlap,
            raters=names,
            created="2025-01-01T00:00:00+00:00",
        ),
        rubric=make_rubric(),
        items=tuple(made),
        places=tuple(assign(made, names, overlap, 7)),
    )
    keys = [
        Key(item=item.id, model=MODELS[n % 3], sample_id=f"s{n}", task="dreaddit", gold="no")
        for n, item in enumerate(made)
    ]
    write_study(folder, study, keys)
    return study


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Visitor:
    """Somebody with a cookie jar of one cookie."""

    url: str
    cookie: str = ""
    seen: list[bytes] = field(default_factory=list)
    """Every byte of every answer, headers too."""

    def ask(
        self,
        path: str,
        value: Any = None,
        *,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Send one request: GET, or POST where there is something to send."""
        parts = urlsplit(self.url)
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=30)
        sent = {"Cookie": self.cookie, **(headers or {})}
        if value is not None:
            body = json.dumps(value).encode()
        if body is not None:
            sent.setdefault("Content-Type", "application/json")
        try:
            connection.request("GET" if body is None else "POST", path, body, sent)
            got = connection.getresponse()
            answer = Answer(got.status, got.getheaders(), got.read())
        finally:
            connection.close()
        self.seen += [str(answer.headers).encode(), answer.body]
        return answer

    def enter(self, token: str) -> Answer:
        """Open a link."""
        answer = self.ask("/v1/enter", {"token": token})
        for name, header in answer.headers:
            if name.lower() == "set-cookie":
                self.cookie = header.partition(";")[0]
        return answer

    def next(self) -> Any:
        return self.ask("/v1/next").json["item"]

    def give(self, item: str, mark: int | None = 2, **changes: Any) -> Answer:
        return self.ask("/v1/submissions", submission(item, mark, **changes))


def submission(item: str, mark: int | None = 2, **changes: Any) -> dict[str, Any]:
    """Return a whole submission of equal marks."""
    marks = dict.fromkeys(ASPECTS, mark)
    value = {"id": str(uuid.uuid4()), "item": item, "marks": marks, "rubric": "invented@2"}
    return {**value, **changes}


def run_command(*arguments: object) -> tuple[int, str, str]:
    """Run the command line in this process; return its exit code and what it printed."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        words = [str(argument) for argument in arguments]
        code = _guard(lambda: cli.main(words, standalone_mode=False))
    return code, out.getvalue(), err.getvalue()


def invite(folder: Path, *more: object) -> dict[str, str]:
    """Make links by the command; return the secrets by name."""
    code, out, err = run_command("rate", "invite", folder, *more)
    assert code == 0, err
    return dict(re.findall(r"^(\S+)\thttp://127.0.0.1:8322/enter#(\S+)$", out, re.M))


@contextmanager
def serving(folder: Path, *more: object, port: int = 0) -> Iterator[tuple[str, Any]]:
    """Run ``rate serve`` as a process; give its address and the process."""
    command = [sys.executable, "-m", "mentallama", "rate", "serve", str(folder)]
    process = subprocess.Popen(
        [*command, "--port", str(port), *map(str, more)],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout
        line = process.stdout.readline()
        found = re.fullmatch(r"listening on (http://127\.0\.0\.1:\d+)\n", line)
        if not found:
            process.kill()
            raise AssertionError(process.communicate()[1])
        yield found[1], process
    finally:
        process.kill()
        process.communicate()


class Room:
    """A room that is open, and the secrets of its links."""

    def __init__(self, url: str, folder: Path, tokens: dict[str, str]) -> None:
        self.url, self.folder, self.tokens = url, folder, tokens

    def enter(self, name: str) -> Visitor:
        visitor = Visitor(self.url)
        assert visitor.enter(self.tokens[name]).status == 200
        return visitor


@contextmanager
def open_here(
    folder: Path, clock: Clock = utc_now, settings: RoomSettings | None = None, **sizes: int
) -> Iterator[Room]:
    """Open a room in a thread of this process, by a clock of ours."""
    study = make_study(folder, **sizes)
    engine = open_database(None, folder)
    with writing(engine) as connection:
        register(connection, study)
        tokens = make_tokens(connection, study.about.name)
    listener = bind("127.0.0.1", 0)
    server = uvicorn.Server(configure(make_room(study, engine, settings, clock)))
    thread = threading.Thread(target=lambda: server.run(sockets=[listener]), daemon=True)
    thread.start()
    while not server.started:
        thread.join(0.01)
    try:
        yield Room(address_of(listener), folder, tokens)
    finally:
        server.should_exit = True
        thread.join(10)


@contextmanager
def opened(url: str, token: str) -> Iterator[Visitor]:
    """Give a visitor who has come in."""
    visitor = Visitor(url)
    assert visitor.enter(token).status == 200
    yield visitor
