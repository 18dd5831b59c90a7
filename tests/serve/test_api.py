"""The HTTP interface: the same JSON as everywhere, bounds, and silence about what was sent."""

import json
import logging
import re
import socket
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields
from urllib.parse import urlsplit

import pytest

pytest.importorskip("fastapi")
pytest.importorskip("prometheus_client")

from mentallama.analysis import analyse, as_reply
from mentallama.analysis.fake import FakeAnalyser
from mentallama.types import Analysis, Evidence
from mentallama.web.tokens import hash_token
from tests.serve.servers import POST, Gated, Mixed, Moody, Served, serving, wait_for

TOKEN = "an-invented-token-of-some-length"
CANARY = "zanzibarcanary"


@pytest.fixture(scope="module")
def server() -> Iterator[Served]:
    with serving(FakeAnalyser(), Mixed(), max_bytes=20_000, max_texts=4) as served:
        yield served


def test_a_reply_is_the_one_of_every_door(server: Served) -> None:
    [found] = analyse([POST], analyser=FakeAnalyser(), tasks=["SAD", "Irf"])
    answer = server.ask("/v1/analyse", {"text": POST, "tasks": ["SAD", "Irf"]})
    assert answer.status == 200
    assert answer.json == json.loads(json.dumps(as_reply(found)))
    one = answer.json["analyses"][0]["evidence"][0]
    assert POST[one["start"] : one["end"]] == one["text"]


def test_every_question_is_asked_unless_tasks_are_named(server: Served) -> None:
    assert len(server.ask("/v1/analyse", {"text": POST, "tasks": None}).json["analyses"]) == 16
    nothing = server.ask("/v1/analyse", {"text": "  \n"}).json["analyses"]
    assert {one["explanation"] for one in nothing} == {"There is nothing to read in this post."}


def test_a_model_is_chosen_by_name(server: Served) -> None:
    answer = server.ask("/v1/analyse", {"text": POST, "model": "mixed", "tasks": ["DR"]})
    assert answer.json["analyses"][0]["model"] == "mixed"


def test_a_batch_gives_the_replies_in_order(server: Served) -> None:
    texts = ["a short one", POST, " "]
    answer = server.ask("/v1/analyse/batch", {"texts": texts, "tasks": ["SAD"]})
    alone = [server.ask("/v1/analyse", {"text": t, "tasks": ["SAD"]}).json for t in texts]
    assert answer.json == {"results": alone}
    assert server.ask("/v1/analyse/batch", {"texts": []}).json == {"results": []}
    many = server.ask("/v1/analyse/batch", {"texts": ["x"] * 5})
    assert (many.status, many.json) == (422, {"error": "texts: 5 posts; send up to 4 at a time"})


BAD = [
    (b"", "body: Field required"),
    (f'{{"text": "{CANARY}'.encode(), "the body is not JSON (character"),
    (f'{{"text": "{CANARY}\xff"}}'.encode("latin-1"), "the body could not be read"),
    (json.dumps([CANARY]).encode(), "the body should be a JSON object"),
    (json.dumps({"text": [CANARY]}).encode(), "text: Input should be a valid string"),
    (json.dumps({"texts": CANARY}).encode(), "text: Field required (and 1 more)"),
    (json.dumps({"text": "x", CANARY: 1}).encode(), "the body has a field that is not known"),
    (json.dumps({"text": "x", "tasks": ["dredit", CANARY]}).encode(), "Did you mean 'dreaddit'?"),
    (json.dumps({"text": "x", "tasks": [CANARY * 9]}).encode(), "tasks.0: no such task. Known: DR"),
    (json.dumps({"text": "x", "tasks": []}).encode(), "tasks: no task is named"),
    (json.dumps({"text": f"{CANARY}\ud800"}).encode(), "text: Text holds half of a surrogate"),
    (b"[" * 15_000, "the body could not be read"),
]


