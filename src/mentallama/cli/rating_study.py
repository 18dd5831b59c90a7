"""Making a study and planning its size."""

import click

STUDY: tuple[click.Command, ...] = ()
