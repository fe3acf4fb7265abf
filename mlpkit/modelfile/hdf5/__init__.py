"""Reader for the part of HDF5 that model files use, without h5py.

The package above interprets the contents of the datasets.
"""
