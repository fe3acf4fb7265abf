"""Explanations of a model by its raw columns: how much it needs each of them, and what each adds to the prediction of a row.

Columns are those of the user's table: a category, a date or a block of values is one column, not the inputs that it becomes.
"""
