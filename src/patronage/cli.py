"""``patronage COMMAND key=value ...``: looks up the command and hands the rest of the line to Hydra.

Nothing heavy is imported before a command is chosen, so that help answers at once.
"""

import os
import sys
from collections.abc import Sequence

from patronage import __version__

COMMANDS = {
    "check": "account for every row of a ledger, and say what is missing or looks wrong",
    "link": "find customer ids that are one person, for review and for use",
    "train": "fit the purchase, spend and churn models, evaluate them, track the run, register the model",
    "tune": "search for better settings of the churn model, and write them as an experiment for train",
    "score": "score every customer of a ledger as of a date, into a Parquet file",
    "backtest": "fit candidates at several past dates and judge each by what came, with intervals",
    "monitor": "compare customers with those the model knows, and what came with what it foretold",
    "promote": "make the challenger champion if later data say so; roll back; tell the history",
    "describe": "say what a model needs, gives and knows, as text or JSON",
    "export": "pack a model into a wheel that needs numpy, scipy and xgboost only",
    "report": "write a self-contained HTML report and its charts",
    "value": "state what customers earned and will earn, what is at risk, and why customer equity changed",
    "sql": "print the query of the summary and the features for a warehouse of one's own",
    "simulate": "write the ledger of a simulated business, with the truth and the future beside it",
}

BARE = {"describe": "model"}
"""Settings whose name may be left out, by command."""

USAGE = f"""\
patronage {__version__}: what each customer is worth, who is about to leave, and where the next unit of money should go.

Usage: patronage COMMAND [key=value ...] [--multirun] [--cfg job] [--help]

Commands:
{chr(10).join(f"  {name:<8} {meaning}" for name, meaning in COMMANDS.items())}

Examples:
  patronage train                                        the CDNOW log, from first to last
  patronage train ledger=files ledger.path=sales.csv dates.cutoff=2024-06-30 \\
      dates.horizon_days=182 dates.observed_until=2024-12-31
  patronage train --multirun model_engine=native,lifetimes
  patronage score as_of=1998-06-30 out=outputs/scores.parquet
  patronage train --help                                 settings and groups of a command

Exit codes: 0 done, 1 unexpected error, 2 configuration, 3 input data, 4 model, 5 output,
6 done, but more rows than allowed were rejected, 7 monitoring gave an alarm, 8 not promoted.
"""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command.

    Parameters
    ----------
    arguments : sequence of str, optional
        The command line without the program; that of the process if not given.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    if not given or given[0] in ("-h", "--help", "help"):
        sys.stdout.write(USAGE)
        return
    if given[0] in ("-V", "--version"):
        sys.stdout.write(f"patronage {__version__}\n")
        return
    command, *rest = given
    if command not in COMMANDS:
        sys.exit(_unknown(command))
    rest = _named(command, rest)
    # Idle OpenMP threads that spin make small fits many times slower on busy machines.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    # Those of OpenBLAS spin for 2^26 cycles before they sleep, once in numpy and once in scipy; 2^4 do.
    os.environ.setdefault("OPENBLAS_THREAD_TIMEOUT", "4")
    sys.argv = [f"patronage {command}", *rest]
    from patronage.pipelines.command import run

    try:
        run(command)
        sys.stdout.flush()
    except BrokenPipeError:
        # Whoever read the output, such as `head`, has enough; what is left goes nowhere, so that nothing fails at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)


def _named(command: str, rest: list[str]) -> list[str]:
    """The arguments, the first of which may go without its name where a command is about one thing."""
    name = BARE.get(command)
    if name is None or not rest or rest[0].startswith("-") or "=" in rest[0]:
        return rest
    return [f"{name}={rest[0]}", *rest[1:]]


def _unknown(command: str) -> int:
    from difflib import get_close_matches

    close = get_close_matches(command, COMMANDS, n=1)
    hint = f" Did you mean {close[0]}?" if close else ""
    sys.stderr.write(f"patronage has no command {command!r}.{hint} It has: {', '.join(COMMANDS)}.\n")
    return 2


if __name__ == "__main__":
    main()
