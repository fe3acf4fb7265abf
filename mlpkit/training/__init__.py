"""Training: a run step by step, the update, early stopping, checkpoints, and the state with which a run resumes.

What a user holds and calls is in model.
"""
