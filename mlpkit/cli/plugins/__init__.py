"""`mlpkit plugins`: what is installed, what a plugin is, whether it keeps its contract, and how to make a package of one.

One noun per file, nothing imported here: a command's file is as cheap to import as every other.
"""
