"""A population whose people are known, some with several ids, and records as careless as real ones.

It stands apart from the code it judges: nothing of the package is imported.
"""

import numpy as np
import pandas as pd

DOMAINS = ("mail.example", "post.example", "web.example", "firma.example", "uni.example")
START = pd.Timestamp("2019-01-01")


def names(number: int, syllables: tuple[str, ...], rng: np.random.Generator) -> np.ndarray:
    """Distinct made-up names."""
    made: dict[str, None] = {}
    while len(made) < number:
        made["".join(rng.choice(syllables, rng.integers(2, 5))).capitalize()] = None
    return np.array(list(made))


def drawn(values: np.ndarray, size: int, rng: np.random.Generator) -> np.ndarray:
    """Values as unequally frequent as real names: of 800 the most frequent has 1 %, of 20,000 it has 0.5 %."""
    weights = 1 / np.arange(30, len(values) + 30)
    return values[rng.choice(len(values), size, p=weights / weights.sum())]


def typo(text: str, rng: np.random.Generator) -> str:
    """One slip of the finger: a letter too few, too many, wrong, or two in the wrong order."""
    at = int(rng.integers(0, max(len(text) - 1, 1)))
    letter = chr(rng.integers(97, 123))
    slips = (
        text[:at] + text[at + 1 :],
        text[:at] + letter + text[at:],
        text[:at] + letter + text[at + 1 :],
        text[:at] + text[at + 1 : at + 2] + text[at : at + 1] + text[at + 2 :],
    )
    return slips[int(rng.integers(0, 4))]


def population(n_people: int, seed: int, several: float = 0.2) -> tuple[pd.DataFrame, np.ndarray]:
    """Customers with attributes, and the person behind each.

    A share `several` of people has a second id, a fifth of these a third one. Of the further records, independently: a
    typo in the first name 10 %, in the last name 10 %, both swapped 5 %, another e-mail address 30 %, a tag or capitals
    in it 10 %, another telephone number 25 %, another way to write it 50 %, another postcode 20 %, a slip in the birth
    date 5 %. Of all records, e-mail 10 %, telephone 25 %, birth date 15 % and postcode 5 % are missing, and 1 % have a
    junk e-mail.
    """
    rng = np.random.default_rng(seed)
    first = names(800, ("an", "be", "ka", "lo", "mi", "ra", "so", "ti", "el", "va", "nu", "ri"), rng)
    last = names(
        20000, ("ber", "man", "sen", "hol", "ster", "win", "kow", "ski", "lund", "gra", "fel", "dor", "ney"), rng
    )
    postcodes = np.array([f"{code:05d}" for code in rng.permutation(90000)[:8000] + 10000])
    extra = rng.random(n_people)
    person = np.repeat(np.arange(n_people), 1 + (extra < several) + (extra < several / 5))
    is_first = np.append(True, person[1:] != person[:-1])
    n = len(person)

    truth = pd.DataFrame({
        "first_name": drawn(first, n_people, rng),
        "last_name": drawn(last, n_people, rng),
        "birth_date": (pd.Timestamp("1940-01-01") + pd.to_timedelta(rng.integers(0, 24000, n_people), "D")),
        "postcode": drawn(postcodes, n_people, rng),
        "phone": [f"0{number}" for number in rng.integers(15_000_000_000, 18_000_000_000, n_people)],
    })  # fmt: skip
    mailbox = truth.first_name.str.lower() + "." + truth.last_name.str.lower()
    taken = mailbox.groupby(mailbox).cumcount()  # an address belongs to one person
    truth["email"] = mailbox + taken.astype(str).where(taken > 0, "") + "@" + rng.choice(DOMAINS, n_people)
    seen = truth.loc[person].reset_index(drop=True).astype({"birth_date": "datetime64[us]"})

    def some(share: float, of: np.ndarray) -> np.ndarray:
        return np.flatnonzero(of & (rng.random(n) < share))

    again = ~is_first
    for column in ("first_name", "last_name"):
        at = some(0.10, again)
        seen.loc[at, column] = [typo(text, rng) for text in seen.loc[at, column]]
    at = some(0.05, again)
    seen.loc[at, ["first_name", "last_name"]] = seen.loc[at, ["last_name", "first_name"]].to_numpy()
    at = some(0.30, again)
    seen.loc[at, "email"] = [f"{seen.last_name[i].lower()}{rng.integers(100, 9999)}@{rng.choice(DOMAINS)}" for i in at]
    at = some(0.10, again)
    seen.loc[at, "email"] = seen.loc[at, "email"].str.replace("@", "+shop@").str.upper()
    at = some(0.25, again)
    seen.loc[at, "phone"] = [f"0{number}" for number in rng.integers(15_000_000_000, 18_000_000_000, len(at))]
    at = some(0.50, again)
    seen.loc[at, "phone"] = "+49 " + seen.loc[at, "phone"].str[1:4] + "/" + seen.loc[at, "phone"].str[4:]
    at = some(0.20, again)
    seen.loc[at, "postcode"] = drawn(postcodes, len(at), rng)
    at = some(0.05, again)
    seen.loc[at, "birth_date"] += pd.to_timedelta(rng.choice([1, 10, 31, 365], len(at)), "D")
    everywhere = np.ones(n, bool)
    for column, share in (("email", 0.10), ("phone", 0.25), ("birth_date", 0.15), ("postcode", 0.05)):
        seen.loc[some(share, everywhere), column] = None
    seen.loc[some(0.01, everywhere), "email"] = "none@none.com"
    seen["birth_date"] = seen["birth_date"].dt.date
    seen["acquired_at"] = START + pd.to_timedelta(rng.integers(0, 1500 * 86400, n), "s")
    seen["acquisition_cost"] = rng.integers(0, 5000, n) / 100

    order = rng.permutation(n)
    seen = seen.loc[order].reset_index(drop=True)
    seen.insert(0, "customer_id", [f"C{number:08d}" for number in range(n)])
    return seen, person[order]


def pairs_of(labels: np.ndarray) -> int:
    """Number of pairs of records with the same label."""
    sizes = np.unique(labels, return_counts=True)[1].astype(np.int64)
    return int((sizes * (sizes - 1) // 2).sum())


def precision_and_recall(truth: np.ndarray, found: np.ndarray) -> tuple[float, float]:
    """Over pairs of records: of those joined, how many are one person; of those of one person, how many are joined."""
    both = pairs_of(np.unique(np.column_stack([truth, found]), axis=0, return_inverse=True)[1])
    return both / max(pairs_of(found), 1), both / max(pairs_of(truth), 1)


def persons(customers: pd.DataFrame, links) -> np.ndarray:
    """The person that a table of links says each customer is, as numbers."""
    of = dict(zip(links["customer_id"].to_pylist(), links["person_id"].to_pylist(), strict=True))
    return np.unique([of.get(customer, customer) for customer in customers.customer_id], return_inverse=True)[1]
