"""Version of mlpkit, defined only here."""

__version__ = "0.5.0"
