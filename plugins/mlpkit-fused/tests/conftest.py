import os

from mlpkit_fused.compiled import unavailable

# without a compiler, tests of the modules in C are not collected; .ci/run has one, where they fail without the modules
CI = os.environ.get("CI") == "true"
collect_ignore_glob = [f"test{module}_*.py" for module in ("_kernels", "_engine") if unavailable(module) and not CI]
