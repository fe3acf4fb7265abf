"""Progress of training, shown while it runs: on a terminal, in a notebook, as plain lines, or as JSON lines.

A display is called with each epoch. It writes to an output: the console of the command line, or one of `outputs`.
"""
