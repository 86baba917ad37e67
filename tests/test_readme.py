"""What the README shows is run."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]


def python_blocks() -> list[str]:
    return re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)


def test_the_models_are_used_as_shown(capsys):
    names: dict = {}
    exec(compile(python_blocks()[1], "README.md", "exec"), names)
    assert "Pareto/NBD: all 7 checks of the fit passed." in capsys.readouterr().out
    # Fader, Hardie and Lee (2005): r .553 on the 1/10 sample of CDNOW.
    assert abs(names["model"].params_["r"] - 0.553) < 5e-4


def test_the_ten_lines_run(capsys):
    block = python_blocks()[0]
    assert 8 <= len([line for line in block.splitlines() if line.strip()]) <= 14
    names: dict = {}
    exec(compile(block, "README.md", "exec"), names)
    printed = capsys.readouterr().out
    assert "69,659 rows in = 69,659 used + 0 set aside" in printed
    assert names["customers"]["clv"].between(0, 10_000).all()


def test_links_lead_somewhere():
    for page in [ROOT / "README.md", *ROOT.glob("docs/**/*.md"), ROOT / "CONTRIBUTING.md"]:
        for target in re.findall(r"\]\((?!http)([^)#]+)\)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.name}: {target}"
