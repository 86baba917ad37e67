"""The settings of linking by probability."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from patronage.errors import ConfigError
from patronage.ledger.identity.comparisons import Comparison, comparison
from patronage.ledger.identity.linker import MAX_COMPONENT, check_guards
from patronage.ledger.identity.normalise import Spelling, check_kinds


@dataclass(frozen=True)
class SplinkSettings:
    """How customers are compared, and how probable a link has to be.

    Attributes
    ----------
    comparisons : sequence of mappings
        See `comparisons.comparison`. One whose columns the customers lack is left out, and reported; so are blocks.
    blocks, training, certain : sequences of sequences of str
        Sets of columns. Only pairs that agree in a block are compared at all. The estimation looks at the pairs of one
        training block after the other; together they have to leave every comparison free once. Certain keys hardly ever
        join strangers: the number of pairs that they join tells how many there are.
    recall : float
        Share of all pairs of one person that the `certain` keys find; a guess, which moves the threshold a little.
    threshold : float
        Least match probability of a pair that links.
    review_from : float
        Least match probability of a pair that is kept for review.
    sample_rows : int
        Customers that u is counted from: all their pairs.
    max_pairs : int
        Largest number of pairs to compare.
    seed : int
        Picks the sample.
    kinds, max_component, reviewed, ignore_email_tags, ignore_email_dots, phone_country, junk
        As for `exact.ExactLinker`.

    Raises
    ------
    ConfigError
        If a setting is out of range or a comparison is not understood.
    """

    comparisons: Sequence[Mapping[str, Any] | Comparison]
    blocks: Sequence[Sequence[str]]
    training: Sequence[Sequence[str]]
    certain: Sequence[Sequence[str]]
    recall: float = 0.8
    threshold: float = 0.95
    review_from: float = 0.1
    sample_rows: int = 2000
    max_pairs: int = 50_000_000
    seed: int = 0
    kinds: Mapping[str, str] = field(default_factory=dict)
    max_component: int = MAX_COMPONENT
    reviewed: str | None = None
    ignore_email_tags: bool = True
    ignore_email_dots: bool = False
    phone_country: str | None = None
    junk: Sequence[str] | None = None
    name: str = field(default="splink", init=False)
    rules: Sequence[str] = field(default=("splink",), init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "comparisons", tuple(comparison(settings) for settings in self.comparisons))
        _ = self.spelling
        check_guards(self.threshold, self.max_component)
        check_kinds(self.kinds)
        for given, name in ((self.blocks, "blocks"), (self.training, "training"), (self.certain, "certain")):
            if not given or any(isinstance(columns, str) or not columns for columns in given):
                message = f"identity.{name} is a list of lists of columns, such as [[email], [last_name, postcode]]."
                raise ConfigError(message)
            object.__setattr__(self, name, tuple(tuple(columns) for columns in given))
        if not self.comparisons:
            message = "identity.comparisons is empty; at least two attributes are to be compared."
            raise ConfigError(message)
        if not 0 < self.review_from <= self.threshold:
            message = f"review_from is above 0 and up to the threshold {self.threshold}; got {self.review_from}."
            raise ConfigError(message)
        if not 0 < self.recall <= 1 or self.sample_rows < 2 or self.max_pairs < 1:
            message = "recall lies above 0 and up to 1, sample_rows is at least 2 and max_pairs at least 1."
            raise ConfigError(message)

    @property
    def spelling(self) -> Spelling:
        """What is ignored when values are compared."""
        return Spelling(self.ignore_email_tags, self.ignore_email_dots, self.phone_country, self.junk)