@pytest.mark.parametrize(("body", "line"), BAD, ids=range(len(BAD)))
def test_a_bad_body_is_named_and_not_repeated(server: Served, body: bytes, line: str) -> None:
    answer = server.ask("/v1/analyse", body=body)
    assert answer.status in (400, 422)
    assert list(answer.json) == ["error"]
    assert line in answer.json["error"]
    assert CANARY not in answer.text
    assert "\n" not in answer.json["error"]


def test_a_body_that_does_not_say_json_is_refused(server: Served) -> None:
    """Such a request needs no leave of the browser: any site could send it."""
    plain = server.ask("/v1/analyse", {"text": "x"}, headers={"Content-Type": "text/plain"})
    assert plain.status == 422


@pytest.mark.parametrize("model", ["minni", "http://somewhere.example/v1", "../../etc"])
def test_only_models_named_at_the_start_are_asked(server: Served, model: str) -> None:
    answer = server.ask("/v1/analyse", {"text": "x", "model": model})
    assert answer.status == 404
    assert answer.json == {"error": "no such model here; this server has fake, mixed"}


def test_other_addresses_and_methods_answer_in_the_same_form(server: Served) -> None:
    assert server.ask(f"/{CANARY}").json == {
        "error": "there is nothing at this address; see /openapi.json"
    }
    wrong = server.ask("/v1/analyse", {"text": "x"}, method="PUT")
    assert (wrong.status, list(wrong.json), wrong.headers["allow"]) == (405, ["error"], "POST")
    for path in ("/docs", "/redoc", "/static/../app.py", "/static/app.py"):
        assert server.ask(path).status == 404


def test_a_long_body_is_refused_whether_or_not_it_says_its_length(server: Served) -> None:
    text = json.dumps({"text": "y" * 30_000}).encode()
    chunks = (text[at : at + 1000] for at in range(0, len(text), 1000))
    for answer in (
        server.ask("/v1/analyse", body=text),
        server.ask("/v1/analyse", body=chunks),
        server.ask("/v1/support", body=text),
        server.ask("/v1/analyse", body=b"x" * 200_000),
    ):
        assert answer.status == 413
        assert answer.json == {"error": "the body is longer than 20,000 bytes; send less at a time"}


def head_of(path: str, length: int) -> bytes:
    lines = (f"POST {path} HTTP/1.1", "Host: localhost", "Content-Type: application/json")
    return "\r\n".join([*lines, f"Content-Length: {length}", "\r\n"]).encode()


def test_a_body_that_never_ends_is_not_waited_for() -> None:
    with serving(FakeAnalyser(), body_seconds=0.2, queue=0) as served:
        parts = urlsplit(served.url)
        with socket.create_connection((parts.hostname, parts.port), timeout=10) as slow:
            slow.sendall(head_of("/v1/analyse", 9) + b"{")
            assert slow.recv(200).startswith(b"HTTP/1.1 408")
        assert served.ask("/v1/analyse", {"text": "x"}).status == 200


def test_where_every_place_is_taken_one_is_told_when_to_come_again() -> None:
    gated = Gated()
    with serving(gated, workers=1, queue=1) as served, ThreadPoolExecutor(2) as threads:
        held = [threads.submit(served.ask, "/v1/analyse", {"text": "wait"}) for _ in range(2)]
        wait_for(lambda: "mentallama_queue 1.0" in served.ask("/metrics").text)
        refused = served.ask("/v1/analyse", {"text": "x"})
        assert refused.status == 503
        assert refused.headers["retry-after"] == "2"
        assert "all places are taken" in refused.json["error"]
        # What helps somebody at risk never queues.
        assert served.ask("/v1/support", {"text": "nobody waved"}).json["support"]
        gated.gate.set()
        assert [one.result().status for one in held] == [200, 200]
        assert served.ask("/v1/analyse", {"text": "x"}).status == 200


