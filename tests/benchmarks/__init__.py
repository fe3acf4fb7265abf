"""Benchmarks: each pairs mlpkit with something else on the same work, in turn in one run, and prints the ratio."""
