"""Whether a worker of Spark is where it should be, with the programs that it should have."""

import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from patronage.errors import OutputError
from patronage.scoring.manifest import versions
from patronage.scoring.work import PLAN, sha256_of


@dataclass(frozen=True)
class Place:
    """Where a job works.

    Attributes
    ----------
    folder : Path
        The work folder, absolute.
    plan_sha256 : str
        Of the job's plan, which lies in it.
    """

    folder: Path
    plan_sha256: str

    @classmethod
    def of(cls, folder: Path) -> "Place":
        """The place of a job that has begun, as the driver sees it."""
        return cls(folder.absolute(), sha256_of(folder / PLAN))

    def require(self) -> None:
        """Refuse to work where scores would be lost.

        Raises
        ------
        OutputError
            If the work folder is not that of the driver, or another job has taken it over.
        """
        try:
            found = sha256_of(self.folder / PLAN)
        except OSError:
            found = None
        if found != self.plan_sha256:
            what = "does not see" if found is None else "sees the plan of another job in"
            message = (
                f"The Spark worker on {socket.gethostname()} {what} the work folder {self.folder}. Workers write their "
                "scores there: give out=... in a folder that all machines reach under the same name."
            )
            raise OutputError(message)


def require_programs(wanted: Mapping[str, str]) -> None:
    """Refuse to score with other programs than those of the driver.

    Parameters
    ----------
    wanted : mapping of str to str
        Versions, as `manifest.versions` tells them.

    Raises
    ------
    OutputError
        Naming those that are others: what is finished stays as it is.
    """
    here = versions()
    other = [f"{name} {here.get(name)} instead of {one}" for name, one in wanted.items() if here.get(name) != one]
    if other:
        message = (
            f"The Spark worker on {socket.gethostname()} would score with {', '.join(other)}. Install on all machines "
            "what the driver has, so that scores do not depend on where they are computed."
        )
        raise OutputError(message)
