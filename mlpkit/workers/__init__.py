"""Worker processes: functions that run in fresh interpreters, one task after the other in each.

It knows nothing of what its tasks do. A worker is started as `python -m mlpkit.workers`, so neither is this process forked nor does the
user's script run again. Arrays are shared through one file in memory, messages go through pipes, and each worker uses one thread.
"""
