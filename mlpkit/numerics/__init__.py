"""Array helpers that the engine and the plugins share.

They know nothing of networks, specs and files.
"""
