"""What a reader gets who only looks at the notebooks: they are committed executed, small, and clean."""

import base64
import json
import re
import tempfile
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).parents[2] / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
MOST_BYTES = 1_000_000
PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
MACHINE_PATH = re.compile(
    r"(?<![\w.])/(?:home|root|Users|tmp|private|var/folders|opt|mnt)/|[A-Za-z]:\\+Users|site-packages|ipykernel_\d+"
)

each_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=[path.stem for path in NOTEBOOKS])


def code_cells(path: Path) -> list[dict[str, Any]]:
    notebook = json.loads(path.read_text(encoding="utf-8"))
    return [cell for cell in notebook["cells"] if cell["cell_type"] == "code" and "".join(cell["source"]).strip()]


def outputs(path: Path) -> list[dict[str, Any]]:
    return [output for cell in code_cells(path) for output in cell["outputs"]]


def texts(path: Path) -> list[str]:
    """Every text of the outputs; pictures are left out, whose base64 may spell anything."""
    found = []
    for output in outputs(path):
        data = {kind: text for kind, text in output.get("data", {}).items() if not kind.startswith("image/")}
        found += ["".join(text) if isinstance(text, list) else json.dumps(text) for text in data.values()]
        found += ["".join(output.get("text", [])), *output.get("traceback", [])]
    return found


def test_there_are_notebooks():
    assert NOTEBOOKS


@pytest.mark.parametrize(
    "text", ["/home/ann/x.csv", "'/tmp/a'", "/root/.cache", r"C:\Users\ann", "lib/site-packages/x.py", "/opt/venv/bin"]
)
def test_a_path_of_a_machine_is_told(text: str):
    assert MACHINE_PATH.search(text)


@pytest.mark.parametrize("text", ["r / alpha", "outputs/scores.parquet", "a/tmp/b"])
def test_other_slashes_are_no_path_of_a_machine(text: str):
    assert not MACHINE_PATH.search(text)


@each_notebook
def test_every_cell_was_run_once_from_the_top(path: Path):
    counts = [cell["execution_count"] for cell in code_cells(path)]
    assert counts == list(range(1, len(counts) + 1))


@each_notebook
def test_no_cell_failed_or_warned(path: Path):
    noise = [o for o in outputs(path) if o["output_type"] == "error" or o.get("name") == "stderr"]
    assert not noise


@each_notebook
def test_charts_show_without_javascript_or_network(path: Path):
    pictures = [output["data"]["image/png"] for output in outputs(path) if "image/png" in output.get("data", {})]
    assert pictures
    for picture in pictures:
        assert base64.b64decode("".join(picture)).startswith(PNG_SIGNATURE)


@each_notebook
def test_notebook_is_small(path: Path):
    assert path.stat().st_size < MOST_BYTES


@each_notebook
def test_no_output_names_a_folder_of_the_machine_it_ran_on(path: Path):
    folders = {str(Path.home()), tempfile.gettempdir(), str(FOLDER.parent)} - {"/"}
    for text in texts(path):
        assert not MACHINE_PATH.search(text), text[:200]
        assert not [folder for folder in folders if folder in text]


@each_notebook
def test_no_trace_of_the_session_is_left_in_the_metadata(path: Path):
    notebook = json.loads(path.read_text(encoding="utf-8"))
    assert notebook["metadata"]["kernelspec"]["name"] == "python3"
    assert set(notebook["metadata"]) <= {"kernelspec", "language_info"}
    assert not [cell["id"] for cell in notebook["cells"] if "execution" in cell["metadata"]]
    ids = [cell["id"] for cell in notebook["cells"]]
    assert len(ids) == len(set(ids))
