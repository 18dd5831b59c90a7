"""Human evaluation: making a study, running it, and reading what came of it."""

import click

from mentallama.cli.rating_results import RESULTS
from mentallama.cli.rating_room import ROOM
from mentallama.cli.rating_study import STUDY


@click.group()
def rate() -> None:
    """Have people rate explanations: blind, with anchored scales and agreement."""


for command in (*STUDY, *ROOM, *RESULTS):
    rate.add_command(command)
