"""The rating room as a command: serving a study, inviting raters, exporting what they gave."""

import click

ROOM: tuple[click.Command, ...] = ()
