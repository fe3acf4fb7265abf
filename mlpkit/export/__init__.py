"""Export: a model, with all of its preprocessing, as a program or a graph that other tools run without mlpkit.

`source` takes the model apart as models/FORMAT.md describes it; each format writes these parts in a module or package of its own.
"""
