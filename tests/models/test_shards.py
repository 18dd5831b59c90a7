"""Shards on a local Ray cluster: every row once, whoever dies; nothing mixed, nothing silent."""

import hashlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard
from filelock import FileLock

from mentallama.errors import CheckError, InputError
from mentallama.io import read_records, write_csv
from mentallama.models.backend import Completion, Decoding
from mentallama.models.shards.posts import Question, find_shards, read_shard
from mentallama.models.shards.run import Workers, _sweep, generate_shards
from mentallama.models.shards.survey import Layout, count_distinct
from mentallama.models.shards.worker import Job, Model
from mentallama.tasks import get_task
from mentallama.types import Response
from tests.conftest import ROOT, Run, sample

ray = pytest.importorskip("ray")
BLOCK_ROWS = 100


class Slow:
    """Answers from the prompt alone, as slowly as its name says; writes down its process."""

    key = "slow 1"
    name = "slow"

    def __init__(self, model: Model) -> None:
        folder, seconds = model.name.rsplit(":", 1)
        self._seconds = float(seconds)
        self.key = model.engine
        Path(folder).mkdir(parents=True, exist_ok=True)
        (Path(folder) / str(os.getpid())).touch()

    def complete(self, prompts: Sequence[str], decoding: Decoding) -> Iterator[Completion]:
        for prompt in prompts:
            time.sleep(self._seconds)
            yield Completion(text=hashlib.sha256(prompt.encode()).hexdigest())


def load_slow(model: Model) -> tuple[Slow, str]:
    return Slow(model), "scripted"


def job(out: Path, seconds: float = 0.0, *, key: str = "slow 1", task: str | None = "SAD") -> Job:
    return Job(
        model=Model(name=f"{out.parent / 'processes'}:{seconds}", engine=key),
        question=Question(task=get_task(task) if task else None),
        layout=Layout(folder=out, block_rows=BLOCK_ROWS, suffix=".jsonl"),
        decoding=Decoding(),
        load=load_slow,
    )


def drive(folder: str, out: str, seconds: str) -> None:
    """Run as a driver of its own, to be killed."""
    generate_shards(Path(folder), job(Path(out), float(seconds)), Workers(count=2))


def write_jsonl(path: Path, rows: Sequence[dict[str, object]]) -> None:
    data = "".join(json.dumps(row) + "\n" for row in rows).encode()
    path.write_bytes(zstandard.compress(data) if path.suffix == ".zst" else data)


def posts(start: int, count: int) -> list[dict[str, object]]:
    return [
        {"id": f"r{number}", "text": f"invented post {number} on too much work"}
        for number in range(start, start + count)
    ]


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """Start a cluster of two CPUs for all tests of this file."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    ray.init(
        address="local",
        num_cpus=2,
        include_dashboard=False,
        log_to_driver=False,
        logging_level=40,
        # Processes that have nothing to do are kept: starting them is most of what takes time here.
        _system_config={"idle_worker_killing_time_threshold_ms": 60_000},
    )
    yield ray.get_runtime_context().gcs_address
    ray.shutdown()


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write 4,000 invented posts in four kinds of file; eight of them say nothing."""
    folder = tmp_path_factory.mktemp("shards")
    rows = posts(0, 4000)
    for number in (5, 105, 1005, 1500, 2005, 2999, 3000, 3999):
        rows[number]["text"] = " "
    rows[5]["text"], rows[3000]["text"] = None, None
    rows[1500]["text"] = float("nan")
    write_jsonl(folder / "a.jsonl", rows[:1000])
    write_jsonl(folder / "b.jsonl.zst", rows[1000:2000])
    cells = [[str(row["id"]), str(row["text"])] for row in rows[2000:3000]]
    write_csv(folder / "c.csv", ["id", "text"], cells)
    pq.write_table(pa.Table.from_pylist(rows[3000:]), folder / "d.parquet")
    (folder / "notes.md").write_text("no shard")
    return folder


def files_of(out: Path) -> dict[str, bytes]:
    found = [path for path in out.rglob("*") if path.is_file() and path.name != "run.lock"]
    return {str(path.relative_to(out)): path.read_bytes() for path in found}


def wait_for(what: Callable[[], bool]) -> None:
    end = time.monotonic() + 400
    while not what():
        assert time.monotonic() < end, "waited for minutes"
        time.sleep(0.01)


def blocks_in(out: Path) -> int:
    return len(list(out.glob("[a-z]-*.jsonl")))


