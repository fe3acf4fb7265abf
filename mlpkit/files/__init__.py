"""Files on disk: checked paths, first bytes, folder locks, and atomic writes.

The formats themselves are read and written by the packages above.
"""
