"""Tracking: logs of a run that other programs read. A log is called with each epoch, in a loop over epochs or as `on_epoch`.

Nothing in the spec or in training knows of them, and a log that cannot be written any more never ends a run.
"""
