"""Version of mlpkit, defined only here."""

__version__ = "0.9.0"
