"""Writing the tasks of a data set for lm-evaluation-harness and for Inspect.

OUT/imhi_{SET}.jsonl     the rows asked: prompt, gold answer, label
OUT/imhi_{SET}.yaml      lm-eval: lm_eval --include_path OUT --tasks imhi_{SET}, run inside OUT
OUT/imhi.py              what the YAML files score by
OUT/inspect_imhi.py      Inspect: inspect eval OUT/inspect_imhi.py -T name={SET}
"""

from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path

import yaml

from mentallama.errors import InputError
from mentallama.io import atomic_write, make_folder
from mentallama.types import Sample

_SCORES = ("weighted_f1", "accuracy", "coverage")


class _Function(str):
    """A function that the harness looks up beside the YAML file."""


def _represent(dumper: yaml.SafeDumper, value: _Function) -> yaml.Node:
    return dumper.represent_scalar("!function", str(value))


class _Dumper(yaml.SafeDumper):
    pass


_Dumper.add_representer(_Function, _represent)


def export_tasks(samples: Sequence[Sample], out: Path) -> list[str]:
    """Write the samples' tasks; return the names of the tasks written.

    Raises InputError where there is no sample.
    """
    if not samples:
        raise InputError("no sample of that form and split to export")
    make_folder(out)
    by_task: dict[str, list[Sample]] = {}
    for sample in samples:
        by_task.setdefault(sample.post.task, []).append(sample)
    for task, rows in by_task.items():
        _write_rows(out / f"imhi_{task}.jsonl", rows)
        with atomic_write(out / f"imhi_{task}.yaml") as file:
            yaml.dump(_lm_eval(task), file, Dumper=_Dumper, sort_keys=False)
    for name in ("imhi.py", "inspect_imhi.py"):
        text = (files("mentallama.benchmark.harness") / name).read_text(encoding="utf-8")
        with atomic_write(out / name) as file:
            file.write(text)
    return list(by_task)


def _write_rows(path: Path, rows: Sequence[Sample]) -> None:
    import json

    with atomic_write(path) as file:
        for row in rows:
            post = row.post
            record = {
                "id": row.id,
                "task": post.task,
                "aspect": post.aspect or "",
                "prompt": row.prompt,
                "answer": row.response,
                "label": post.label,
            }
            file.write(json.dumps(record, ensure_ascii=False) + "\n")


def _lm_eval(task: str) -> dict[str, object]:
    return {
        "task": f"imhi_{task}",
        "dataset_path": "json",
        "dataset_kwargs": {"data_files": {"test": f"imhi_{task}.jsonl"}},
        "test_split": "test",
        "output_type": "generate_until",
        "doc_to_text": "{{prompt}}",
        "doc_to_target": "{{answer}}",
        "target_delimiter": " ",
        "process_results": _Function("imhi.process_results"),
        "generation_kwargs": {"until": [], "max_gen_toks": 512, "do_sample": False},
        "metric_list": [
            {"metric": name, "aggregation": _Function(f"imhi.{name}"), "higher_is_better": True}
            for name in _SCORES
        ],
        "metadata": {"version": 1.0},
    }
