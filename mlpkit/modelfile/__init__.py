"""The model file: one HDF5 file, written whole or not at all, and verified before anything in it is used.

It holds plain JSON values and arrays, whose meaning the packages above know; models/FORMAT.md specifies the format.
"""
