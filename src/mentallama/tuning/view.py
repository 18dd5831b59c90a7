"""Which tokens bear loss, in colour: what is learned and what is only read."""

from typing import TYPE_CHECKING

from mentallama.tuning.rows import IGNORED, Row

if TYPE_CHECKING:
    from rich.text import Text
    from transformers import PreTrainedTokenizerBase


def show_loss(row: Row, tokenizer: "PreTrainedTokenizerBase") -> "Text":
    """Return a row's tokens: dim where they are only read, green where they bear loss.

    Without colours the two differ by brackets around every stretch that bears loss. Of a row of
    an encoder-decoder all of the answer bears loss; of a classifier the class alone.
    """
    from rich.text import Text

    text = Text()
    ids, labels = row["input_ids"], row["labels"]
    if isinstance(labels, int):
        text.append(tokenizer.decode(ids), style="dim")
        return text.append(f" [class {labels}]", style="bold green")
    if len(labels) != len(ids):
        text.append(tokenizer.decode(ids), style="dim")
        return text.append(f" [{tokenizer.decode(labels)}]", style="green")
    start = 0
    while start < len(ids):
        bears = labels[start] != IGNORED
        end = start
        while end < len(ids) and (labels[end] != IGNORED) == bears:
            end += 1
        part = tokenizer.decode(ids[start:end])
        text.append(f"[{part}]" if bears else part, style="green" if bears else "dim")
        start = end
    return text
