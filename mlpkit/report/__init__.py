"""Reports on models: pages of HTML, and comparisons of models on the same rows.

Each section of a page is a module that computes figures and shows them; figures are those of `mlpkit.metrics` and `mlpkit.numerics`.
"""
