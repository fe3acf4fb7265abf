"""Training: runs, updates, early stopping, checkpoints, and the state for resuming a run.

The public functions and the class Model are in the package model.
"""
