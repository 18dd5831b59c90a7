"""What a cascade of two analysers would cost and how right it would be, as a command."""

from pathlib import Path

import click

from mentallama.cli.shared import DEFAULT, FOLDER, data_or_corpus, print_tables, read_any_samples


@click.command()
@click.option("--data", "folder", type=FOLDER, help=f"Samples or the release.  {DEFAULT}")
@click.option("--first", default="mini", show_default=True, help="As --model of 'analyse'.")
@click.option("--then", required=True, metavar="MODEL", help="Asked where the first is not sure.")
@click.option("--endpoint", metavar="URL", help="OpenAI-compatible; where --then is.")
@click.option("--task", "tasks", multiple=True, metavar="SET", help="Only these; repeatable.")
@click.option("--split", type=click.Choice(["valid", "test", "expert"]), default="test")
@click.option("--seed", type=int, default=0, show_default=True)
@click.option("--out", type=FOLDER, help="Folder for cascade.json, .csv and .html.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of a table.")
def cascade(
    folder: Path | None,
    first: str,
    then: str,
    endpoint: str | None,
    tasks: tuple[str, ...],
    split: str,
    seed: int,
    out: Path | None,
    as_json: bool,
) -> None:
    """Ask two analysers about labelled posts; show cost and F1 of a cascade at every threshold."""
    from mentallama.analysis import tradeoff as stage
    from mentallama.analysis.load import load_analyser
    from mentallama.cli.shared import need_permission
    from mentallama.tasks import get_task

    wanted = {get_task(task).key for task in tasks}
    with data_or_corpus(folder) as source:
        samples = [
            sample
            for sample in read_any_samples(source)
            if (sample.post.split, sample.form) == (split, "instruction")
            and (not wanted or sample.post.task in wanted)
        ]
    if endpoint:
        need_permission(endpoint, [sample.post.task for sample in samples], ())
    judged, prices = stage.ask_both(
        samples, load_analyser(first), load_analyser(then, endpoint=endpoint)
    )
    found = stage.tradeoff(judged, prices=prices, seed=seed)
    if out:
        from mentallama.analysis.tradeoff_page import write_tradeoff

        write_tradeoff(found, out, first=first, second=then, data=str(folder or "sample corpus"))
        click.echo(f"cascade.json, cascade.csv and cascade.html in {out}", err=True)
    print_tables("cascade", found, [stage.tradeoff_table(found)], as_json)
