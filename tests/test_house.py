"""The house as a whole: the import law, and what a light command may load."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parent.parent / "src" / "mentallama"
STAGES = ("data", "tuning", "models", "benchmark", "human")
# A layer may import itself and those above it in this list, never those below.
LAYERS = (
    ("__init__", "types", "errors"),
    ("io", "rows", "config", "journal", "progress", "encoding", "tables", "pages"),
    (
        "bartscore",
        "chat",
        "closeness",
        "ctranslate",
        "delta",
        "minilm",
        "near",
        "pooled",
        "pretrained",
    ),
    ("marks", "web"),
    ("tasks", "support"),
    ("dataset",),
    ("corpus", *STAGES),
    ("feedback", "analysis"),
    ("demo", "serve", "studies"),
    ("cli",),
    ("__main__",),
)


def part(module: str) -> str:
    return module.split(".")[1] if "." in module else "__init__"


def imports(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("mentallama"):
            module = node.module or ""
            if module == "mentallama":
                names = {f"mentallama.{alias.name}" for alias in node.names}
                found |= {
                    n
                    if (SOURCE / part(n)).exists() or (SOURCE / f"{part(n)}.py").exists()
                    else "mentallama"
                    for n in names
                }
            else:
                found.add(module)
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names if alias.name.startswith("mentallama")}
    return found


def level(name: str) -> int:
    return next(index for index, layer in enumerate(LAYERS) if name in layer)


@pytest.mark.parametrize(
    "path", sorted(SOURCE.rglob("*.py")), ids=lambda p: str(p.relative_to(SOURCE))
)
def test_imports_go_upwards_only(path: Path) -> None:
    own = path.relative_to(SOURCE).parts[0].removesuffix(".py")
    for module in imports(path):
        other = part(module)
        assert level(other) <= level(own), f"{own} imports {module}"
        if own in STAGES and other in STAGES:
            assert own == other, f"stage {own} imports stage {other}: stages meet through files"


def loaded(*arguments: str) -> set[str]:
    """Return the top-level modules that a command has loaded when it ends."""
    code = (
        "import sys, atexit\n"
        "atexit.register(lambda: print(*sorted(sys.modules), file=sys.stderr))\n"
        f"sys.argv = ['mentallama', *{list(arguments)!r}]\n"
        "from mentallama.cli import main\nmain()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return {name.split(".")[0] for name in done.stderr.split()}


def test_help_loads_nothing_heavy() -> None:
    heavy = {"torch", "pandas", "sklearn", "numpy", "transformers", "pyarrow", "pydantic"}
    assert not loaded("--help") & heavy


def test_scoring_needs_no_torch(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "DR.csv").write_text(
        'goldens,generated_text\n"Yes, the poster suffers from depression. Reasoning: x",Yes.\n'
    )
    assert not loaded("evaluate", str(folder)) & {"torch", "pandas", "sklearn", "transformers"}


def test_scoring_works_where_torch_is_not_installed(tmp_path: Path) -> None:
    """Importing torch raises, as it would without the extra: scoring does not notice."""
    for name in ("torch", "transformers", "trl", "datasets"):
        (tmp_path / f"{name}.py").write_text("raise ImportError('not installed')")
    code = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n"
        "from pathlib import Path\n"
        "from mentallama.corpus.samples import export\n"
        "from mentallama.dataset import read_samples\n"
        "from mentallama.models.backend import GoldBackend\n"
        "from mentallama.models.generate import as_released, generate\n"
        "from mentallama.benchmark.evaluate import evaluate\n"
        f"out = Path({str(tmp_path)!r})\n"
        "export(out / 'data')\n"
        "samples = read_samples(out / 'data', splits=['test'])\n"
        "asked = as_released(samples)\n"
        "responses = generate(GoldBackend(samples), asked, out / 'gold.jsonl')\n"
        "scores = evaluate(responses).scores\n"
        "assert {s.value for s in scores if s.variant != 'forced'} == {100.0}\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
