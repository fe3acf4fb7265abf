"""`mlpkit predict`: rows of files to predictions in one file, or shard by shard in a folder, here or in worker processes.

One noun per file; nothing heavy is imported at the top of a file that the command imports, as in every other command.
"""
