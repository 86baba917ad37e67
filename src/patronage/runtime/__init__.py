"""What predicts: frozen parameters, their kernels, the bundle that stores them and the scorer that reads it.

This room needs numpy, scipy and xgboost only and refers to its neighbours by relative imports, because it is copied as
it stands into every exported scoring module (see `vendor`).
"""
