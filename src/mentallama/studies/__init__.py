"""Studies: the paper's tables and its open questions, each by one command.

A study is a small YAML (``plan.py``) that names runs and the comparisons to draw from them. It
becomes steps (``build.py``) whose folders are named by what decides them (``step.py``); the runner
(``run.py``) does what is missing, in any number of processes. Each study ends in a page.
"""
