"""Estimators for scikit-learn: `MLPKitClassifier` and `MLPKitRegressor`. This package alone imports scikit-learn.

>>> from mlpkit.sklearn import MLPKitClassifier
>>> MLPKitClassifier(hidden_layer_sizes=(64,), random_state=0).fit(x, y).score(x, y)    # doctest: +SKIP

`pip install "mlpkit[sklearn]"` installs what it needs: scikit-learn 1.6 or later.
"""

from __future__ import annotations

try:
    import sklearn.utils.validation as _validation
except ImportError as error:
    raise ImportError('mlpkit.sklearn needs scikit-learn: pip install "mlpkit[sklearn]"') from error
if not hasattr(_validation, "validate_data"):  # since 1.6
    raise ImportError('mlpkit.sklearn needs scikit-learn 1.6 or later: pip install -U "mlpkit[sklearn]"')

from mlpkit.sklearn.classifier import MLPKitClassifier as MLPKitClassifier
from mlpkit.sklearn.regressor import MLPKitRegressor as MLPKitRegressor

__all__ = ["MLPKitClassifier", "MLPKitRegressor"]
