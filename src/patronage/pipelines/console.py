"""What a command says on the terminal: steps with their time, a table of results, and errors without tracebacks."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from patronage.errors import PatronageError
from patronage.tracking.passwords import without_passwords

OUT = Console(highlight=False)
ERR = Console(stderr=True, highlight=False)


@contextmanager
def step(title: str) -> Iterator[None]:
    """Show a step while it runs, and its time when it is done."""
    begin = time.perf_counter()
    with OUT.status(title):
        yield
    OUT.print(f"[green]✓[/green] {escape(title)} [dim]{time.perf_counter() - begin:.1f} s[/dim]")


def note(text: str) -> None:
    """One line of information under a step."""
    OUT.print(f"  [dim]{escape(text)}[/dim]", soft_wrap=True)


def warn(text: str) -> None:
    """One line under a step that should not be missed."""
    OUT.print(f"  [yellow]Mind: {escape(text)}[/yellow]", soft_wrap=True)


def results(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Show a table; the first column is text, the others are figures."""
    table = Table(title=title, title_justify="left", title_style="bold")
    for position, column in enumerate(columns):
        # Spaces, so that a narrow terminal breaks a heading between its words.
        table.add_column(
            column.replace("_", " "), justify="left" if position == 0 or len(columns) == 2 else "right", overflow="fold"
        )
    for row in rows:
        table.add_row(*map(escape, row))
    OUT.print(table)


def words(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Show a table of text."""
    table = Table(title=title, title_justify="left", title_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*map(escape, row))
    OUT.print(table)


def refuse(error: PatronageError) -> None:
    """Say why a command stops, without passwords."""
    told = escape(without_passwords(str(error)))
    ERR.print(f"[bold red]{type(error).__name__}[/bold red]: {told}", soft_wrap=True)
