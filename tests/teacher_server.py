"""An OpenAI-compatible endpoint on this machine that knows a script and misbehaves on purpose.

What goes wrong with a question is decided by its text, so that every run meets the same faults;
what passes by itself (429, 500, a hang) happens to a question's first request only.
"""

import hashlib
import json
import random
import re
import threading
import time
from collections import Counter
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from mentallama.data.scripted import Line, write_line

Script = Mapping[tuple[str, str], tuple[str, Line]]
"""Post text and question -> task and what to say."""

PASSING = ("429", "500", "hang", "drop")
LASTING = ("refusal", "sorry", "filter", "bad json", "empty", "cut off")


class TeacherServer(ThreadingHTTPServer):
    """Serve with it as a context manager: ``with running(TeacherServer(script)) as server``."""

    daemon_threads = True

    def __init__(
        self,
        script: Script,
        *,
        faults: tuple[str, ...] = (),
        one_in: int = 12,
        hang: float = 30.0,
        delay: float = 0.0,
    ) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.script, self.faults, self.one_in = script, faults, one_in
        self.hang, self.delay = hang, delay
        self.lock = threading.Lock()
        self.requests: list[dict[str, Any]] = []
        self.seen: Counter[str] = Counter()
        self.files: dict[str, str] = {}
        self.batches: dict[str, dict[str, Any]] = {}
        self.batch_faults: list[str] = []
        self.always: str | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/v1"

    def __enter__(self) -> "TeacherServer":
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()

    def handle_error(self, *_: Any) -> None:
        """A client that was killed is no news."""

    def fault_of(self, text: str) -> str:
        """Return what goes wrong with a question, by its text."""
        number = int(hashlib.sha256(text.encode()).hexdigest(), 16)
        if not self.faults or number % self.one_in:
            return ""
        return self.faults[number // self.one_in % len(self.faults)]

    def answer(self, body: dict[str, Any]) -> dict[str, Any]:
        """Return a chat completion, the lasting faults among them."""
        asked = body["messages"][-1]["content"]
        found = re.fullmatch(
            r"Post:\n(.*)\n\nQuestion: (.*?)(?:\nAnnotated answer: .*)?", asked, re.DOTALL
        )
        assert found, "the prompt has another form"
        known = self.script.get((found[1], found[2]))
        text = write_line(*known) if known else ""
        message: dict[str, Any] = {"role": "assistant", "content": text}
        finish = "stop"
        match self.fault_of(asked):
            case "refusal":
                message = {"role": "assistant", "content": None, "refusal": "no"}
            case "sorry":
                message["content"] = "I'm sorry, but I can't help with that."
            case "filter":
                message["content"], finish = "", "content_filter"
            case "bad json":
                message["content"] = text[:-9]
            case "empty":
                message["content"] = ""
            case "cut off":
                message["content"], finish = text[:40], "length"
        prompt = sum(len(m["content"]) for m in body["messages"]) // 4
        answer = len(message["content"] or "") // 4
        return {
            "id": "x",
            "object": "chat.completion",
            "created": 0,
            "model": body["model"],
            "choices": [{"index": 0, "message": message, "finish_reason": finish}],
            "usage": {
                "prompt_tokens": prompt,
                "completion_tokens": answer,
                "total_tokens": prompt + answer,
            },
        }


class _Handler(BaseHTTPRequestHandler):
    server: TeacherServer
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        pass

    def _send(self, status: int, value: Any, **headers: str) -> None:
        data = value if isinstance(value, bytes) else json.dumps(value).encode()
        self.send_response(status)
        for name, header in headers.items():
            self.send_header(name.replace("_", "-"), header)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def do_POST(self) -> None:
        data = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.path.endswith("/chat/completions"):
            self._chat(json.loads(data))
        elif self.path.endswith("/files"):
            self._upload(data)
        elif self.path.endswith("/batches"):
            self._batch(json.loads(data))
        else:
            self._send(404, {"error": {"message": "no such path"}})

    def _chat(self, body: dict[str, Any]) -> None:
        server = self.server
        asked = body["messages"][-1]["content"]
        with server.lock:
            server.requests.append(body)
            server.seen[asked] += 1
            first = server.seen[asked] == 1
        if server.always:
            self._send(int(server.always), {"error": {"message": asked, "code": None}})
            return
        fault = server.fault_of(asked)
        if first and fault == "429":
            self._send(429, {"error": {"message": "slow down"}}, Retry_After="0")
        elif first and fault == "500":
            self._send(500, {"error": {"message": "oops"}})
        elif first and fault == "drop":
            self.close_connection = True
        else:
            time.sleep(server.hang if first and fault == "hang" else server.delay)
            self._send(200, server.answer(body))

    def _upload(self, data: bytes) -> None:
        lines = [line for line in data.decode().splitlines() if line.startswith('{"custom_id"')]
        name = f"file-{len(self.server.files)}"
        self.server.files[name] = "\n".join(lines)
        self._send(200, _file(name))

    def _batch(self, body: dict[str, Any]) -> None:
        server = self.server
        name = f"batch-{len(server.batches)}"
        server.batches[name] = {
            "id": name,
            "object": "batch",
            "endpoint": body["endpoint"],
            "input_file_id": body["input_file_id"],
            "completion_window": "24h",
            "created_at": 0,
            "status": "in_progress",
            "polls": 0,
        }
        self._send(200, server.batches[name])

    def do_GET(self) -> None:
        name = self.path.split("/")[-1]
        if "/batches/" in self.path:
            batch = self.server.batches[name]
            batch["polls"] += 1
            if batch["polls"] >= 2 and batch["status"] == "in_progress":
                _finish(self.server, batch)
            self._send(200, batch)
        elif self.path.endswith("/content"):
            self._send(200, self.server.files[self.path.split("/")[-2]].encode())
        else:
            self._send(404, {"error": {"message": "no such path"}})


def _file(name: str) -> dict[str, Any]:
    return {
        "id": name,
        "object": "file",
        "bytes": 1,
        "created_at": 0,
        "filename": name,
        "purpose": "batch",
        "status": "processed",
    }


def _finish(server: TeacherServer, batch: dict[str, Any]) -> None:
    """Write the answers of a batch: shuffled, some missing, some failed, one line broken."""
    results, errors = [], []
    fault = server.batch_faults.pop(0) if server.batch_faults else ""
    for number, line in enumerate(server.files[batch["input_file_id"]].splitlines()):
        request = json.loads(line)
        server.requests.append(request["body"])
        row = {"id": f"r{number}", "custom_id": request["custom_id"], "error": None}
        if fault == "missing" and number % 5 == 0:
            continue
        if fault == "missing" and number % 7 == 0:
            failed = {"status_code": 500, "body": {"error": {"code": "server_error"}}}
            errors.append(json.dumps({**row, "response": failed}))
            continue
        response = {"status_code": 200, "request_id": "q", "body": server.answer(request["body"])}
        results.append(json.dumps({**row, "response": response}))
    if fault:
        random.Random(0).shuffle(results)
        results.append('{"custom_id": "nobody asked this", "response": null}')
        results.append(results[0][: len(results[0]) // 2])
    server.files[f"{batch['id']}-out"] = "\n".join(results)
    server.files[f"{batch['id']}-errors"] = "\n".join(errors)
    batch["status"] = "completed"
    batch["output_file_id"] = f"{batch['id']}-out"
    batch["error_file_id"] = f"{batch['id']}-errors" if errors else None
