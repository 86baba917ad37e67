"""A simulated table of customers with contracts, whose true probabilities of leaving are known."""

import numpy as np
import pandas as pd


def simulated(n=600, seed=0):
    """Customers whose chance to leave falls with tenure, rises with the price, and depends on the plan."""
    rng = np.random.default_rng(seed)
    tenure, price = rng.integers(0, 60, n), rng.uniform(10, 90, n).round(2)
    plan = rng.choice(["monthly", "yearly"], n)
    log_odds = -0.5 - 0.05 * tenure + 0.03 * (price - 50) + 1.2 * (plan == "monthly")
    probability = 1 / (1 + np.exp(-log_odds))
    left = rng.random(n) < probability
    frame = pd.DataFrame(
        {
            "customer": [f"c{number}" for number in range(n)],
            "tenure": tenure,
            "price": price,
            "plan": plan,
            "noise": rng.normal(size=n).round(3),
            "region": rng.choice(["north", "south", "west"], n),
            "left": np.where(left, "Yes", "No"),
        }
    )
    return frame, probability
