import os
import subprocess
import sys

import pytest

from mlpkit.files.open_files import Descriptor, open_elsewhere


@pytest.fixture
def nameless(tmp_path):
    """An open file without a name."""
    with open(tmp_path / "rows", "w+b") as file:
        file.write(b"rows")
        file.flush()
        os.unlink(file.name)
        yield file


def test_a_file_without_a_name_is_opened_by_another_process(nameless):
    code = (
        "import os, sys; from mlpkit.files.open_files import Descriptor, open_elsewhere; "
        "file = open_elsewhere(Descriptor(*map(int, sys.argv[1:]))); print(os.pread(file, 9, 0))"
    )
    found = Descriptor.of(nameless.fileno())
    done = subprocess.run([sys.executable, "-c", code, *map(str, found)], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "b'rows'"


@pytest.mark.parametrize("changes", [{"inode": 1}, {"device": -1}, {"number": 10**6}, {"process": 2**30}])
def test_a_descriptor_of_another_file_or_of_no_process_is_an_error(nameless, changes):
    with pytest.raises(OSError, match=r"another file|No such"):
        open_elsewhere(Descriptor.of(nameless.fileno())._replace(**changes))
