#!/usr/bin/env bash
# Build the modules in C with the sanitizers of addresses and of undefined behaviour, and run the tests of this package with them.
# It needs GCC, and an environment with mlpkit and pytest. Arguments are those of pytest.
set -euo pipefail
package=$(cd "$(dirname "$0")/.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp -r "$package" "$work/package"
rm -rf "$work/package/build" "$work"/package/mlpkit_fused/*.so "$work"/package/*.egg-info
export CFLAGS="-fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer"
pip install -q --no-deps --target "$work/site" "$work/package"
unset CFLAGS
export PYTHONPATH="$work/site${PYTHONPATH:+:$PYTHONPATH}"
python - "$work/site" <<'PYTHON'
import sys
from pathlib import Path

import mlpkit_fused

folder = Path(mlpkit_fused.__file__).parent
assert Path(sys.argv[1]) in folder.parents, folder
assert all(b"__asan_init" in path.read_bytes() for path in folder.glob("*.so"))
assert list(folder.glob("_kernels.*so")), "the module was not built"
PYTHON
export LD_PRELOAD="$(gcc -print-file-name=libasan.so) $(gcc -print-file-name=libubsan.so)"
export ASAN_OPTIONS=detect_leaks=0:allocator_may_return_null=1
cd "$work"
python -m pytest -q -p no:cacheprovider --import-mode=importlib "$@" package/tests
