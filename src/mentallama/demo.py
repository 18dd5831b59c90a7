"""The whole job in one command: data, tuning, generation, label inference, scores, report.

Every step leaves its files in the run's folder. Tuning and generation, which take long, are not
repeated where they were done on the same data: a demo that was stopped goes on where it was.
"""

import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import click

from mentallama import NOTICE
from mentallama.benchmark import output
from mentallama.benchmark.baselines import run_baselines
from mentallama.benchmark.evaluate import Evaluation, evaluate
from mentallama.config import load_config
from mentallama.dataset import MANIFEST, read_manifest, read_samples
from mentallama.io import sha256
from mentallama.models.backend import Decoding, GoldBackend
from mentallama.models.generate import as_released, generate
from mentallama.tuning.recipe import Recipe, find_recipe
from mentallama.types import GoldSource, Response, Sample

Result = TypeVar("Result")
DECODING = Decoding(max_new_tokens=160)


def run_demo(imhi: Path | None, out: Path) -> Evaluation:
    """Run the job on the sample corpus, or on a checkout of the IMHI release.

    Prints what each step did and where the report lies. The model is tiny: it shows that the
    pipeline works, not what a model of the paper scores.
    """
    start = time.monotonic()
    click.echo(NOTICE)
    data = out / "data"
    recipe = load_config(find_recipe("tiny-imhi" if imhi else "tiny"), Recipe)
    _step("1/5 data", lambda: _prepare(imhi, data))
    _step("2/5 tune", lambda: _tune(recipe, data, out / "tune"))
    samples = read_samples(data, splits=["test"])
    gold_source = read_manifest(data).gold_source
    tuned, ceiling = _step("3/5 generate", lambda: _generate(out, samples, gold_source))
    floors, note = _step("4/5 baselines", lambda: _floors(data, samples, gold_source))
    evaluation = _step("5/5 evaluate", lambda: evaluate([*floors, *tuned, *ceiling]))
    run = {
        "Data": f"{read_manifest(data).source}; manifest SHA-256 {sha256(data / MANIFEST)}",
        "Recipe": f"{recipe.name}: {recipe.epochs:g} epochs, seed {recipe.seed}",
        "Decoding": f"greedy, at most {DECODING.max_new_tokens} new tokens",
        "Bootstrap": "1000 resamples, seed 0",
        "Baselines": note,
        "Time": f"{time.monotonic() - start:.0f} s; work of an earlier, stopped run not counted",
    }
    posts = None if imhi else {sample.post.id: sample.post.text for sample in samples}
    what = "the IMHI release" if imhi else "the sample corpus (invented posts)"
    output.write(evaluation, out, title=f"mentallama demo on {what}", run=run, posts=posts)
    output.print_table(evaluation)
    click.echo(
        f"'{recipe.name}' is a toy that shows the pipeline at work, not what a model of the paper "
        "scores; 'gold' repeats the gold answers and must score 100."
    )
    click.echo(
        f"{time.monotonic() - start:.0f} s in all. Report: {(out / output.REPORT).resolve()}"
    )
    return evaluation


def _step(name: str, work: Callable[[], Result]) -> Result:
    start = time.monotonic()
    click.echo(f"{name} ...")
    result = work()
    click.echo(f"{name}: done in {time.monotonic() - start:.1f} s")
    return result


def _prepare(imhi: Path | None, data: Path) -> None:
    if imhi:
        from mentallama.data.transfer import import_release

        report = import_release(imhi, data)
        click.echo(f"  {report.rows:,} rows, sets not found: {', '.join(report.missing_tasks)}")
    else:
        from mentallama.corpus.samples import export

        click.echo(f"  {sum(file.rows for file in export(data).files):,} rows of invented posts")


def _tune(recipe: Recipe, data: Path, out: Path) -> None:
    from mentallama.tuning.run import tune

    tuned = tune(recipe, data, out)
    click.echo(
        f"  {tuned.parameters:,} parameters, {tuned.train.rows:,} rows "
        f"({tuned.train.shortened:,} posts shortened, {tuned.train.dropped:,} rows dropped), "
        f"best validation loss {tuned.best_valid_loss:.3f}"
    )


def _generate(
    out: Path, samples: list[Sample], gold_source: GoldSource
) -> tuple[list[Response], list[Response]]:
    from mentallama.models.local import load_local

    asked = as_released(samples, gold_source)
    tuned = generate(
        load_local(str(out / "tune" / "model")),
        asked,
        out / "responses" / "tuned.jsonl",
        decoding=DECODING,
    )
    ceiling = generate(GoldBackend(samples), asked, out / "responses" / "gold.jsonl")
    cut = sum(response.cut_off for response in tuned)
    click.echo(f"  {len(tuned):,} responses, {cut:,} cut off at {DECODING.max_new_tokens} tokens")
    return tuned, ceiling


def _floors(
    data: Path, samples: list[Sample], gold_source: GoldSource
) -> tuple[list[Response], str]:
    baselines = run_baselines(read_samples(data, splits=["train"]), samples, gold_source)
    note = "majority label, words of the condition, TF-IDF with logistic regression, per question"
    if baselines.not_trained:
        note += f"; words alone for {', '.join(baselines.not_trained)}: no training rows"
        click.echo(f"  {note}")
    return list(baselines.responses), note
