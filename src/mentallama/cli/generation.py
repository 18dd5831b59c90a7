"""Generation as a command: which model, on which engine, asked how."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mentallama.cli.shared import DEFAULT, FOLDER, data_or_corpus, need_permission, need_train_extra
from mentallama.errors import InputError

if TYPE_CHECKING:
    from mentallama.models.backend import Backend, Decoding
    from mentallama.models.prompts import Prompting
    from mentallama.types import Form, GoldSource, Sample, Split

_MADE_UP = ("gold", "fake")
"""Models that are none: the gold answers, and made-up ones."""
_CONCURRENCY = 8


@click.command()
@click.option(
    "--model",
    required=True,
    help="Model folder, adapter, hub id, name at --endpoint; 'mini', 'gold' (the ceiling), 'fake'.",
)
@click.option("--data", "source", type=FOLDER, help=f"File or folder of samples.  {DEFAULT}")
@click.option("--out", type=FOLDER, required=True, help="File for the responses (.jsonl).")
@click.option("--form", type=click.Choice(["instruction", "completion"]), default="instruction")
@click.option("--split", type=click.Choice(["train", "valid", "test", "expert"]), default="test")
@click.option("--task", "tasks", multiple=True, metavar="SET", help="Only these sets; repeatable.")
@click.option(
    "--prompt",
    "style",
    type=click.Choice(["release", "zero-shot", "few-shot", "cot", "emotion-cot"]),
    default="release",
    show_default=True,
    help="How the model is asked; release is the query that MentaLLaMA was tuned on.",
)
@click.option("--shots", type=click.IntRange(min=0), default=0, help="Worked examples per label.")
@click.option(
    "--examples",
    type=click.Choice(["fixed", "nearest"]),
    default="fixed",
    show_default=True,
    help="The same examples for every post of a question, or the training posts nearest to it.",
)
@click.option(
    "--examples-from", "pool", type=FOLDER, help="Folder with the training rows.  [default: --data]"
)
@click.option(
    "--template",
    type=click.Choice(["auto", "raw", "chat"]),
    default="auto",
    show_default=True,
    help="auto: as a model was tuned; else raw for --prompt release, chat for the other styles.",
)
@click.option(
    "--engine",
    type=click.Choice(["auto", "transformers", "ctranslate2", "openvino", "vllm"]),
    default="auto",
    show_default=True,
)
@click.option("--int8", is_flag=True, help="8-bit weights on a CPU (ctranslate2): answers differ.")
@click.option("--batch-tokens", type=click.IntRange(min=1), help="Tokens of one batch.")
@click.option("--endpoint", metavar="URL", help="An OpenAI-compatible endpoint, with --model NAME.")
@click.option("--concurrency", type=click.IntRange(min=1), help="Requests at a time.  [default: 8]")
@click.option("--price", type=float, nargs=2, help="Money per million prompt and answer tokens.")
@click.option("--allow-remote", multiple=True, metavar="SET", help="See 'data explain'.")
@click.option("--max-new-tokens", type=click.IntRange(min=1), default=512, show_default=True)
@click.option("--temperature", type=click.FloatRange(min=0), default=0.0, show_default="greedy")
@click.option("--seed", type=int, default=0, show_default=True)
@click.option("--reference", type=FOLDER, help="Also write DIR/SET.csv: goldens,generated_text.")
def generate(model: str, source: Path | None, out: Path, **options: Any) -> None:
    """Ask a model for every sample of a form and a split; a stopped run goes on where it was."""
    from mentallama.models.backend import Decoding
    from mentallama.models.generate import Asked
    from mentallama.models.generate import generate as run
    from mentallama.models.prompts import Prompting, prompting_key

    prompting = Prompting(
        style=options["style"],
        shots=options["shots"],
        examples=options["examples"],
        seed=options["seed"],
    )
    decoding = Decoding(
        max_new_tokens=options["max_new_tokens"],
        temperature=options["temperature"],
        seed=options["seed"],
    )
    model = _find_shipped(model)
    _need_used(model, options)
    with data_or_corpus(source) as data:
        samples, gold_source = _select(data, options["form"], options["split"], options["tasks"])
        _need_plain(model, prompting)
        template = _frame(model, options["form"], prompting, options["template"])
        backend = _load(model, samples, template, options)
        pool = _read_pool(options["pool"] or data, options["form"]) if prompting.shots else []
        prompts = _word(samples, prompting, pool, _room(backend, decoding))
    asked = Asked(
        samples=samples,
        prompts=prompts,
        how=f"{prompting_key(prompting)} template={template}",
        gold_source=gold_source,
    )
    responses = run(backend, asked, out, decoding=decoding)
    cut = sum(response.cut_off for response in responses)
    short = sum(response.prompt_truncated for response in responses)
    click.echo(
        f"{len(responses):,} responses of {backend.name} in {out}; {cut:,} cut off at "
        f"{decoding.max_new_tokens} tokens, {short:,} prompts shortened"
    )
    _say_usage(backend, options["price"])
    if options["reference"]:
        from mentallama.models.reference import write_reference

        for path, rows in write_reference(responses, options["reference"]).items():
            click.echo(f"{rows:,} rows in {path}")


def _find_shipped(model: str) -> str:
    """Return the folder of the mini model, which ships, where it is meant."""
    from importlib.resources import files

    return str(files("mentallama") / "mini") if model == "mini" else model


def _need_used(model: str, options: dict[str, Any]) -> None:
    """Refuse options that would do nothing with this model."""
    from mentallama.models.classifier import is_classifier

    endpoint = options["endpoint"]
    runs_here = not endpoint and model not in _MADE_UP and not is_classifier(model)
    engine = options["engine"] != "auto"
    here = {"engine": engine, **{name: options[name] for name in ("int8", "batch_tokens")}}
    there = {name: options[name] for name in ("concurrency", "price", "allow_remote")}
    for given, used, whose in (
        (here, runs_here, "language models that run here"),
        (there, endpoint, "an --endpoint"),
    ):
        for name in (name for name, value in given.items() if value and not used):
            raise InputError(f"--{name.replace('_', '-')} is for {whose}; leave it out")


def _need_plain(model: str, prompting: "Prompting") -> None:
    """Refuse styles for models that read no prompt: they look up the release's query."""
    from mentallama.models.classifier import is_classifier

    if prompting.style != "release" and (model == "gold" or is_classifier(model)):
        raise InputError(f"{model}: reads no prompt, so --prompt {prompting.style} means nothing")