def test_two_hundred_at_once_are_answered_or_told_to_come_again() -> None:
    gated = Gated()
    value = {"text": f"wait {POST}", "tasks": ["SAD"]}
    with serving(gated, workers=2, queue=30) as served, ThreadPoolExecutor(200) as threads:
        threading.Timer(0.5, gated.gate.set).start()
        asked = [threads.submit(served.ask, "/v1/analyse", value) for _ in range(200)]
        counts = Counter(one.result().status for one in asked)
        assert set(counts) <= {200, 503}
        assert counts[200] >= 32
        assert counts[503] > 0
        assert served.ask("/health").status == 200
        assert "mentallama_queue 0.0" in served.ask("/metrics").text


def test_nothing_more_is_read_for_a_client_that_left() -> None:
    gated = Gated()
    body = json.dumps({"texts": ["wait"] * 50, "tasks": ["SAD"]}).encode()
    with serving(gated) as served:
        parts = urlsplit(served.url)
        wait_for(lambda: served.ask("/health").status == 200)
        before = gated.read
        with socket.create_connection((parts.hostname, parts.port), timeout=10) as client:
            client.sendall(head_of("/v1/analyse/batch", len(body)) + body)
            threading.Event().wait(0.2)
        threading.Event().wait(0.8)
        gated.gate.set()
        assert served.ask("/v1/analyse", {"text": "x", "tasks": ["SAD"]}).status == 200
        assert gated.read - before < 5


def test_health_is_what_a_real_answer_says() -> None:
    gate = threading.Event()
    moody = Moody(broken=lambda post: bool(gate.wait(10)) and CANARY in post)
    with serving(moody) as served:
        before = served.ask("/health")
        assert (before.status, before.json["models"]) == (503, {"moody": "starting"})
        gate.set()
        wait_for(lambda: served.ask("/health").status == 200)
        # One post that it cannot read is no broken model.
        assert served.ask("/v1/analyse", {"text": CANARY}).status == 500
        wait_for(lambda: served.ask("/health").json["status"] == "ok")
        moody.broken = lambda post: True
        assert served.ask("/v1/analyse", {"text": "x"}).status == 500
        wait_for(lambda: served.ask("/health").status == 503)
        assert served.ask("/health").json == {"status": "not ready", "models": {"moody": "broken"}}
        moody.broken = lambda post: False
        wait_for(lambda: served.ask("/health").status == 200)


def test_a_failing_model_says_nothing_of_the_post(caplog: pytest.LogCaptureFixture) -> None:
    def fail(text: str, locale: str) -> None:
        raise KeyError(text)

    caplog.set_level(logging.DEBUG)
    with serving(Moody(broken=lambda post: CANARY in post), support=fail) as served:
        for path, value in (
            ("/v1/analyse", {"text": CANARY}),
            ("/v1/analyse/batch", {"texts": ["x", CANARY]}),
            ("/v1/support", {"text": CANARY}),
        ):
            answer = served.ask(path, value)
            assert answer.status == 500
            assert re.fullmatch(r"the (model|search for help) failed.*", answer.json["error"])
            assert CANARY not in answer.text
    ours = [record.getMessage() for record in caplog.records if record.name.startswith("mental")]
    assert ours == [
        "analysis failed: ArithmeticError",
        "analysis failed: ArithmeticError",
        "support failed: KeyError",
    ]
    assert CANARY not in caplog.text


def test_metrics_count_and_name_nothing_of_a_client(server: Served) -> None:
    server.ask(f"/{CANARY}?{CANARY}=1", method="GET")
    server.ask("/v1/analyse", {"text": CANARY, "model": CANARY})
    server.ask("/v1/analyse/batch", {"texts": [CANARY, "x"], "tasks": ["DR"]})
    text = server.ask("/metrics").text
    assert 'mentallama_requests_total{method="GET",path="other",status="404"}' in text
    assert 'mentallama_requests_total{method="POST",path="/v1/analyse",status="200"}' in text
    assert 'mentallama_request_seconds_bucket{le="0.1",path="/v1/analyse"}' in text
    assert re.search(r'mentallama_posts_total\{model="fake"\} [1-9]', text)
    assert "mentallama_queue 0.0" in text
    assert CANARY not in text


