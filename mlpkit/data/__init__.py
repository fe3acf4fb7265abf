"""Data sources: files, frames and arrays become tables of typed columns, and encoded rows become batches for training.

Preprocessing decides how a column is encoded for the network.
"""
