"""MLflow, and only here: the store, the record of a training run, the registry and the pyfunc."""