def _frame(model: str, form: str, prompting: "Prompting", template: str) -> str:
    """Return "raw" or "chat"; refuse to ask a model of ours otherwise than it was tuned."""
    from mentallama.models.local import tuned_as

    recipe = tuned_as(model)
    if not recipe:
        return template if template != "auto" else _usual(prompting)
    tuned = "chat" if recipe.get("template") == "chat" else "raw"
    asked = {"form": (form, recipe.get("form", form)), "prompt": (prompting.style, "release")}
    asked["template"] = (tuned if template == "auto" else template, tuned)
    for name, (wanted, known) in asked.items():
        if wanted != known:
            raise InputError(
                f"{model}: was tuned with {name} {known}; --{name} {wanted} asks it otherwise. "
                "To measure that on purpose, remove its mentallama.json"
            )
    return tuned


def _usual(prompting: "Prompting") -> str:
    return "raw" if prompting.style == "release" else "chat"


def _load(model: str, samples: "list[Sample]", template: str, options: dict[str, Any]) -> "Backend":
    """Return the model on an engine, and say which engine and why."""
    from mentallama.models.backend import GoldBackend
    from mentallama.models.fake import FakeModel

    if endpoint := options["endpoint"]:
        from mentallama.models.endpoint import Endpoint

        need_permission(endpoint, {s.post.task for s in samples}, options["allow_remote"])
        concurrency = options["concurrency"] or _CONCURRENCY
        return Endpoint(endpoint, model, raw=template == "raw", concurrency=concurrency)
    if model in _MADE_UP:
        return GoldBackend(samples) if model == "gold" else FakeModel()
    need_train_extra()
    from mentallama.models.classifier import is_classifier, load_classifier
    from mentallama.models.engines import choose

    if is_classifier(model):
        return load_classifier(model, samples, batch_size=16)
    more = {"batch_tokens": options["batch_tokens"]} if options["batch_tokens"] else {}
    backend, why = choose(
        model, options["engine"], int8=options["int8"], chat=template == "chat", **more
    )
    click.echo(f"engine: {why}", err=True)
    return backend


def _room(backend: "Backend", decoding: "Decoding") -> "Callable[[str], bool] | None":
    """Return what tells whether a prompt fits; an endpoint cannot say."""
    from mentallama.models.backend import Measured

    return (
        (lambda prompt: backend.fits(prompt, decoding)) if isinstance(backend, Measured) else None
    )


def _word(
    samples: "list[Sample]",
    prompting: "Prompting",
    pool: "list[Sample]",
    fits: Callable[[str], bool] | None,
) -> list[str]:
    """Word the samples as prompts, and say what became of the examples."""
    from mentallama.models.prompts import make_prompts

    prompts = make_prompts(samples, prompting, pool, fits=fits)
    if prompting.shots:
        click.echo(
            f"examples from {prompts.pool - prompts.excluded:,} of {prompts.pool:,} training rows "
            f"({prompts.excluded:,} left out: their post is, or copies, an evaluation post); "
            f"{prompts.lost_examples:,} of {len(samples):,} prompts hold fewer than asked for, "
            f"{prompts.without_examples:,} none, to fit",
            err=True,
        )
    return prompts.texts


def _read_pool(folder: Path, form: "Form") -> "list[Sample]":
    """Read all splits: what is not training is held out of the examples."""
    from mentallama.dataset import read_samples
    from mentallama.types import SPLITS

    if not folder.is_dir():
        raise InputError(f"{folder}: examples need a folder of samples; name one: --examples-from")
    return read_samples(folder, form=form, splits=SPLITS)


def _say_usage(backend: "Backend", price: tuple[float, float] | None) -> None:
    from mentallama.models.endpoint import Endpoint, Prices

    if isinstance(backend, Endpoint):
        prices = Prices(prompt=price[0], answer=price[1]) if price else None
        click.echo(f"this run: {backend.usage.show(prices)}")


def _select(
    source: Path, form: "Form", split: "Split", tasks: tuple[str, ...]
) -> "tuple[list[Sample], GoldSource]":
    from mentallama.dataset import read_manifest, read_samples
    from mentallama.io import need_unique, read_records
    from mentallama.tasks import get_task
    from mentallama.types import Sample

    wanted = [get_task(key).key for key in tasks] or None
    gold_source: GoldSource = "release"
    if source.is_dir():
        samples = read_samples(source, form=form, splits=[split], tasks=wanted)
        gold_source = read_manifest(source).gold_source
    else:
        records = read_records(source, Sample)
        need_unique((record.id for record in records), source)
        samples = [
            s
            for s in records
            if s.form == form and s.post.split == split and (not wanted or s.post.task in wanted)
        ]
    if not samples:
        raise InputError(f"{source}: no {form} samples of the {split} split")
    return samples, gold_source
