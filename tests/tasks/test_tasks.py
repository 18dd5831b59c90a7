import pytest

from mentallama.errors import InputError
from mentallama.tasks import TASKS, get_label, get_task
from mentallama.tasks.answers import read_opening
from mentallama.types import Label, Task

LABELS = [(task, label) for task in TASKS for label in task.labels]


def test_there_are_the_ten_sets_of_the_release() -> None:
    keys = [task.key for task in TASKS]
    assert sorted(keys) == sorted(
        ["DR", "CLP", "dreaddit", "swmh", "t-sid", "SAD", "CAMS", "loneliness", "MultiWD", "Irf"]
    )


def test_sizes_add_up_to_the_published_totals() -> None:
    assert sum(task.sizes.train for task in TASKS) == 72_093
    assert sum(task.sizes.valid for task in TASKS) == 14_346
    assert sum(task.sizes.test for task in TASKS) == 19_353


@pytest.mark.parametrize(("task", "label"), LABELS, ids=lambda x: x.key)
def test_every_wording_of_a_label_reads_as_that_label(task: Task, label: Label) -> None:
    wordings = [label.phrase, f"{label.completion}.", f" {label.completion}..", *label.also]
    for wording in wordings:
        for aspect in task.aspects or ("",):
            opening = read_opening(task, wording.replace("{aspect}", aspect) + " ")
            assert opening is not None, wording
            assert opening.labels == {label.key}, wording


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.key)
def test_the_reference_rule_knows_only_labels_of_its_task(task: Task) -> None:
    keys = {label.key for label in task.labels}
    assert {key for _, key in task.reference.keywords} <= keys
    assert task.reference.default in keys


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.key)
def test_aspects_and_questions_agree(task: Task) -> None:
    assert ("{aspect}" in task.question) == bool(task.aspects)
    assert task.source.citation and task.source.home and task.source.access


def test_an_unknown_task_names_the_nearest() -> None:
    with pytest.raises(InputError, match="Did you mean 'MultiWD'"):
        get_task("multiwd")


def test_an_unknown_label_lists_the_known_ones() -> None:
    with pytest.raises(InputError, match="it has none, suicide, depression, ptsd"):
        get_label(get_task("t-sid"), "anxiety")
