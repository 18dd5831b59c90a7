"""What a model sees and what bears loss, checked on a byte-level tokenizer of our own."""

import pytest

from mentallama.encoding import SHORTEST_PROMPT, encode_pair, encode_prompt, shorten_middle
from mentallama.tuning.recipe import Scratch
from mentallama.tuning.rows import encode_rows
from mentallama.tuning.scratch import train_tokenizer
from mentallama.types import FORMS, Form
from tests.conftest import sample
from tests.tuning.conftest import mini

SCRATCH = Scratch(
    vocabulary=400, hidden_size=8, feed_forward_size=8, layers=1, heads=1, context=1024
)


@pytest.fixture(scope="module")
def tokenizer() -> object:
    rows = [sample(form=form) for form in FORMS]
    return train_tokenizer(SCRATCH, [text for row in rows for text in (row.prompt, row.response)])


@pytest.mark.parametrize("form", FORMS)
def test_the_answer_alone_bears_loss_and_ends_with_the_end_token(
    tokenizer: object, form: Form
) -> None:
    row = sample(form=form)
    (encoded,), counts = encode_rows([row], tokenizer, mini(max_length=512))  # type: ignore[arg-type]
    learnt = [label for label in encoded["labels"] if label != -100]
    assert learnt[-1] == tokenizer.eos_token_id  # type: ignore[attr-defined]
    assert tokenizer.decode(learnt[:-1]).strip() == row.response  # type: ignore[attr-defined]
    assert counts.answer_tokens == len(learnt) < counts.tokens == len(encoded["input_ids"])


@pytest.mark.parametrize("form", FORMS)
def test_generation_asks_with_the_very_tokens_of_tuning(tokenizer: object, form: Form) -> None:
    row = sample(form=form)
    pair = encode_pair(tokenizer, row.prompt, row.response, 512)  # type: ignore[arg-type]
    asked = encode_prompt(tokenizer, row.prompt, 512)  # type: ignore[arg-type]
    assert pair is not None
    assert pair.prompt == asked.prompt
    assert tokenizer.bos_token_id == asked.prompt[0]  # type: ignore[attr-defined]


def test_a_long_post_loses_its_middle_and_never_its_answer(tokenizer: object) -> None:
    row = sample(text="start " + "middle " * 200 + "end")
    pair = encode_pair(tokenizer, row.prompt, row.response, 200)  # type: ignore[arg-type]
    assert pair is not None
    assert pair.shortened
    assert len(pair.prompt) + len(pair.answer) == 200
    prompt = tokenizer.decode(pair.prompt)  # type: ignore[attr-defined]
    assert 'Consider this post: "start' in prompt
    assert prompt.endswith('end" Question: What is the stress cause of this post?')
    assert tokenizer.decode(pair.answer[:-1]).strip() == row.response  # type: ignore[attr-defined]


def test_an_answer_that_leaves_no_room_drops_the_row_and_is_counted(tokenizer: object) -> None:
    rows = [sample(), sample(explanation="because " * 300)]
    encoded, counts = encode_rows(rows, tokenizer, mini(max_length=256))  # type: ignore[arg-type]
    assert len(encoded) == counts.rows == 1
    assert counts.dropped == 1


def test_the_shortest_prompt_holds_every_question() -> None:
    assert shorten_middle(list(range(10)), 4) == [0, 1, 8, 9]
    assert shorten_middle(list(range(10)), 5) == [0, 1, 7, 8, 9]
    assert shorten_middle([1, 2], SHORTEST_PROMPT) == [1, 2]
