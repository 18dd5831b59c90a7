"""Crisis lines for the person at the keyboard, when a text speaks of risk to somebody's life.

It stands beside the research labels and changes none. It is no diagnosis and no assessment: it
looks for phrases, misses some and shows the panel to people who need none, which does little harm.
Nothing of the text goes into the panel.

>>> from mentallama.support import find_support
>>> find_support("my phone died again")
>>> find_support("i want to die", "en-US").lines[0].contact
'call or text 988'
"""

from mentallama.support.panel import Line, Support, find_support, list_locales, load_support
from mentallama.support.risk import speaks_of_risk

__all__ = ["Line", "Support", "find_support", "list_locales", "load_support", "speaks_of_risk"]
