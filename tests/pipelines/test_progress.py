"""How far work is: lines where nobody looks, a bar on a terminal."""

import io

import pytest
from rich.console import Console

from patronage.pipelines import console, progress


@pytest.fixture
def screen(monkeypatch):
    def made(**settings):
        shown = Console(file=io.StringIO(), width=150, highlight=False, **settings)
        monkeypatch.setattr(console, "OUT", shown)
        return shown

    return made


def test_lines_say_how_many_at_which_rate_and_how_long_now_and_then(screen):
    shown, now = screen(), [0.0]
    lines = progress._Lines("Score customers", lambda: now[0])
    lines.expect(1000)
    for moment in (4.0, 9.0, 20.0, 21.0):
        now[0] = moment
        lines.advance(200)
    # 600 rows in 20 seconds are 30 a second; the 400 left take 13.
    assert shown.file.getvalue().split("\n") == [
        "  Score customers: 600 of 1,000 (60%), 30 a second, 13 s left",
        "",
    ]


def test_a_terminal_gets_a_bar_with_rate_and_time(screen):
    shown = screen(force_terminal=True)
    with progress.progress("Score customers") as watched:
        watched.expect(1000)
        watched.advance(500)
        watched.advance(250)
    said = shown.file.getvalue()
    assert "Score customers" in said
    assert "750/1000" in said


def test_a_log_gets_no_bar(screen):
    shown = screen()
    with progress.progress("Score customers") as watched:
        watched.expect(10)
        watched.advance(10)
    assert shown.file.getvalue() == ""
