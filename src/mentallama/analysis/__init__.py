"""What a post is taken to show, on what evidence, and why: the one way in for every surface.

>>> from mentallama.analysis import analyse
>>> from mentallama.analysis.fake import FakeAnalyser
>>> [[found]] = analyse(["the bus was late"], tasks=["dreaddit"], analyser=FakeAnalyser())
>>> found.label
'no'
"""

from mentallama.analysis.ask import Analyser, Question, analyse, as_reply, list_questions

__all__ = ["Analyser", "Question", "analyse", "as_reply", "list_questions"]
