"""The engine: parameters, network, forward and backward pass, and the buffers for one batch size.

Neither loss averages nor optimizers are here; see training.
"""
