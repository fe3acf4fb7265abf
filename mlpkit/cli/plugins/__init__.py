"""`mlpkit plugins`: list, show and check installed plugins, and create packages of plugins.

One noun per file; nothing is imported here, so that a command's file is as cheap to import as every other.
"""
