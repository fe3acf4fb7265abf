"""Text: JSON with positions, limits on what is read, and text that is safe to print.

Nothing here needs an array.
"""
