"""The package as others install it: everything that the code opens is in the wheel."""

import subprocess
import sys
import zipfile
from pathlib import Path

from mentallama.corpus import MATERIAL, PARTS
from mentallama.tasks import TASKS
from tests.conftest import ROOT


def test_the_wheel_holds_corpus_recipes_template_and_type_marker(tmp_path: Path) -> None:
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation"),
            *("--quiet", "--wheel-dir", str(tmp_path), str(ROOT)),
        ],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    (wheel,) = tmp_path.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {
        "mentallama/py.typed",
        "mentallama/benchmark/report.html.j2",
        "mentallama/benchmark/rubrics/judge.yaml",
        "mentallama/benchmark/harness/inspect_imhi.py",
        "mentallama/recipes/tiny.yaml",
        "mentallama/recipes/mentallama-chat-13b.yaml",
        "mentallama/mini/delta.safetensors",
        "mentallama/mini/mentallama.json",
        "mentallama/mini/README.md",
        "mentallama/analysis/concepts.yaml",
        "mentallama/serve/page/index.html.j2",
        "mentallama/serve/page/app.js",
        "mentallama/support/locales/en.yaml",
        "mentallama/support/words/families.yaml",
        "mentallama/corpus/DATASHEET.md",
        "mentallama/corpus/CONTENT.md",
        *(f"mentallama/corpus/posts/{task.key}.jsonl" for task in TASKS),
        *(
            f"mentallama/corpus/sets/{name}.jsonl"
            for name in (*PARTS, *MATERIAL)
            if name != "plain"
        ),
    } <= names
