import os

from mlpkit_fused.compiled import unavailable

# without a compiler, tests of the modules in C are not collected; .ci/run has one, where they fail without the modules
CI = os.environ.get("CI") == "true"
collect_ignore_glob = ["test_kernels_*.py"] if unavailable("_kernels") and not CI else []
