"""CSV files: lines to fields, fields to numbers, a block of rows at a time.

The type of a column is decided by the package above.
"""