def kill_one_worker(out: Path, known: set[str], killed: list[int]) -> None:
    """Kill a worker of this start half way through what is left."""
    start = blocks_in(out)
    wait_for(lambda: blocks_in(out) > start + (40 - start) // 2)
    new = {path.name for path in (out.parent / "processes").iterdir()} - known
    killed.append(int(min(new)))
    os.kill(killed[0], signal.SIGKILL)


def test_every_row_once_whoever_is_killed(address: str, shards: Path, tmp_path: Path) -> None:
    calm, out = tmp_path / "calm" / "out", tmp_path / "killed" / "out"
    done = generate_shards(shards, job(calm), Workers(count=2))
    assert (done.rows, done.answered, done.responses, done.skipped) == (4000, 3992, 3992, 8)
    assert (done.distinct, done.blocks, done.asked) == (4000, 40, 40)
    assert done.notes == {"rows skipped, no text": 8}
    assert done.not_read == ("notes.md",)

    code = "import sys; from tests.models.test_shards import drive; drive(*sys.argv[1:])"
    driver = subprocess.Popen(
        [sys.executable, "-c", code, str(shards), str(out), "0.002"],
        cwd=ROOT,
        env={**os.environ, "RAY_ADDRESS": address},
        stderr=subprocess.DEVNULL,
    )
    wait_for(lambda: blocks_in(out) >= 8)
    driver.kill()
    driver.wait()
    assert blocks_in(out) < 40

    known = {path.name for path in (out.parent / "processes").iterdir()}
    killed: list[int] = []
    killer = threading.Thread(target=kill_one_worker, args=(out, known, killed))
    killer.start()
    again = generate_shards(shards, job(out, 0.002), Workers(count=2))
    killer.join()
    processes = {path.name for path in (out.parent / "processes").iterdir()} - known
    assert killed and len(processes) == 3, "the killed worker was not started anew"
    assert 0 < again.asked < 40
    assert replace(again, asked=40) == replace(done, key=again.key)
    assert files_of(out) == files_of(calm)
    ids = [r.sample_id for p in sorted(out.glob("*-*.jsonl")) for r in read_records(p, Response)]
    assert len(ids) == len(set(ids)) == 3992

    _refusals(shards, out)


def _refusals(shards: Path, out: Path) -> None:
    """On a finished folder nothing else goes on, and a row that is lost is found out."""
    before = files_of(out)
    with pytest.raises(InputError, match=r"begun with another model_key; choose another --out"):
        generate_shards(shards, job(out, key="slow 2"), Workers())
    with pytest.raises(InputError, match="begun with another task and questions_sha256"):
        generate_shards(shards, job(out, task="DR"), Workers())
    with (
        FileLock(out / "run.lock").acquire(timeout=0),
        pytest.raises(InputError, match="another process is writing it"),
    ):
        generate_shards(shards, job(out), Workers())
    assert files_of(out) == before
    block = out / "b-000002.jsonl"
    block.write_bytes(block.read_bytes().split(b"\n", 1)[1])
    with pytest.raises(CheckError, match=r"1 blocks do not hold .* once, b-000002.jsonl first"):
        generate_shards(shards, job(out), Workers())


def test_other_input_is_refused_and_doubled_ids_are_counted(address: str, tmp_path: Path) -> None:
    folder, out = tmp_path / "in", tmp_path / "out"
    folder.mkdir()
    rows = [*posts(0, 150), *posts(100, 50), {"id": None, "text": "no name"}]
    write_jsonl(folder / "a.jsonl", rows)
    done = generate_shards(folder, job(out), Workers())
    assert generate_shards(folder, job(out), Workers()) == replace(done, asked=0)
    assert (done.rows, done.answered, done.skipped, done.distinct) == (201, 200, 1, 151)
    (listed,) = (json.loads(line) for line in (out / "skipped/a-000003.jsonl").open())
    assert listed == {"row": 201, "id": "", "why": "no id"}
    write_jsonl(folder / "a.jsonl", posts(0, 150))
    with pytest.raises(InputError, match=r"other input: 1 shards are .* changed, a.jsonl first"):
        generate_shards(folder, job(out), Workers())


def test_a_broken_shard_is_named_with_its_row_before_a_model_is_loaded(
    address: str, tmp_path: Path
) -> None:
    write_jsonl(tmp_path / "a.jsonl", posts(0, 10))
    with (tmp_path / "a.jsonl").open("a") as handle:
        handle.write('{"id": "r10", "text": "never sh')
    with pytest.raises(InputError) as error:
        generate_shards(tmp_path, job(tmp_path / "out"), Workers())
    assert str(error.value).startswith(f"{tmp_path}/a.jsonl: row 11 is not JSON")
    assert "never sh" not in str(error.value)
    assert not (tmp_path / "processes").exists()


def test_the_command_asks_samples_and_all_aspects(address: str, run: Run, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    mine = [sample(row=row, text=f"invented post {row}") for row in range(1, 4)]
    write_jsonl(tmp_path / "in" / "a.jsonl", [asdict(one) for one in mine])
    os.environ["RAY_ADDRESS"] = address
    try:
        done = run("generate-shards", "in", "--model", "fake", "--out", "out")
        (tmp_path / "in" / "a.jsonl").unlink()
        write_jsonl(tmp_path / "in" / "b.jsonl.zst", posts(0, 5))
        options = ("--task", "MultiWD", "--format", "parquet", "--block-rows", 2)
        wide = run("generate-shards", "in", "--model", "fake", "--out", "wide", *options)
    finally:
        del os.environ["RAY_ADDRESS"]
    assert done.returncode == 0, done.stderr
    assert "3 rows in = 3 answered + 0 skipped; 3 responses in 1 blocks of out" in done.stdout
    responses = read_records(tmp_path / "out" / "a-000001.jsonl", Response)
    assert [(r.sample_id, r.gold, r.reference) for r in responses] == [
        (one.id, "family", one.response) for one in mine
    ]
    assert "5 rows in = 5 answered + 0 skipped; 30 responses in 3 blocks of wide" in wide.stdout
    first = read_records(tmp_path / "wide" / "b-000001.parquet", Response)
    aspects = get_task("MultiWD").aspects
    assert [r.sample_id for r in first[:6]] == [f"r0/{aspect}" for aspect in aspects]


def test_workers_that_would_leave_readers_no_cpu_are_refused(address: str, tmp_path: Path) -> None:
    write_jsonl(tmp_path / "a.jsonl", posts(0, 2))
    with pytest.raises(InputError) as error:
        generate_shards(tmp_path, job(tmp_path / "out"), Workers(count=9))
    expected = "9 workers of 0.5 CPUs need 5, 0.5 of them for readers; the cluster has 2: ask for"
    assert str(error.value).startswith(expected)
    with pytest.raises(InputError, match="2 workers of 1 GPUs need 2; the cluster has 0"):
        generate_shards(tmp_path, job(tmp_path / "out"), Workers(count=2, gpus=1))


def test_without_ray_one_line_says_what_to_install(run: Run, tmp_path: Path) -> None:
    (tmp_path / "ray.py").write_text("raise ModuleNotFoundError('ray')")
    write_jsonl(tmp_path / "a.jsonl", posts(0, 2))
    done = run("generate-shards", ".", "--model", "fake", "--task", "SAD", "--out", "out")
    assert done.returncode == 2
    assert done.stderr == (
        "mentallama: error: this command needs ray: pip install 'mentallama[cluster]'\n"
    )


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"id": "a"}, "row 1 has no 'text'; expected the columns id and text"),
        ({"id": 1.5, "text": "x"}, "row 1: its id is neither a text nor a whole number"),
        ({"id": 1, "text": ["x"]}, "row 1: its text is no text but list"),
        ({"id": 1, "prompt": "x", "post": {}}, "row 1 is not a Sample record"),
    ],
)
def test_a_row_of_another_kind_is_named(
    row: dict[str, object], reason: str, tmp_path: Path
) -> None:
    write_jsonl(tmp_path / "a.jsonl", [row])
    with pytest.raises(InputError) as error:
        list(read_shard(tmp_path / "a.jsonl", Question(task=get_task("SAD"))))
    assert reason in str(error.value)


