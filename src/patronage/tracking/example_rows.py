"""The rows that a stored model shows as an example of its input: ordinary ones, not just the first."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

EXAMPLES = 5


def example_rows(dataset: pd.DataFrame, categories: Mapping[str, Sequence[str]], n: int = EXAMPLES) -> pd.DataFrame:
    """Rows that lack least and hold the fewest unknown texts, in the order of the data.

    MLflow scores the example as it stores a model, and a model of a customer table holds its input against the
    training: five odd rows would be told to be unlike the table that they are from.

    Parameters
    ----------
    dataset : DataFrame
        Inputs of the model.
    categories : mapping of str to sequence of str
        The values that the model tells apart, of each column that is text.
    n : int
        Rows, if there are so many.

    Returns
    -------
    DataFrame
    """
    odd = dataset.isna().to_numpy()
    for column, known in categories.items():
        if column in dataset:
            odd[:, dataset.columns.get_loc(column)] |= ~dataset[column].isin(list(known)).to_numpy()
    # What is odd in many rows counts little.
    oddity = odd @ (1 - odd.mean(axis=0)) if len(dataset) else np.zeros(0)
    return dataset.iloc[np.sort(np.argsort(oddity, kind="stable")[:n])]
