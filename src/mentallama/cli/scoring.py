"""Responses to scores: evaluate one model, or set all of them side by side."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mentallama.cli.scoring_options import (
    allow_option,
    describe,
    labeller_option,
    load_cascade,
    posts_option,
    resamples_option,
    say_withheld,
    seed_option,
    train_all,
)
from mentallama.cli.shared import FOLDER, read_all_responses, read_any_samples
from mentallama.errors import InputError

if TYPE_CHECKING:
    from mentallama.benchmark.leaderboard import Board
    from mentallama.types import GoldSource, Post, Sample

_GOLDS: "dict[str, tuple[GoldSource, ...]]" = {
    "release": ("release", "corpus"),
    "human": ("human",),
    "both": ("release", "human", "corpus"),
}


@click.command()
@click.argument("path", type=FOLDER, metavar="FILE_OR_DIR")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of a table.")
@click.option("--out", type=FOLDER, help="Folder for scores, predictions and the HTML report.")
@click.option("--data", "folder", type=FOLDER, help="Samples, to tell which rows share a post.")
@labeller_option
@allow_option
@resamples_option
@seed_option
@posts_option
def evaluate(
    path: Path,
    as_json: bool,
    out: Path | None,
    folder: Path | None,
    labellers: tuple[str, ...],
    allow_trained: bool,
    resamples: int,
    seed: int,
    show_posts: bool,
) -> None:
    """Score responses: our JSONL, or CSV files 'goldens,generated_text' named after their set."""
    from mentallama.benchmark import evaluate as stage
    from mentallama.benchmark import output, responses

    if show_posts and not (out and folder):
        raise InputError("--show-posts needs --out for the report and --data for the posts")
    read = read_all_responses([path])
    samples = read_any_samples(folder) if folder else []
    if folder:
        read = responses.join_posts(read, samples)
    cascade = load_cascade(labellers, allow_trained)
    evaluation = stage.evaluate(
        read, labeller=cascade, authors=_authors(samples, []), resamples=resamples, seed=seed
    )
    say_withheld(cascade)
    if out:
        output.write(
            evaluation,
            out,
            title=f"Evaluation of {path.name}",
            run={
                "Responses": f"{path.name}, SHA-256 {responses.fingerprint(read)}",
                "Labels read by": describe(cascade),
                "Bootstrap": f"{resamples} resamples of {evaluation.clusters}, seed {seed}",
            },
            posts={s.post.id: s.post.text for s in samples} if show_posts else None,
        )
    if as_json:
        click.echo(output.as_json(evaluation))
        return
    output.print_table(evaluation)
    if out:
        click.echo(f"report: {out / output.REPORT}")


@click.command()
@click.argument("folders", type=FOLDER, nargs=-1, required=True, metavar="DIR...")
@click.option(
    "--data", "folder", type=FOLDER, help="The data set: a folder of ours or the release as it is."
)
@click.option("--raw", type=FOLDER, help="Raw corpora, for the human labels and marked evidence.")
@click.option("--gold", type=click.Choice(["release", "human", "both"]), default="both")
@labeller_option
@allow_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of tables.")
@click.option("--out", type=FOLDER, help="Folder for HTML, Markdown, CSV, LaTeX and JSON.")
@resamples_option
@seed_option
@posts_option
def leaderboard(
    folders: tuple[Path, ...],
    folder: Path | None,
    raw: Path | None,
    gold: str,
    labellers: tuple[str, ...],
    allow_trained: bool,
    as_json: bool,
    out: Path | None,
    resamples: int,
    seed: int,
    show_posts: bool,
) -> None:
    """Score every model on every set found in DIR..., compare and rank them.

    Without --labeller, linear labellers are trained on the data's own training answers first, which
    takes a minute; 'benchmark train-labeller' keeps them. '--labeller none' reads by anchored
    phrases alone.
    """
    from mentallama.benchmark import board_output, responses
    from mentallama.benchmark.leaderboard import make_board

    if (gold == "human" and not raw) or (raw and not folder):
        raise InputError("human labels need --raw and, to find the posts in it, --data")
    if show_posts and not (out and folder):
        raise InputError("--show-posts needs --out for the report and --data for the posts")
    read = read_all_responses(folders)
    samples = read_any_samples(folder) if folder else []
    read = responses.join_posts(read, samples)
    cascade = load_cascade(labellers, allow_trained)
    if not labellers and samples:
        cascade.labellers = train_all(samples, {response.task for response in read}, "--data")
    known, people = _known(samples, raw)
    board = make_board(
        read,
        cascade,
        known,
        people,
        golds=_GOLDS[gold],
        resamples=resamples,
        seed=seed,
    )
    if out:
        run = {
            "Responses": f"{', '.join(path.name for path in folders)}, "
            f"SHA-256 {responses.fingerprint(read)}",
            "Labels read by": describe(cascade),
            "Bootstrap": f"{resamples} resamples of {board.evaluation.clusters}, seed {seed}",
        }
        posts = known.texts if show_posts else None
        board_output.write_board(board, out, run=run, posts=posts)
    _show_board(board, out, as_json)


def _show_board(board: "Board", out: Path | None, as_json: bool) -> None:
    from mentallama.benchmark import board_output
    from mentallama.tables import as_markdown

    if as_json:
        import json

        click.echo(json.dumps(board_output.board_object(board), indent=2))
        return
    click.echo(as_markdown(board_output.board_tables(board)))
    for note in board.notes:
        click.echo(f"note: {note}")
    if board.slices and not out:
        click.echo(
            f"note: {len(board.slices):,} scores on parts of the sets are not printed (--out)"
        )
    if out:
        click.echo(f"report: {out / board_output.NAME}.html")


def _authors(samples: "Sequence[Sample]", posts: "Sequence[Post]") -> dict[str, str]:
    """Return the author of each sample's post, from the sample or from the raw corpora."""
    from mentallama.tasks.posts import text_key

    raw = {text_key(post.text): post.author for post in posts if post.author}
    found = {s.post.id: s.post.author or raw.get(text_key(s.post.text)) for s in samples}
    return {post: author for post, author in found.items() if author}


def _known(samples: "Sequence[Sample]", raw: Path | None) -> tuple[Any, Any]:
    """Gather what is known of posts, and what people said of them."""
    from mentallama.benchmark.attributes import corpus_versions
    from mentallama.benchmark.evidence import marked_passages
    from mentallama.benchmark.golds import human_labels
    from mentallama.benchmark.leaderboard import People
    from mentallama.benchmark.slices import Known
    from mentallama.corpus import load_posts
    from mentallama.tasks.posts import post_id, text_key
    from mentallama.tasks.raw import read_corpora

    posts = []
    if raw:
        rows, notes = read_corpora(raw)
        posts = [row.post for row in rows]
        for note in notes:
            click.echo(f"note: {note}", err=True)
    trained = [s.post for s in samples if s.post.split == "train"]
    trained += [post for post in posts if post.split == "train"]
    known = Known(
        texts={sample.post.id: sample.post.text for sample in samples},
        trained={text_key(post.text) for post in trained},
        tags={post_id(post.text): post.tags for post in load_posts() if post.tags},
        versions=corpus_versions(),
        authors=_authors(samples, posts),
    )
    if not raw:
        return known, None
    return known, People(labels=human_labels(posts), marked=marked_passages(posts))
