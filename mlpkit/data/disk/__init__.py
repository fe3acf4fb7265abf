"""Tables and data sets that stay on disk and are read in blocks.

They have the same methods as the ones in memory.
"""
