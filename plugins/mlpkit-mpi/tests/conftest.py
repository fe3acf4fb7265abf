import sys
from importlib.util import find_spec
from pathlib import Path

MPI = find_spec("mpi4py") and (Path(sys.executable).parent / "mpiexec").exists()
collect_ignore_glob = [] if MPI else ["test_*.py"]  # .ci/run installs mpi4py and an MPI for them
