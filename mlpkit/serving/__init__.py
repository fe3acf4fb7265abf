"""Serving: predictions over HTTP, with the server of the standard library."""
