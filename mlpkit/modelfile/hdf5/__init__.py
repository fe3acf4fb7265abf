"""The part of HDF5 that a model file uses, read without h5py.

The contents of the datasets are interpreted by the package above.
"""
