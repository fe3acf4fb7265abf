"""Engine: parameters, network, forward and backward pass, and the buffers for one batch size.

Averaging of losses and optimizers are in training.
"""
