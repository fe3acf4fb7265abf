"""Provenance: the plugins that made a model, with the values they gave there.

It also handles a plugin that is missing or computes other values here: placeholders, lookup tables and drift.
"""
