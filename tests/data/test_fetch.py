"""Downloading the release, from a real local server that misbehaves."""

import hashlib
import threading
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from mentallama.data.fetch import ATTEMPTS, fetch_imhi, release_blobs
from mentallama.errors import InputError
from mentallama.io import git_blob_id

TEXT = b"query,gpt-3.5-turbo\n" + b"an invented post, an invented answer\n" * 4000
FILES = {"test_data/test_instruction/SAD.csv": TEXT, "train data/DR.csv": b"query\nshort\n"}


def blob(data: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


BLOBS = {path: blob(data) for path, data in FILES.items()}
SAD = "test_data/test_instruction/SAD.csv"


class Server(ThreadingHTTPServer):
    """Serves FILES and does to each path what ``faults`` says, in order, before it behaves."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.faults: dict[str, list[str]] = {}
        self.log: list[tuple[str, str | None]] = []
        self.sent: Counter[str] = Counter()
        self.ranges = True

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/mirror"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def log_message(self, *arguments: object) -> None:
        pass

    def do_GET(self) -> None:
        path = self.path.removeprefix("/mirror/").replace("%20", " ")
        asked = self.headers.get("Range")
        self.server.log.append((path, asked))
        faults = self.server.faults.get(path, [])
        fault = faults.pop(0) if faults else "none"
        if fault.isdigit():
            self.send_response(int(fault))
            if fault == "429":
                self.send_header("Retry-After", "0")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        data = FILES.get(path)
        if data is None:
            self.send_error(404)
            return
        if fault == "wrong":
            data = data[::-1]
        start = int(asked.removeprefix("bytes=").rstrip("-")) if asked and self.server.ranges else 0
        body = data[start:]
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if fault == "cut":
            body = body[: len(body) // 2]
        self.server.sent[path] += len(body)
        self.wfile.write(body)
        if fault == "cut":
            self.wfile.flush()
            self.connection.close()


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield running
        running.shutdown()


def fetch(server: Server, out: Path, **options: object) -> object:
    return fetch_imhi(out, mirror=server.url, blobs=BLOBS, wait=0.01, **options)  # type: ignore[arg-type]


def same(out: Path) -> bool:
    return all((out / path).read_bytes() == data for path, data in FILES.items())


def test_everything_arrives_and_is_not_asked_for_twice(server: Server, tmp_path: Path) -> None:
    first = fetch(server, tmp_path)
    assert same(tmp_path)
    assert (first.fetched, first.kept, first.bytes) == (2, 0, sum(map(len, FILES.values())))  # type: ignore[attr-defined]
    asked = len(server.log)
    second = fetch(server, tmp_path)
    assert (second.fetched, second.kept) == (0, 2)  # type: ignore[attr-defined]
    assert len(server.log) == asked


def test_a_cut_transfer_goes_on_where_it_stopped(server: Server, tmp_path: Path) -> None:
    server.faults[SAD] = ["cut", "cut"]
    fetch(server, tmp_path)
    assert same(tmp_path)
    ranges = [asked for path, asked in server.log if path == SAD]
    assert ranges[0] is None and all(ranges[1:])
    # What was on its way when the line was cut may be sent again, and no more than that.
    assert server.sent[SAD] <= len(TEXT) + 2 * 8192


def test_what_a_killed_run_left_is_used(server: Server, tmp_path: Path) -> None:
    partial = tmp_path / f"{SAD}.part"
    partial.parent.mkdir(parents=True)
    partial.write_bytes(TEXT[:1000])
    fetch(server, tmp_path)
    assert same(tmp_path)
    assert server.sent[SAD] == len(TEXT) - 1000
    assert not partial.exists()


def test_rubbish_left_over_is_thrown_away(server: Server, tmp_path: Path) -> None:
    partial = tmp_path / f"{SAD}.part"
    partial.parent.mkdir(parents=True)
    partial.write_bytes(b"x" * (len(TEXT) + 5))
    fetch(server, tmp_path)
    assert same(tmp_path)


def test_a_server_without_ranges_is_read_from_the_start(server: Server, tmp_path: Path) -> None:
    server.ranges = False
    server.faults[SAD] = ["cut"]
    fetch(server, tmp_path)
    assert same(tmp_path)


@pytest.mark.parametrize("faults", [["500"], ["429", "503"], ["wrong"]])
def test_passing_faults_are_retried(server: Server, tmp_path: Path, faults: list[str]) -> None:
    server.faults[SAD] = faults
    fetch(server, tmp_path)
    assert same(tmp_path)


def test_wrong_bytes_are_never_kept(server: Server, tmp_path: Path) -> None:
    server.faults[SAD] = ["wrong"] * 5
    with pytest.raises(InputError, match=r"SAD\.csv: the bytes are not those of the release"):
        fetch(server, tmp_path)
    assert not (tmp_path / SAD).exists()
    assert not (tmp_path / f"{SAD}.part").exists()


def test_a_changed_file_is_fetched_again(server: Server, tmp_path: Path) -> None:
    fetch(server, tmp_path)
    (tmp_path / SAD).write_bytes(b"somebody edited this")
    assert fetch(server, tmp_path).fetched == 1  # type: ignore[attr-defined]
    assert same(tmp_path)


@pytest.mark.parametrize(
    ("faults", "message"),
    [
        (["404"], "answered HTTP 404"),
        (["500"] * 20, "answered HTTP 500|cannot be reached"),
        (["cut"] * 20, f"cut {ATTEMPTS} times"),
    ],
)
def test_lasting_faults_are_one_line(
    server: Server, tmp_path: Path, faults: list[str], message: str
) -> None:
    server.faults[SAD] = list(faults)
    with pytest.raises(InputError, match=message):
        fetch(server, tmp_path)
    assert not (tmp_path / SAD).exists()


def test_nobody_listening(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be reached"):
        fetch_imhi(tmp_path, mirror="http://127.0.0.1:9/x", blobs=BLOBS, wait=0.001)


@pytest.mark.parametrize("mirror", ["ftp://example.org", "example.org/imhi", "file:///etc"])
def test_a_mirror_is_an_address(tmp_path: Path, mirror: str) -> None:
    with pytest.raises(InputError, match="expected an address"):
        fetch_imhi(tmp_path, mirror=mirror, blobs=BLOBS)


def test_parts_can_be_chosen(server: Server, tmp_path: Path) -> None:
    assert fetch(server, tmp_path, only=["DR"]).files == 1  # type: ignore[attr-defined]
    with pytest.raises(InputError, match="holds 'Dr'"):
        fetch(server, tmp_path, only=["Dr"])


def test_the_table_is_that_of_the_release(imhi: Path) -> None:
    table = release_blobs()
    assert len(table) == 57
    present = [path for path in table if (imhi / path).exists()]
    assert present
    assert all(git_blob_id(imhi / path) == table[path] for path in present)
