"""Fuzzing of the model file: `python -m tests.fuzz` mutates valid files, `python -m tests.fuzz.kill` kills processes that save.

Every mutant is a function of one number, so that whatever is found can be made again with `--reproduce`.
"""
