"""Tasks of the tests of worker processes."""

import os
import sys
import time
import warnings

import numpy as np

from mlpkit.errors import DataError, UndefinedMetricWarning


def echo(values, data, job):
    print("printed by a plugin")
    job.send({"started": values}, data)
    return {"sum": float(job.arrays["x"].sum()), "process": os.getpid(), "module": __name__}, data[::-1]


def about(values, data, job):
    threads = {name: os.environ[name] for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MLPKIT_THREADS")}
    return {"threads": threads, "main": sys.modules["__main__"].__file__, "writeable": bool(job.arrays["x"].flags.writeable)}, b""


def until_stopped(values, data, job):
    job.send({"running": True})
    while not job.stopped():
        time.sleep(0.001)
    return {"stopped": True}, b"state"


def raises(values, data, job):
    raise DataError("the column 'a' is empty", help="fill it in")


def fails(values, data, job):
    return {"quotient": 1 / values["zero"]}, b""


def dies(values, data, job):
    print("Fatal: no memory", file=sys.stderr, flush=True)
    os._exit(7)


def warns(values, data, job):
    for _ in range(3):
        warnings.warn(UndefinedMetricWarning("recall is NaN", "of 2 rows"), stacklevel=2)
    return {}, b""


def product(values, data, job):
    x = job.arrays["x"]
    return {}, (x.T @ x).tobytes() + np.float64(x.mean()).tobytes()
