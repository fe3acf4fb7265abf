"""Wheels of earlier releases, and the proof that they read what today's mlpkit writes.

`mlpkit-0.3.0-py3-none-any.whl` is what `SOURCE_DATE_EPOCH=1795721652 python -m hatchling build -t wheel` makes of commit 09fd69a.
"""
