"""Every exception that Patronage raises on purpose.

::

    PatronageError                     the base: catch this to catch all of them
    ├── ConfigError (ValueError)       a setting is missing, misspelt or out of range          exit code 2
    ├── InputError (ValueError)        the data cannot be used                                 exit code 3
    │   ├── SourceError                a file is missing, empty or unreadable
    │   ├── ContractError              columns or rows break the contract of the ledger
    │   └── DateError                  an as-of date or cut-off leaves nothing to work on
    ├── ModelError                     a model cannot be found, fitted or loaded               exit code 4
    │   ├── FitError                   estimation failed, with the reason
    │   ├── PromotionError             a challenger does not become champion, with the reason  exit code 8
    │   └── BundleError                a stored model is incomplete, altered or of another format
    ├── OutputError (OSError)          a result cannot be written                              exit code 5
    ├── RejectedError                  the result stands, but leaves out more rows than may be exit code 6
    └── DriftError                     monitoring found what differs by more than chance and limit exit code 7

A message says what was expected, what came, how many, the first examples and what to do; the same facts are
attributes of the exception where a program may want them.
"""

from collections.abc import Sequence


class PatronageError(Exception):
    """Base of all errors of this package; ``exit_code`` is what the command line returns for it."""

    exit_code = 1


class ConfigError(PatronageError, ValueError):
    """A setting is missing, misspelt or out of range."""

    exit_code = 2


class InputError(PatronageError, ValueError):
    """The data cannot be used as they are.

    Attributes
    ----------
    counts : dict of str to int
        Number of offending rows by reason; empty where rows are not the matter.
    first_ids : tuple of str
        The first few offending ids (or row numbers), for looking them up.
    """

    exit_code = 3

    def __init__(self, message: str, *, counts: dict[str, int] | None = None, first_ids: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.counts = dict(counts or {})
        self.first_ids = tuple(first_ids)


class SourceError(InputError):
    """A file or folder of the ledger is missing, empty or unreadable."""


class ContractError(InputError):
    """Columns or rows break the contract of a table."""


class DateError(InputError):
    """An as-of date or cut-off leaves no customers, or no future, to work on."""


class ModelError(PatronageError):
    """A model cannot be found, fitted or loaded."""

    exit_code = 4


class FitError(ModelError, ValueError):
    """Estimation failed; the message says which check and what to do."""


class PromotionError(ModelError):
    """A challenger does not become champion: it has not earned it, or another was faster."""

    exit_code = 8


class BundleError(ModelError, ValueError):
    """A stored model is incomplete, altered, or of a format this version does not read."""


class OutputError(PatronageError, OSError):
    """A result cannot be written where it was asked for."""

    exit_code = 5


class RejectedError(PatronageError):
    """A result was written, but more rows than allowed could not be part of it.

    Attributes
    ----------
    counts : dict of str to int
        Number of rejected rows by reason.
    """

    exit_code = 6

    def __init__(self, message: str, *, counts: dict[str, int]) -> None:
        super().__init__(message)
        self.counts = dict(counts)


class DriftError(PatronageError):
    """Monitoring was carried out and gave an alarm; its tables and its page are written.

    Attributes
    ----------
    alarms : int
        How many tests gave one.
    """

    exit_code = 7

    def __init__(self, message: str, *, alarms: int) -> None:
        super().__init__(message)
        self.alarms = alarms
