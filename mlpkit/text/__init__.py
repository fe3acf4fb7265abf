"""Text: JSON with positions, limits on untrusted input, and text that is safe to print.

Nothing here needs an array.
"""
