"""Agreement, comparison of models and pairs, from ratings."""

import click

RESULTS: tuple[click.Command, ...] = ()
