"""A corpus of hostile model files: each with the error that must come of it, its rule in models/FORMAT.md and its words.

``python -m tests.modelfile.corpus FOLDER`` writes them all, for the tests of other readers too.
"""

from __future__ import annotations

from . import bombs, datasets, dense, embeddings, formats, large, manifest, models, outside, plugins, structure, texts
from .case import Case

MODULES = outside, datasets, structure, dense, bombs, texts, manifest, models, embeddings, plugins, large, formats
CASES: dict[str, Case] = {name: case for module in MODULES for name, case in module.CASES.items()}

if len(CASES) < sum(len(module.CASES) for module in MODULES):
    raise ValueError("two cases have one name")
