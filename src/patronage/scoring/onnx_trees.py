"""The trees of a churn model in ONNX, for systems that score with that; handed out only when they say the same.

The graph reads the features as 32-bit floats, missing as NaN, in the order of its metadata ``features``, and gives the
``margin`` (log odds of churn) and the ``probability``, both before the calibration that the bundle applies.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import xgboost
from numpy.typing import NDArray
from scipy import special

from patronage.errors import ConfigError, ModelError
from patronage.files import written_whole
from patronage.runtime.bundle import AnyBundle
from patronage.runtime.churn import ChurnModel
from patronage.runtime.churn_logistic import LogisticChurnModel
from patronage.runtime.churn_stack import StackedChurnModel
from patronage.runtime.trees import Forest, Tree

LARGEST_GAP = 1e-6
"""Between probabilities of the graph and of XGBoost; further apart, the graph is not handed out."""

ROWS_COMPARED = 4_096

OPERATORS, TREE_OPERATORS, FILE_FORMAT = 17, 3, 8
"""Versions of ONNX that systems of 2023 read already."""


def export_onnx(bundle: AnyBundle, target: Path | str) -> float:
    """Write the trees of a bundle as ONNX, if they say what XGBoost says.

    Parameters
    ----------
    bundle : Bundle or TableBundle
    target : path
        The file, for example ``dist/churn.onnx``.

    Returns
    -------
    float
        The largest gap between the probabilities of both, over rows that lie on all sides of all questions.

    Raises
    ------
    ConfigError
        If the packages onnx and onnxruntime are missing.
    ModelError
        If the churn model has no trees, looks at text, or the probabilities differ by more than 1e-6.
    OutputError
        If the file cannot be written.
    """
    onnx, runtime = _libraries()
    trees = _trees(bundle)
    forest = Forest.of(trees.booster)
    graph = _graph(onnx, forest, trees.features, bundle.fingerprint)
    rows = _rows(forest, len(trees.features))
    session = runtime.InferenceSession(graph.SerializeToString(), providers=["CPUExecutionProvider"])
    (found,) = session.run(["probability"], {"features": rows})
    data = xgboost.DMatrix(rows, feature_names=list(trees.features))
    expected = special.expit(trees.booster.predict(data, output_margin=True).astype(np.float64))
    gap = float(np.abs(found[:, 0] - expected).max())
    if not gap <= LARGEST_GAP:
        message = (
            f"The trees in ONNX and in XGBoost differ by up to {gap:.3g} in probability, more than {LARGEST_GAP:g}: "
            "nothing was written. Use the wheel, which holds XGBoost's own trees."
        )
        raise ModelError(message)
    with written_whole(target) as unfinished:
        unfinished.write_bytes(graph.SerializeToString(deterministic=True))
    return gap


def _trees(bundle: AnyBundle) -> ChurnModel:
    model = bundle.churn
    if isinstance(model, LogisticChurnModel):
        message = (
            "The churn model is a logistic regression and has no trees to write as ONNX; its terms are in churn.json."
        )
        raise ModelError(message)
    trees = model.trees if isinstance(model, StackedChurnModel) else model
    if trees.categories:
        message = (
            f"The trees ask for {', '.join(trees.categories)}, which are text: ONNX trees of this kind know numbers "
            "only. Train without these columns (features.leave_out), or use the wheel."
        )
        raise ModelError(message)
    return trees


def _graph(onnx: Any, forest: Forest, features: tuple[str, ...], fingerprint: str) -> Any:
    helper, number = onnx.helper, onnx.TensorProto.FLOAT
    ensemble = helper.make_node(
        "TreeEnsembleRegressor", ["features"], ["margin"], domain="ai.onnx.ml", n_targets=1,
        base_values=[forest.start], **_attributes(forest),
    )  # fmt: skip
    graph = helper.make_graph(
        [ensemble, helper.make_node("Sigmoid", ["margin"], ["probability"])],
        "churn",
        [helper.make_tensor_value_info("features", number, ["rows", len(features)])],
        [helper.make_tensor_value_info(name, number, ["rows", 1]) for name in ("margin", "probability")],
    )
    versions = [helper.make_opsetid("", OPERATORS), helper.make_opsetid("ai.onnx.ml", TREE_OPERATORS)]
    model = helper.make_model(graph, opset_imports=versions, ir_version=FILE_FORMAT, producer_name="patronage")
    helper.set_model_props(model, {"features": json.dumps(features), "model": fingerprint})
    onnx.checker.check_model(model)
    return model


def _attributes(forest: Forest) -> dict[str, list[Any]]:
    names = ("treeids", "nodeids", "featureids", "modes", "values", "truenodeids", "falsenodeids",
             "missing_value_tracks_true")  # fmt: skip
    nodes: dict[str, list[Any]] = {name: [] for name in names}
    leaves: dict[str, list[Any]] = {name: [] for name in ("treeids", "nodeids", "ids", "weights")}
    for position, tree in enumerate(forest.trees):
        for node in _below(tree):
            split = tree.splits.get(node)
            row: tuple[Any, ...] = (position, node, 0, "LEAF", 0.0, 0, 0, 0)
            if split is None:
                _append(leaves, (position, node, 0, float(tree.value[node])))
            else:
                ways = tree.left[node], tree.right[node], int(split.missing_left)
                row = (position, node, split.feature, "BRANCH_LT", float(split.threshold), *ways)
            _append(nodes, row)
    return {f"nodes_{name}": values for name, values in nodes.items()} | {
        f"target_{name}": values for name, values in leaves.items()
    }


def _append(columns: dict[str, list[Any]], row: tuple[Any, ...]) -> None:
    for values, value in zip(columns.values(), row, strict=True):
        values.append(value)


def _below(tree: Tree) -> list[int]:
    """The nodes that are reached from the root, which pruning may have left fewer than there are numbers."""
    found = [0]
    for node in found:
        if node in tree.splits:
            found += [tree.left[node], tree.right[node]]
    return found


def _rows(forest: Forest, n_features: int) -> NDArray[np.float32]:
    """Rows whose numbers lie on thresholds, right below them, far beyond them, or are missing."""
    asked: dict[int, set[np.float32]] = {}
    for tree in forest.trees:
        for split in tree.splits.values():
            asked.setdefault(split.feature, set()).add(split.threshold)
    rng = np.random.default_rng(0)
    rows = np.zeros((ROWS_COMPARED, n_features), dtype=np.float32)
    for feature in range(n_features):
        edges = np.array(sorted(asked.get(feature, {np.float32(0)})), dtype=np.float32)
        beyond = np.array([-1e30, 1e30, np.nan, np.nan], dtype=np.float32)
        sides = [edges, np.nextafter(edges, np.float32(-np.inf)), beyond]
        rows[:, feature] = rng.choice(np.concatenate(sides), ROWS_COMPARED)
    return rows


def _libraries() -> tuple[Any, Any]:
    try:
        import onnx
        import onnxruntime  # type: ignore[import-untyped]
    except ImportError as error:
        message = "Writing ONNX needs the packages onnx and onnxruntime: pip install 'patronage[onnx]'."
        raise ConfigError(message) from error
    return onnx, onnxruntime
