"""What the README shows is run."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_the_ten_lines_run(capsys):
    (block,) = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
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
