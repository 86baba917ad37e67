"""Fit BG/NBD by the maximum a posteriori of pymc-marketing, in an environment of its own that has pyarrow too.

Usage: python pymc_map.py TABLE.parquet, with the Python of an environment that has pymc-marketing; prints JSON.
"""

import json
import sys
import time

import pandas as pd


def main() -> None:
    from pymc_marketing.clv import BetaGeoModel

    frame = pd.read_parquet(sys.argv[1])
    frame["customer_id"] = range(len(frame))
    begin = time.perf_counter()
    model = BetaGeoModel(data=frame[["customer_id", "frequency", "recency", "T"]])
    model.fit(method="map")
    seconds = time.perf_counter() - begin
    estimates = model.fit_result
    values = {name: float(estimates[name].to_numpy().ravel()[0]) for name in ("r", "alpha", "a", "b")}
    print(json.dumps({"seconds": seconds, **values}))


if __name__ == "__main__":
    main()
