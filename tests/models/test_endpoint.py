"""Generation through OpenAI-compatible endpoints: a scripted one with faults, and a real one."""

import importlib.util
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from mentallama.errors import InputError
from mentallama.models.backend import Decoding
from mentallama.models.endpoint import Endpoint, Prices
from mentallama.models.generate import as_released, generate
from mentallama.models.local import load_local
from tests.conftest import sample
from tests.models.test_engines import save

pytest.importorskip("openai")
DECODING = Decoding(max_new_tokens=12, temperature=0.0, seed=5)


class Server(ThreadingHTTPServer):
    """Repeats prompts in capitals; a prompt's first word may name what goes wrong with it."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.bodies: list[dict[str, Any]] = []
        self.seen: Counter[str] = Counter()
        self.lock = threading.Lock()
        self.at_once = self.most_at_once = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/v1"

    def handle_error(self, *_: Any) -> None:
        """A client that hung up is no news."""


class Handler(BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        pass

    def send(self, status: int, value: Any) -> None:
        data = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def do_POST(self) -> None:
        server = self.server
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        asked = body["messages"][0]["content"] if "messages" in body else body["prompt"]
        with server.lock:
            server.bodies.append(body)
            server.seen[asked] += 1
            first = server.seen[asked] == 1
            server.at_once += 1
            server.most_at_once = max(server.most_at_once, server.at_once)
        time.sleep(0.005 * (len(asked) % 7))
        with server.lock:
            server.at_once -= 1
        self.answer(asked, asked.split(" ")[0], first, chat="messages" in body)

    def answer(self, asked: str, fault: str, first: bool, *, chat: bool) -> None:
        if fault == "down" or (fault == "503" and first):
            self.send(503, {"error": {"message": asked}})
        elif fault == "drop" and first:
            self.close_connection = True
        elif fault == "long" and len(asked) > 60:
            message = f"maximum context length is 9 tokens; you sent: {asked}"
            self.send(400, {"error": {"message": message, "code": 400}})
        elif fault == "wrong":
            self.send(404, {"error": {"message": asked}})
        else:
            finish = "length" if fault == "cut" else "stop"
            text = {"message": {"role": "assistant", "content": asked.upper()}}
            choice = {"index": 0, "finish_reason": finish}
            choice |= text if chat else {"text": asked.upper()}
            words = len(asked.split())
            usage = {"prompt_tokens": words, "completion_tokens": words, "total_tokens": 2 * words}
            head = {"id": "x", "object": "x", "created": 0, "model": "m"}
            self.send(200, head | {"choices": [choice], "usage": usage})


@pytest.fixture
def server() -> Iterator[Server]:
    serving = Server()
    threading.Thread(target=serving.serve_forever, kwargs={"poll_interval": 0.05}).start()
    yield serving
    serving.shutdown()
    serving.server_close()


def test_answers_come_in_order_through_a_window(server: Server) -> None:
    prompts = [f"prompt x{'x' * (n % 13)} {n} " for n in range(60)]
    backend = Endpoint(server.url, "m", concurrency=4)
    answers = list(backend.complete(prompts, DECODING))
    assert [answer.text for answer in answers] == [prompt.upper()[:-1] for prompt in prompts]
    assert 1 < server.most_at_once <= 4
    assert backend.usage.show() == "60 answers: 180 prompt tokens, 180 answer tokens"
    assert backend.usage.cost(Prices(prompt=1.0, answer=3.0)) == pytest.approx(180 * 4 / 1e6)
    assert answers[0].prompt_tokens == answers[0].answer_tokens == 3


@pytest.mark.parametrize("raw", [False, True])
def test_what_is_sent(server: Server, raw: bool) -> None:
    backend = Endpoint(server.url, "m", raw=raw)
    assert [a.text for a in backend.complete(["a query "], DECODING)] == ["A QUERY"]
    asked = {"prompt": "a query"} if raw else {"messages": [{"role": "user", "content": "a query"}]}
    common = {"model": "m", "temperature": 0.0, "seed": 5, "max_tokens": 12}
    assert server.bodies == [common | asked]
    assert ("without template" in backend.key) is raw


def test_passing_faults_are_tried_again_and_lengths_are_flagged(server: Server) -> None:
    prompts = ["503 a", "drop b", "cut c", f"long {'middle ' * 20}end", "d"]
    answers = list(Endpoint(server.url, "m", concurrency=2).complete(prompts, DECODING))
    assert [a.text for a in answers[:3]] == ["503 A", "DROP B", "CUT C"]
    assert [a.cut_off for a in answers] == [False, False, True, False, False]
    assert [a.prompt_truncated for a in answers] == [False, False, False, True, False]
    assert answers[3].text.startswith("LONG MIDDLE")
    assert answers[3].text.endswith("MIDDLE END")


def test_a_lasting_fault_stops_in_one_line_and_nothing_is_lost(
    server: Server, tmp_path: Path
) -> None:
    samples = [sample(text=f"post number {n}", row=n) for n in range(1, 9)]
    asked = as_released(samples)
    broken = list(asked.prompts)
    broken[4] = "down " + broken[4][5:]
    stopped = type(asked)(samples=samples, prompts=broken)
    backend = Endpoint(server.url, "m", concurrency=2, retries=0)
    with pytest.raises(InputError) as raised:
        generate(backend, stopped, tmp_path / "r.jsonl")
    message = str(raised.value)
    done = len((tmp_path / "r.jsonl.partial").read_text().splitlines()) - 1
    assert 0 < done < 8
    assert message == (
        f"{server.url}: HTTP 503 for the next row, after 0 retries; {done} rows of this run are "
        "done and kept, the same command goes on from there"
    )
    asked_before = len(server.bodies)
    Handler.answer, kept = _always, Handler.answer  # type: ignore[method-assign]
    try:
        responses = generate(backend, stopped, tmp_path / "r.jsonl")
    finally:
        Handler.answer = kept  # type: ignore[method-assign]
    assert len(responses) == 8
    assert len(server.bodies) - asked_before == 8 - done


def _always(self: Handler, asked: str, fault: str, first: bool, *, chat: bool) -> None:
    choice = {"index": 0, "finish_reason": "stop", "message": {"role": "a", "content": "yes"}}
    self.send(200, {"id": "x", "object": "x", "created": 0, "model": "m", "choices": [choice]})


def test_a_wrong_model_is_one_line(server: Server) -> None:
    with pytest.raises(InputError, match="HTTP 404; check the address") as raised:
        list(Endpoint(server.url, "m").complete(["wrong secret words"], DECODING))
    assert "secret" not in str(raised.value)


def test_an_endpoint_that_is_down_is_one_line() -> None:
    url = f"http://127.0.0.1:{_free_port()}/v1"
    with pytest.raises(InputError, match="no connection for the next row, after 1 retries; 0 rows"):
        list(Endpoint(url, "m", retries=1).complete(["a", "b"], DECODING))


@pytest.mark.parametrize("url", ["localhost:8000", "ftp://x/v1", "https://example.org/v1"])
def test_a_bad_address_or_no_key_is_said_at_once(url: str, monkeypatch: Any) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with pytest.raises(InputError, match="--endpoint"):
        Endpoint(url, "m")


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """Run ``transformers serve`` with a tiny model; give its address and the model's folder."""
    if not all(importlib.util.find_spec(name) for name in ("fastapi", "uvicorn")):
        pytest.skip("transformers serve needs fastapi and uvicorn")
    folder = save(tmp_path_factory.mktemp("served") / "llama", "llama")
    settings = json.loads((folder / "tokenizer_config.json").read_text())
    settings["chat_template"] = "{{ bos_token }}{% for m in messages %}{{ m.content }}{% endfor %}"
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    port = _free_port()
    command = [sys.executable, "-m", "transformers.cli.transformers", "serve", str(folder)]
    process = subprocess.Popen(
        [*command, "--port", str(port), "--device", "cpu"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "HF_HUB_OFFLINE": "1"},
    )
    try:
        _wait_for(port, process)
        yield f"http://localhost:{port}/v1", folder
    finally:
        process.terminate()
        process.wait()


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    for _ in range(600):
        assert process.poll() is None, "the server stopped"
        with socket.socket() as one:
            if one.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.2)
    raise AssertionError("the server did not start")


@pytest.mark.parametrize("raw", [False, True])
def test_a_real_server_answers_as_the_model_itself(served: tuple[str, Path], raw: bool) -> None:
    url, folder = served
    prompts = ["a few words", "some other words of text", "yet another prompt to answer"]
    expected = list(load_local(str(folder)).complete(prompts, DECODING))
    backend = Endpoint(url, str(folder), raw=raw, concurrency=2)
    found = list(backend.complete(prompts, DECODING))
    assert [answer.text for answer in found] == [answer.text for answer in expected]
    assert [answer.cut_off for answer in found] == [answer.cut_off for answer in expected]
    assert backend.usage.answer_tokens == sum(answer.answer_tokens or 0 for answer in expected)
