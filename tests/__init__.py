"""The tests of mlpkit, a package of their own: `python -m tests.benchmarks` finds it, whatever else is installed."""
