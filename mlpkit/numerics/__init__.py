"""Array helpers that the engine and the plugins share.

They do not depend on networks, specs or files.
"""
