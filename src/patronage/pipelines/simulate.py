"""``patronage simulate``: the settings of a business in; its ledger, the truth and the future out."""

import os
import time
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field
from rich.progress import Progress

from patronage.files import check_writable
from patronage.ledger.worlds.settings import world_from
from patronage.ledger.worlds.writing import simulate_world
from patronage.pipelines import console
from patronage.pipelines.settings import Settings, own_settings

GROUPS = {"world"}


class Simulate(Settings):
    """The command's own settings."""

    customers: int = Field(ge=1)
    seed: int = Field(ge=0)
    out: str = Field(min_length=1)
    tables: tuple[str, ...]
    truth: bool
    future: bool
    processes: Annotated[int, Field(ge=1)] | None


def simulate(config: dict[str, Any]) -> None:
    """Simulate a world; see ``conf/simulate.yaml`` for the settings."""
    settings = own_settings(Simulate, config, "simulate", GROUPS)
    world = world_from(config["world"])
    check_writable(Path(settings.out).parent)
    begin = time.perf_counter()
    with Progress(console=console.OUT, transient=True) as progress:
        task = progress.add_task("Simulate customers", total=settings.customers)
        written = simulate_world(
            world, settings.customers, settings.out, settings.seed, settings.tables, settings.truth, settings.future,
            processes=settings.processes or len(os.sched_getaffinity(0)),
            on_progress=lambda customers: progress.advance(task, customers),
        )  # fmt: skip
    seconds = time.perf_counter() - begin
    console.results(
        f"The world {world.name}",
        ["table", "rows", "bytes"],
        [[name, f"{rows:,}", f"{written.bytes[name]:,}"] for name, rows in written.rows.items()],
    )
    rows = [
        ["customers", f"{settings.customers:,}"],
        ["observed", f"{world.start} to {world.observed_until}"],
        ["future days", f"{world.future_days:,}"],
        ["time", f"{seconds:.1f} s"],
        ["folder", str(written.path)],
    ]
    console.results("Simulated", ["what", "result"], rows)
