"""PyInstaller's hook: the parts of mlpkit are imported by name when they are used, and plugins are found by their metadata."""

from __future__ import annotations

from PyInstaller.utils.hooks import collect_data_files, collect_submodules, copy_metadata

from mlpkit.plugin.entry_points import entry_points, parts

hiddenimports = collect_submodules("mlpkit", filter=lambda name: name != "mlpkit.sklearn")  # which needs scikit-learn
datas = copy_metadata("mlpkit") + collect_data_files("mlpkit")
datas += collect_data_files("mlpkit.export.python.program", include_py_files=True)  # the texts of an exported program
for _point in entry_points():
    _module = parts(_point.target)[0]
    if _point.distribution != "mlpkit" and _module:
        hiddenimports += collect_submodules(_module.partition(".")[0])
        datas += copy_metadata(_point.distribution)
