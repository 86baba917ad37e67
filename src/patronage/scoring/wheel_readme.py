"""The README of an exported module, written from the schema of its bundle."""

from patronage.runtime.bundle import AnyBundle, Bundle, TableBundle
from patronage.schema import Column
from patronage.schema.markdown import column_table

_README = """\
# {name}

Scores customers with the model `{fingerprint}`, fitted to {fitted_to}. It needs numpy, scipy and xgboost, and nothing
of what trained it.

```python
from {name} import reasons, score

table = {{
    {example}
}}
scores = score(table)        # {outputs_named}
why = reasons(table)         # reason_1, reason_1_effect, reason_2, ...
```

`table` is a dict of arrays, or a pandas, Polars or Arrow table. The order of its columns does not matter, and others
than those below are ignored. What comes back is a dict of numpy arrays, rows as given.

```
pip install '{name}[parquet]'
python -m {name} in.parquet out.parquet
```

reads the file piece by piece and writes it with the scores beside all columns that the model does not read; columns of
the file's own that are called like a score (or a reason, if reasons are told) are left out, which is said. The output
appears whole or not at all. `--reasons 3` says why, `--keep customer_id` copies that column alone, `--help` tells the
rest. Exit codes: 0 done, 1 unexpected error, 2 usage, 3 input data, 4 model, 5 output.

{terms}

## Columns that go in

{inputs}

Missing numbers are NaN, null or masked, missing text is None; booleans count as 1 and 0. A column that is missing,
there twice or of another type (text and dates are no numbers), a number that is infinite or too large for the model,
and a missing value where none may be, are refused with `InputError`: it says which, how many rows, and the first of
them.

## Columns that come out

{outputs}

## What is in it

The model in `{name}/_bundle` (JSON, and trees in XGBoost's own format; every file is checked against its hash when it
is loaded, and nothing in it can run), the code that evaluated it in `{name}/_patronage`, and the list of all parts and
dependencies with their licences in `{name}/sbom.cdx.json` (CycloneDX). The licence is Apache-2.0.

Where the environment variable `PATRONAGE_PUBLIC_KEY` names a PEM file, a model that is not signed for that key is
refused (`pip install '{name}[signature]'`).
"""

_LEDGER_TERMS = """\
`recency` and `T` are in {time_unit}s, counted up to the day for which scores are wanted; scores look
{horizon_days} days ahead of it. The clv counts {margin:.4g} of the spend as margin and discounts
by {discount:.4g} a year."""

_TABLE_TERMS = """\
The columns are those of the table that the model was trained on: numbers may be missing, and a text that was not seen
in training counts as missing. What leaving means is what the label of that table says: {label}.{horizon}

Of many rows at once, `check(table)` says in words which columns hold far more missing values or unknown texts than in
training (`warnings`), and which are not those of the training at all (`refused`). `python -m {name}` writes warnings to
the standard error, and refuses a file whose columns are others."""


def wheel_readme(bundle: AnyBundle, name: str) -> str:
    """The README of the module `name`."""
    return _README.format(
        name=name,
        fingerprint=bundle.fingerprint,
        fitted_to=f"facts up to {bundle.as_of}" if bundle.as_of else "a table of customers",
        example="\n    ".join(f'"{column.name}": {_example(column, bundle)},' for column in bundle.inputs.columns),
        outputs_named=", ".join(bundle.outputs.names),
        terms=_terms(bundle, name),
        inputs=column_table(bundle.inputs),
        outputs=column_table(bundle.outputs),
    )


_HISTORY = {"frequency": 2, "recency": 20.0, "T": 30.0, "purchase_days": 3}
"""A customer who can be: three purchase days in thirty units of time."""


def _example(column: Column, bundle: AnyBundle) -> str:
    if column.type == "string":
        known = bundle.churn.categories.get(column.name, ())
        return f"[{known[0]!r}]" if known else "[None]"
    return f"[{_HISTORY.get(column.name, 1 if column.type == 'long' else 1.0)}]"


def _terms(bundle: AnyBundle, name: str) -> str:
    """What a reader of the scores has to know."""
    if isinstance(bundle, Bundle):
        return _LEDGER_TERMS.format(
            time_unit=bundle.time_unit.value,
            horizon_days=bundle.horizon_days,
            margin=bundle.value.margin_rate,
            discount=bundle.value.discount_rate_yearly,
        )
    return _table_terms(bundle, name)


def _table_terms(bundle: TableBundle, name: str) -> str:
    horizon = f" Scores look {bundle.horizon_days} days ahead." if bundle.horizon_days else ""
    return _TABLE_TERMS.format(name=name, label=bundle.training.get("label", "not recorded"), horizon=horizon)
