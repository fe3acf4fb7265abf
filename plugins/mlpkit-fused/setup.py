"""Build the two extension modules; without a C compiler the package is installed without them."""

import sys
from pathlib import Path

from setuptools import Extension, setup

STABLE = [("Py_LIMITED_API", "0x030B0000")]  # one wheel for Python 3.11 and later
# without errno and traps, square roots and choices become vector instructions; results are the same
GCC = ["-std=c11", "-O3", "-g0", "-fno-math-errno", "-fno-trapping-math", "-fopenmp-simd", "-fvisibility=hidden"]
GCC += ["-Wall", "-Wextra", "-Wno-unused-parameter"]
MSVC = ["/std:c11", "/O2", "/fp:precise"]


def extension(name: str, exact: bool) -> Extension:
    """Return an extension module; an exact one rounds each operation as NumPy does, and joins none of them."""
    flags = MSVC if sys.platform == "win32" else [*GCC, f"-ffp-contract={'off' if exact else 'fast'}"]
    return Extension(
        f"mlpkit_fused._{name}",
        [f"src/{name}/module.c"],
        include_dirs=["src"],
        depends=[str(path) for path in Path("src").rglob("*.*")],
        libraries=[] if sys.platform == "win32" else ["m"],
        define_macros=STABLE,
        extra_compile_args=flags,
        py_limited_api=True,
        optional=True,
    )


setup(
    ext_modules=[extension("kernels", exact=True), extension("engine", exact=False)],
    options={"bdist_wheel": {"py_limited_api": "cp311"}},
)
