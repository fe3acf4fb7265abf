"""Model: the object that a user holds, and how it is trained, saved, loaded and verified.

Everything here is over the packages below; the command line is over this one.
"""
