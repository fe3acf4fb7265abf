"""CSV files: blocks of lines are split into fields, and fields are converted to numbers.

The type of a column is decided by the package above.
"""