def test_a_packed_shard_that_was_cut_short_is_said(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "a.jsonl.zst", posts(0, 9000))
    data = (tmp_path / "a.jsonl.zst").read_bytes()
    (tmp_path / "a.jsonl.zst").write_bytes(data[:-4] + b"oops")
    with pytest.raises(InputError, match=r"a\.jsonl\.zst: .*row \d+"):
        list(read_shard(tmp_path / "a.jsonl.zst", Question(task=get_task("SAD"))))


def test_two_shards_of_one_name_are_refused(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "a.jsonl", posts(0, 1))
    write_csv(tmp_path / "a.csv", ["id", "text"], [["1", "x"]])
    with pytest.raises(InputError, match=r"a\.csv and a\.jsonl would be written under one name"):
        find_shards(tmp_path)
    with pytest.raises(InputError, match="no shard of posts"):
        (tmp_path / "empty").mkdir()
        find_shards(tmp_path / "empty")


def test_only_half_written_blocks_of_a_run_are_swept(tmp_path: Path) -> None:
    left = (".a-000001.77.jsonl", "..a-000001.77.jsonl.x_1y", ".a.b-000001.jsonl.zz")
    kept = (".bashrc", ".env-123456", ".a-1.jsonl", "a-000001.jsonl")
    for name in (*left, *kept):
        (tmp_path / name).touch()
    _sweep(tmp_path)
    assert len(list(tmp_path.iterdir())) == 7
    (tmp_path / "run.json").touch()
    _sweep(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"run.json", *kept}


def test_distinct_ids_are_counted_slice_by_slice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(0)
    arrays = [rng.integers(0, 2**64, size, dtype=np.uint64) for size in (1000, 0, 500)]
    arrays.append(arrays[0][::2])
    for number, array in enumerate(arrays):
        np.save(tmp_path / f"{number}.npy", np.sort(array))
    files = sorted(tmp_path.iterdir())
    monkeypatch.setattr("mentallama.models.shards.survey._IDS_AT_ONCE", 90)
    assert count_distinct(files, 2000) == 1500
