"""Tables and data sets that stay on disk and are read in blocks, never whole.

They have the methods of those in memory.
"""
