"""Files on disk: path checks, detection of formats by first bytes, folder locks, and atomic writes.

The formats themselves are read and written by the packages above.
"""
