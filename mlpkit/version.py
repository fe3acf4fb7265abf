"""Version of mlpkit, defined only here."""

__version__ = "0.7.0"
