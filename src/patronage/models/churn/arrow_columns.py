"""The features of an Arrow batch as the trees take them, without a detour through a dataframe."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from patronage.errors import InputError
from patronage.models.churn.columns import beyond_trees
from patronage.runtime.churn import Categories

if TYPE_CHECKING:
    import pyarrow


def text_columns(batch: "pyarrow.RecordBatch", features: Sequence[str]) -> list[str]:
    """Which of the features are text; all of them have to be there.

    Raises
    ------
    InputError
        If a feature is missing, or is neither text nor numbers nor truth values; all such features at once.
    """
    missing = [name for name in features if name not in batch.schema.names]
    if missing:
        message = f"The batches lack the columns {', '.join(missing)}; they have {', '.join(batch.schema.names)}."
        raise InputError(message)
    kinds = {name: _kind(batch.schema.field(name).type) for name in features}
    wrong = [f"{name} holds {batch.schema.field(name).type}" for name, kind in kinds.items() if kind == "other"]
    if wrong:
        message = f"Features have to be finite numbers or text; but {'; '.join(wrong)}."
        raise InputError(message)
    return [name for name, kind in kinds.items() if kind == "text"]


def value_counts(column: "pyarrow.Array") -> dict[str, int]:
    """How often each value of a text column occurs; missing ones do not count."""
    counted = column.value_counts().to_pylist()
    return {one["values"]: one["counts"] for one in counted if one["values"] is not None}


def arrow_matrix(batch: "pyarrow.RecordBatch", features: Sequence[str], categories: Categories) -> NDArray[np.float32]:
    """The features side by side, as `runtime.churn.feature_matrix` gives them.

    Returns
    -------
    ndarray of float32, shape (rows of the batch, number of features)

    Raises
    ------
    InputError
        If a feature is infinite or too large, or of another type than in other batches.
    """
    text = text_columns(batch, features)
    held = [name for name in features if batch.column(name).null_count < batch.num_rows]
    wrong = [name for name in held if (name in text) != (name in categories)]
    if wrong:
        message = f"{', '.join(wrong)} hold text in some batches and numbers in others. Give them one type."
        raise InputError(message)
    matrix = np.full((batch.num_rows, len(features)), np.nan, dtype=np.float32)
    for position, name in enumerate(features):
        if name in held:
            column = batch.column(name)
            matrix[:, position] = _codes(column, categories[name]) if name in text else _numbers(column, name)
    return matrix


def _kind(kind: Any) -> str:
    from pyarrow import types

    values = kind.value_type if types.is_dictionary(kind) else kind
    if types.is_string(values) or types.is_large_string(values):
        return "text"
    numeric = (types.is_integer, types.is_floating, types.is_decimal, types.is_boolean, types.is_null)
    return "number" if any(test(values) for test in numeric) else "other"


def _codes(column: "pyarrow.Array", known: tuple[str, ...]) -> NDArray[Any]:
    import pyarrow
    from pyarrow import compute, types

    values = column.dictionary_decode() if types.is_dictionary(column.type) else column
    found = compute.index_in(values, value_set=pyarrow.array(known, type=values.type), skip_nulls=True)
    return np.asarray(found.to_numpy(zero_copy_only=False))


def _numbers(column: "pyarrow.Array", name: str) -> NDArray[Any]:
    import pyarrow
    from pyarrow import types

    if types.is_boolean(column.type):
        column = column.cast(pyarrow.int8())
    numbers: NDArray[Any] = column.cast(pyarrow.float64()).to_numpy(zero_copy_only=False)
    if beyond := beyond_trees(numbers):
        message = (
            f"Features have to be finite numbers or text; but {name} holds {beyond} of a batch. Correct them, or leave "
            "them out."
        )
        raise InputError(message)
    return numbers
