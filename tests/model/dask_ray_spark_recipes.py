"""Run the recipes of the guide for Dask, Ray and Spark, in an environment that has them, and compare with one process.

python tests/model/dask_ray_spark_recipes.py dask ray spark
"""

import contextlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

import mlpkit

MODELS = Path(__file__).parents[2] / "models"
BLOCKS = dict(re.findall(r"^<!-- ([\w .:]+) -->\n```python\n(.*?)^```$", (MODELS / "README.md").read_text("utf-8"), re.M | re.S))
SHARDS = 8
LONGEST = 900  # seconds after which a recipe hangs

COUNTING = """

import os, uuid
_load = mlpkit.load

def _counted(*arguments, **options):
    open(os.path.join({loads!r}, f"{{os.getpid()}}-{{uuid.uuid4().hex}}"), "w").close()
    return _load(*arguments, **options)

mlpkit.load = _counted
"""
SMALL_RAY = """
import ray
ray.init(num_cpus=4, include_dashboard=False, object_store_memory=100_000_000, log_to_driver=False, _temp_dir={files!r})
ray.data.DataContext.get_current().enable_progress_bars = False
"""


def make(folder):
    """Write the model, shards of the penguins, and the module of the recipes, which notes each loading of the model."""
    shutil.copy(MODELS / "penguins" / "model.h5", folder / "penguins.h5")
    options = pa.csv.ConvertOptions(null_values=["", "NA"], strings_can_be_null=True)
    table = pa.csv.read_csv(MODELS / "penguins" / "penguins.csv", convert_options=options)
    (folder / "rows").mkdir()
    (folder / "loads").mkdir()
    size = -(-table.num_rows // SHARDS)
    for number in range(SHARDS):
        pa.parquet.write_table(table.slice(number * size, size), folder / "rows" / f"part-{number}.parquet")
    (folder / "scoring.py").write_text(BLOCKS["file: scoring.py"] + COUNTING.format(loads=str(folder / "loads")))


def run(name, folder):
    """Run a recipe as a program of its own, and wait until all of its processes have ended."""
    before = SMALL_RAY.format(files=str(folder / "ray")) if name == "ray" else ""
    after = {"ray": "\nray.shutdown()\n", "spark": "\nspark.stop()\n"}.get(name, "")
    (folder / "recipe.py").write_text(before + BLOCKS[name] + after)
    own = {"RAY_AUTH_MODE": "disabled", "RAY_USAGE_STATS_ENABLED": "0", "PYSPARK_PYTHON": sys.executable, "SPARK_LOCAL_IP": "127.0.0.1"}
    subprocess.run([sys.executable, "recipe.py"], cwd=folder, env={**os.environ, **own}, check=True, timeout=LONGEST)
    while processes := [text for text in command_lines() if str(folder) in text]:
        print("waiting for", processes[0][:100])
        time.sleep(1)


def command_lines():
    """Yield the command lines of all processes."""
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):  # it has ended
            yield path.read_text(errors="replace").replace("\0", " ")


def rows_of(table):
    """Return the rows of a table in an order that does not depend on the files."""
    return sorted(map(repr, table.select(sorted(table.column_names)).to_pylist()))


def check(name):
    """Compare the predictions of a recipe with those of this process."""
    with tempfile.TemporaryDirectory(prefix="r", ignore_cleanup_errors=True) as path:
        folder = Path(path)
        make(folder)
        run(name, folder)
        rows = pa.parquet.read_table(folder / "rows")
        expected = rows.append_column("predicted", pa.array(mlpkit.load(folder / "penguins.h5").predict(rows)))
        found = pa.parquet.read_table(folder / "predictions").select(expected.column_names)
        assert rows_of(found) == rows_of(expected)
        processes = [each.name.partition("-")[0] for each in (folder / "loads").iterdir()]
        assert len(processes) == len(set(processes)), "a process has loaded the model more than once"
        assert name == "ray" or (str(os.getpid()) not in processes and processes)
    print(f"the recipe for {name} runs: {found.num_rows} rows")


if __name__ == "__main__":
    for recipe in sys.argv[1:]:
        check(recipe)
