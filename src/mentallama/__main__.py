"""``python -m mentallama`` is the ``mentallama`` command."""

from mentallama.cli import main

main()
