"""Numbers of things, in words."""


def how_many(count: int, thing: str, things: str | None = None) -> str:
    """A number with what it counts, in the singular or the plural.

    Parameters
    ----------
    count : int
    thing : str
    things : str, optional
        The plural; `thing` with an s if not given.

    Examples
    --------
    >>> how_many(1, "row"), how_many(1200, "row"), how_many(2, "copy", "copies")
    ('1 row', '1,200 rows', '2 copies')
    """
    return f"{count:,} {thing if count == 1 else things or thing + 's'}"
