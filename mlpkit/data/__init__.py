"""Data: files, frames and arrays to tables of typed columns, and the batches that the engine trains on.

What a network makes of the columns is decided in preprocessing.
"""
