"""Model file: one HDF5 file, written atomically and verified before use.

It holds plain JSON values and arrays, whose meaning the packages above know. models/FORMAT.md specifies the format.
"""
