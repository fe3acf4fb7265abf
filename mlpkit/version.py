"""Version of mlpkit, defined only here."""

__version__ = "0.8.0"
