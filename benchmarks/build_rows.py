"""Wording rows for training: whole columns by Arrow beside a pandas loop over the rows.

    python benchmarks/build_rows.py --rows 100000

Both take the same columns (post, task, aspect, label, explanation) and give prompts and responses
of both forms; the results are compared. Posts are invented. Needs: pip install pandas
"""

import argparse
import time

import pandas as pd

from mentallama.corpus.samples import load_samples
from mentallama.data.forms import render_columns
from mentallama.tasks import get_label, get_task
from mentallama.tasks.wording import render_answer, render_prompt
from mentallama.types import FORMS, Form, Post


def make_rows(count: int) -> tuple[list[Post], list[str]]:
    """Take the sample corpus over and over, each time with another word before the post."""
    samples = [s for s in load_samples() if get_task(s.post.task).completion_question]
    posts, explanations = [], []
    for number in range(count):
        sample = samples[number % len(samples)]
        post = sample.post
        posts.append(
            Post(
                id=post.id,
                text=f"{number} {post.text}",
                task=post.task,
                aspect=post.aspect,
                label=post.label,
                split=post.split,
            )
        )
        explanations.append(sample.explanation)
    return posts, explanations


def by_loop(frame: pd.DataFrame, form: Form) -> list[tuple[str, str]]:
    """Word row by row, as a script would."""
    result = []
    for _, row in frame.iterrows():
        task = get_task(row["task"])
        prompt = render_prompt(task, row["text"], row["aspect"] or None, form)
        result.append((prompt, render_answer(get_label(task, row["label"]), row["why"], form)))
    return result


def main() -> None:
    """Time both ways, best of three, and compare what they give."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    count = parser.parse_args().rows
    posts, explanations = make_rows(count)
    frame = pd.DataFrame(
        {
            "task": [post.task for post in posts],
            "text": [post.text for post in posts],
            "aspect": [post.aspect or "" for post in posts],
            "label": [post.label for post in posts],
            "why": explanations,
        }
    ).astype(object)
    for form in FORMS:
        times: dict[str, float] = {}
        for _ in range(3):
            start = time.perf_counter()
            table = render_columns(posts, explanations, form)
            times["columns"] = min(times.get("columns", 9e9), time.perf_counter() - start)
            start = time.perf_counter()
            looped = by_loop(frame, form)
            times["loop"] = min(times.get("loop", 9e9), time.perf_counter() - start)
        columns = zip(table["prompt"].to_pylist(), table["response"].to_pylist(), strict=True)
        assert looped == list(columns), "the two ways differ"
        print(
            f"{form:<12} {count:,} rows: columns {times['columns']:.2f} s, iterrows "
            f"{times['loop']:.2f} s, {times['loop'] / times['columns']:.1f} times faster, equal"
        )


if __name__ == "__main__":
    main()
