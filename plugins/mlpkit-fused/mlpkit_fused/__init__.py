"""Faster training and prediction for mlpkit: steps of optimizers and passes of networks in C."""