def test_openapi_tells_the_records_as_they_are(server: Served) -> None:
    schema = server.ask("/openapi.json").json
    parts = schema["components"]["schemas"]
    for record in (Analysis, Evidence):
        assert list(parts[record.__name__]["properties"]) == [f.name for f in fields(record)]
    assert set(schema["paths"]) == {
        "/v1/analyse",
        "/v1/analyse/batch",
        "/v1/support",
        "/health",
        "/metrics",
    }
    answers = schema["paths"]["/v1/analyse"]["post"]["responses"]
    assert answers["200"]["content"]["application/json"]["schema"]["$ref"].endswith("/Reply")
    assert answers["422"]["content"]["application/json"]["schema"]["$ref"].endswith("/ErrorReply")
    assert "HTTPValidationError" not in parts


def test_support_is_given_apart_from_any_label(server: Served) -> None:
    found = server.ask("/v1/support", {"text": POST, "locale": "de"}).json["support"]
    assert found["lines"][0] == {
        "name": "Invented Line",
        "contact": "000 000",
        "url": "https://help.example",
        "where": "nowhere (de)",
        "hours": None,
    }
    assert server.ask("/v1/support", {"text": "a bus"}).json == {"support": None}
    with serving(FakeAnalyser(), support=None) as served:
        assert served.ask("/v1/support", {"text": POST}).json == {"support": None}


def test_a_token_is_asked_for_where_there_is_one(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    settings = {"token_hash": hash_token(TOKEN), "hosts": ()}
    with serving(FakeAnalyser(), **settings) as served:
        value = {"text": "x", "tasks": ["DR"]}
        for headers in (
            {},
            {"Authorization": f"Bearer {TOKEN}x"},
            {"Authorization": f"Basic {TOKEN}"},
            {"Authorization": "Bearer"},
            {"Authorization": "Bearer \xe9"},
        ):
            answer = served.ask("/v1/analyse", value, headers=headers)
            assert answer.status == 401
            assert answer.headers["www-authenticate"] == "Bearer"
            assert list(answer.json) == ["error"]
        good = {"Authorization": f"Bearer {TOKEN}", "Host": "any.example"}
        assert served.ask("/v1/analyse", value, headers=good).status == 200
        assert served.ask("/metrics").status == 401
        assert served.ask("/metrics", headers=good).status == 200
        assert served.ask(f"/v1/analyse?token={TOKEN}", value).status == 401
        for path in ("/", "/static/app.js", "/openapi.json"):
            assert served.ask(path).status == 200
    assert TOKEN not in caplog.text


def test_other_hosts_and_sites_are_refused_on_this_machine(server: Served) -> None:
    for host in ("rebound.example", "127.0.0.1.evil.example", ""):
        assert server.ask("/", headers={"Host": host}).status == 400
    for host in ("localhost:80", "127.0.0.1", "[::1]:9"):
        assert server.ask("/", headers={"Host": host}).status == 200
    for site in ("cross-site", "same-site"):
        headers = {"Sec-Fetch-Site": site}
        assert server.ask("/v1/analyse", {"text": "x"}, headers=headers).status == 403
    ask = {"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}
    preflight = server.ask("/v1/analyse", method="OPTIONS", headers=ask)
    assert preflight.status == 405
    assert not [name for name in preflight.headers if name.lower().startswith("access-control")]


@pytest.mark.parametrize("path", ["/", "/health", "/static/app.js", "/v1/nothing", "/metrics"])
def test_every_answer_bears_the_headers(server: Served, path: str) -> None:
    headers = {name.lower(): value for name, value in server.ask(path).headers.items()}
    assert "default-src 'self'" in headers["content-security-policy"]
    assert "unsafe" not in headers["content-security-policy"]
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cache-control"] == "no-store"
    assert "server" not in headers
