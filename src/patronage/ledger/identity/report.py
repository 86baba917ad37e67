"""What linking did: how many ids became how many persons, and what the guards kept apart."""

from dataclasses import dataclass


@dataclass(frozen=True)
class LinkReport:
    """Counts of a linking.

    Attributes
    ----------
    linker : str
        none, exact or splink.
    customers : int
        Customers that were compared.
    linked_ids : int
        Ids of persons with several ids.
    people : int
        Persons that these ids belong to.
    largest : int
        Most ids of one person; 1 if none has several.
    pairs : int
        Pairs that the linker proposes at its threshold or that a reviewer accepted.
    below_threshold : int
        Pairs that it found too uncertain to link, but worth a look.
    accepted, rejected : int
        Pairs that a reviewer decided on.
    left_out : int
        Pairs at or above the threshold that join no one, because of the guards or the reviewer.
    oversized : tuple of tuple of int
        For every group larger than the limit: its ids, and how many persons it was taken apart to.
    several_contracts : int
        Persons with more than one start of a contract, of which only the first is kept.
    notes : tuple of str
        What was left out of the search and why.
    """

    linker: str
    customers: int = 0
    linked_ids: int = 0
    people: int = 0
    largest: int = 1
    pairs: int = 0
    below_threshold: int = 0
    accepted: int = 0
    rejected: int = 0
    left_out: int = 0
    oversized: tuple[tuple[int, int], ...] = ()
    several_contracts: int = 0
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        text = (
            f"{self.linked_ids:,} of {self.customers:,} ids belong to {self.people:,} people with several ids "
            f"(identity={self.linker}), {self.largest:,} at most"
        )
        if self.accepted or self.rejected:
            text += f"; a reviewer accepted {self.accepted:,} pairs and rejected {self.rejected:,}"
        if self.left_out:
            text += f"; {self.left_out:,} pairs were left out"
        if self.oversized:
            largest = max(size for size, _ in self.oversized)
            text += (
                f"; {len(self.oversized):,} groups of up to {largest:,} ids were too large to be one person and were "
                f"taken apart to {sum(parts for _, parts in self.oversized):,}"
            )
        if self.several_contracts:
            text += f"; {self.several_contracts:,} people have several contracts, of which the first is kept"
        return "; ".join([text, *self.notes])
