"""Models: training, prediction, saving, loading and verification.

This package uses the packages below, and the command line uses this package.
"""
