"""How far long work is: a bar on a terminal, now and then a line where nobody looks."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.text import Text

from patronage.pipelines import console

SECONDS_BETWEEN_LINES = 10.0
"""A log of a night's work shall be read, not scrolled."""


class Watched(Protocol):
    """Work that is watched."""

    def expect(self, rows: int) -> None:
        """Be told how many rows there are."""

    def advance(self, rows: int) -> None:
        """Be told how many more are done."""


@contextmanager
def progress(title: str) -> Iterator[Watched]:
    """Show how far work on rows is, at which rate, and how long it will take."""
    if not console.OUT.is_terminal:
        yield _Lines(title)
        return
    columns = (TextColumn(title), BarColumn(), MofNCompleteColumn(), _Rate(), TimeRemainingColumn())
    with Progress(*columns, console=console.OUT, transient=True) as bar:
        yield _Bar(bar, title)


class _Bar:
    def __init__(self, bar: Progress, title: str) -> None:
        self._bar, self._task = bar, bar.add_task(title, total=None)

    def expect(self, rows: int) -> None:
        self._bar.update(self._task, total=rows)

    def advance(self, rows: int) -> None:
        self._bar.advance(self._task, rows)


class _Rate(ProgressColumn):
    """Rows a second."""

    def render(self, task: Task) -> Text:
        return Text(f"{task.speed:,.0f} a second" if task.speed else "")


class _Lines:
    def __init__(self, title: str, clock: Any = time.monotonic) -> None:
        self._title, self._clock = title, clock
        self._rows, self._done = 0, 0
        self._begin = self._told = clock()

    def expect(self, rows: int) -> None:
        # What came before, such as making the features, is not part of the rate.
        self._begin = self._told = self._clock()
        self._rows = rows

    def advance(self, rows: int) -> None:
        self._done += rows
        now = self._clock()
        if now - self._told < SECONDS_BETWEEN_LINES or not self._rows:
            return
        self._told = now
        rate = self._done / (now - self._begin)
        left = (self._rows - self._done) / rate
        console.note(
            f"{self._title}: {self._done:,} of {self._rows:,} ({self._done / self._rows:.0%}), {rate:,.0f} a second, "
            f"{left:,.0f} s left"
        )
