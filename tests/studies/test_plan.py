"""A study's YAML: what is refused, what goes over what; every shipped one can be planned."""

from pathlib import Path

import pytest

from mentallama.errors import InputError
from mentallama.studies.build import plan_study
from mentallama.studies.plan import Study, list_shipped, load_study
from mentallama.studies.sources import Sources, open_sources
from mentallama.studies.step import in_order
from tests.studies.conftest import WORDS, Invented


def load(folder: Path, text: str) -> Study:
    path = folder / "study.yaml"
    path.write_text(text)
    return load_study(str(path))


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("question:", "qestion:", "unknown key 'qestion'. Did you mean 'question'?"),
        ("a: words", "a: wrods", "no run is called 'wrods'. Did you mean 'words'?"),
        ("[DR, SAD, Irf]", "[DR, SADD]", "Did you mean 'SAD'?"),
        ("model: linear", "model: lienar", "runs.1.model"),
        ("name: words,", "name: majority,", "two runs have the same name"),
        ("tasks: [DR, SAD, Irf]", "posts: raw", "set labels to people"),
    ],
)
def test_a_wrong_study_is_refused_in_a_line(tmp_path: Path, old: str, new: str, said: str) -> None:
    with pytest.raises(InputError) as error:
        load(tmp_path, WORDS.replace(old, new))
    assert said in str(error.value) and "\n" not in str(error.value)


def test_a_name_close_to_a_shipped_study_is_suggested() -> None:
    with pytest.raises(InputError, match="Did you mean 'base-sizes'"):
        load_study("base-size")


def test_a_runs_own_keys_go_over_the_studys_and_leave_the_others(tmp_path: Path) -> None:
    own = WORDS.replace("model: linear}", "model: linear, train: {leaks: keep}}")
    study = load(tmp_path, own)
    plain, leaking = (study.taught(run) for run in study.runs)
    assert (plain.leaks, leaking.leaks) == ("drop", "keep")
    assert plain.tasks == leaking.tasks == ("DR", "SAD", "Irf")


@pytest.mark.parametrize("path", list_shipped(), ids=lambda path: path.stem)
def test_every_shipped_study_is_planned_and_says_what_it_needs(
    path: Path, invented: Invented
) -> None:
    study = load_study(path.stem)
    assert study.name == path.stem
    assert study.question and study.reads
    without = plan_study(study, open_sources(None))
    for run in without.runs:
        assert (run.answers is None) == (run.why_not is not None)
        assert run.why_not is None or run.why_not.startswith("needs ")
    with_all = plan_study(study, invented.sources)
    every = [*with_all.runs, *(run for _, run in with_all.crossed)]
    assert any(run.answers for run in every)
    assert all("--" not in str(run.why_not) for run in with_all.runs)


def test_models_of_the_hub_say_that_their_weights_and_a_gpu_are_needed(invented: Invented) -> None:
    plan = plan_study(load_study("tuned-or-prompted"), invented.sources)
    reasons = {run.name: run.why_not for run in plan.runs}
    needed = "needs the weights of meta-llama/Llama-2-7b-chat-hf and a GPU"
    assert reasons["LLaMA2-chat-7B few-shot"] == needed
    assert reasons["MentaLLaMA-chat-13B (released)"] is None


def test_a_steps_name_hangs_on_settings_and_on_the_content_of_files(
    tmp_path: Path, invented: Invented
) -> None:
    study = load(tmp_path, WORDS)
    again = load(tmp_path, WORDS)
    keeping = load(tmp_path, WORDS.replace("[DR, SAD, Irf]", "[DR, SAD, Irf], leaks: keep"))

    def names(one: Study, sources: Sources) -> list[str]:
        return [step.name for step in in_order([plan_study(one, sources).result])]

    corpus = open_sources(None)
    assert names(study, corpus) == names(again, corpus)
    shared = set(names(study, corpus)) & set(names(keeping, corpus))
    assert sorted(name.split("-")[0] for name in shared) == ["source", "test"]
    before = invented.sources.data.name
    file = next((invented.imhi / "test_data").rglob("DR.csv"))
    kept = file.read_bytes()
    file.write_bytes(kept + b'"x","y"\n')
    after = invented.sources.data.name
    file.write_bytes(kept)
    assert before != after and invented.sources.data.name == before
