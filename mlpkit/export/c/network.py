"""The network as C: embeddings, layers and the meaning of the outputs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from mlpkit.errors import DataError
from mlpkit.export.c.activations import ELEMENTWISE, GATED, ROWS
from mlpkit.export.c.literals import number, numbers
from mlpkit.export.source import Source

EXACT = {"sigmoid", "softmax", "continuation_ratio"}  # last activations whose probabilities are computed in double


class NetworkCode:
    """Writer of the function of one network, and of the arrays of all networks.

    Parameters
    ----------
    source : Source
    described : dict
        The description of the model.
    dtype : "float32" or "float64"
    """

    def __init__(self, source: Source, described: Mapping[str, Any], dtype: str) -> None:
        self.source, self.described, self.dtype = source, described, dtype
        self.members = source.members
        self.tables: list[str] = []

    def table(self, name: str) -> str:
        """Define the array of a tensor of all members, and return the expression of a member's."""
        own = name.replace("layers.", "layer").replace("embeddings.", "embedding").replace(".", "_")
        values = np.concatenate([member[name].ravel() for member in self.members])
        self.tables.append(numbers(own, values, "REAL", self.dtype))
        return own if len(self.members) == 1 else f"({own} + (long)member * {self.members[0][name].size})"

    def has(self, name: str) -> bool:
        """Return True if the network has a tensor."""
        return name in self.members[0]

    def function(self) -> str:
        """Return the function that adds the scores of one network to `out`."""
        widest = max(self.members[0][f"layers.{index}.weight"].shape[1] for index in range(len(self.described["layers"])))
        lines = ["static void add_scores(int member, const REAL *x, double *out)", "{", "    int j;", f"    REAL sums[{widest}];"]
        first, width = "x", self.described["inputs_width"]
        if self.described["embeddings"]:
            width = self.members[0]["layers.0.weight"].shape[0]
            lines += [f"    REAL x0[{width}];", *self._first_inputs()]
            first = "x0"
        names, widths = [first], [width]
        for index, layer in enumerate(self.described["layers"]):
            lines += self._layer(index, layer, names, widths)
            names.append(f"x{index + 1}")
            widths.append(layer["units"])
        lines += self._outputs(names[-1], widths[-1])
        if len(self.members) == 1:
            lines.append("    (void)member;")
        return "\n".join([*lines, "}"])

    # -- embeddings

    def _first_inputs(self) -> Iterator[str]:
        """Yield the statements for the inputs of the first layer."""
        embeddings = self.described["embeddings"]
        codes = {index for options in embeddings if options["type"] == "category" for index in options["inputs"]}
        kept = [index for index in range(self.described["inputs_width"]) if index not in codes]
        if kept:
            self.tables.append(numbers("kept_inputs", np.array(kept), "int"))
            yield f"    for (j = 0; j < {len(kept)}; j++) x0[j] = x[kept_inputs[j]];"
        place = len(kept)
        for number_, options in enumerate(embeddings):
            for n, index in enumerate(options["inputs"]):
                yield f"    {self._embedded(number_, options, n, f'x[{index}]', f'x0 + {place}')}"
                place += self.members[0][f"embeddings.{number_}.weight"].shape[-1]

    def _embedded(self, index: int, options: Mapping[str, Any], n: int, value: str, out: str) -> str:
        """Return the call that writes the values of an embedding of one input."""
        name, shapes = f"embeddings.{index}", self.members[0]

        def at(part: str) -> str:
            array = shapes[f"{name}.{part}"]
            if n == 0:
                self._tables_of[part] = self.table(f"{name}.{part}")
            return f"{self._tables_of[part]} + {n * (array.size // len(array))}"

        if n == 0:
            self._tables_of: dict[str, str] = {}
        units = shapes[f"{name}.weight"].shape[-1]
        if options["type"] == "category":
            levels, start = options["levels"][n], sum(options["levels"][:n]) + n
            if n == 0:
                self._tables_of["weight"] = self.table(f"{name}.weight")
            row = f"(({value} >= 0 && {value} < {levels} ? (long){value} : {levels}L) + {start}L) * {units}"
            return f"for (j = 0; j < {units}; j++) ({out})[j] = {self._tables_of['weight']}[{row} + j];"
        tail = f"{at('weight')}, {at('bias')}, {units}, {out});"
        if options["type"] == "piecewise_linear":
            return f"piecewise_linear({value}, {at('edges')}, {options['bins']}, {tail}"
        waves = f"{value}, {at('frequency')}, "
        if options["type"] == "pbld":
            return f"pbld({waves}{at('phase')}, {options['frequencies']}, {tail}"
        return f"periodic({waves}{options['frequencies']}, {tail}"

    # -- layers

    def _layer(self, index: int, layer: Mapping[str, Any], names: list[str], widths: list[int]) -> Iterator[str]:
        """Yield the statements of a layer, whose outputs are x1 for the first."""
        name, out, units = f"layers.{index}", f"x{index + 1}", layer["units"]
        activation = layer["activation"]["type"]
        columns = self.members[0][f"{name}.weight"].shape[1]
        gated = columns != units
        z = f"z{index + 1}" if gated else out
        yield f"    REAL {out}[{units}];" + (f" REAL {z}[{columns}];" if gated else "") + f" /* {activation} */"
        bias = self.table(f"{name}.bias") if self.has(f"{name}.bias") else "NULL"
        scale = self.table(f"{name}.input_scale") if self.has(f"{name}.input_scale") else "NULL"
        yield f"    dense({names[-1]}, {widths[-1]}, {scale}, {self.table(f'{name}.weight')}, {bias}, sums, {z}, {columns});"
        if layer["normalization"]:
            yield self._normalization(name, layer["normalization"], z, columns)
        if not (index == len(self.described["layers"]) - 1 and self._is_exact()):
            yield from self._activation(name, layer["activation"], z, out, units)
        if back := layer["residual"]:
            yield f"    for (j = 0; j < {units}; j++) {out}[j] += {names[-back]}[j];"

    def _normalization(self, name: str, options: Mapping[str, Any], z: str, columns: int) -> str:
        epsilon = number(options["epsilon"], self.dtype)
        part = f"{name}.normalization"
        scale = self.table(f"{part}.scale")
        shift = self.table(f"{part}.shift") if self.has(f"{part}.shift") else "NULL"
        if options["type"] == "batch":
            statistics = f"{self.table(f'{part}.mean')}, {self.table(f'{part}.variance')}"
            return f"    batch_normalization({z}, {columns}, {epsilon}, {statistics}, {scale}, {shift});"
        return f"    {options['type']}_normalization({z}, {columns}, {epsilon}, {scale}{'' if options['type'] == 'rms' else f', {shift}'});"

    def _activation(self, name: str, options: Mapping[str, Any], z: str, out: str, units: int) -> Iterator[str]:
        kind = options["type"]
        if kind in ROWS:
            yield f"    {kind}({out}, {units});"
            return
        if "approximate" in options:
            kind = f"{kind} {options['approximate']}"
        if kind not in ELEMENTWISE and kind not in GATED:
            raise DataError(f"{name}: the activation {kind!r} has no formula in C", help="export the model as .onnx or .py")
        values = {key: number(value, self.dtype) for key, value in options.items() if isinstance(value, float)}
        prefix = f"{name}.activation."
        for path, array in self.members[0].items():
            if path.startswith(prefix):
                values[path.removeprefix(prefix)] = f"{self.table(path)}[{'j' if array.size > 1 else 0}]"
        if kind in GATED:
            halves = f"const REAL a = {z}[j], b = {z}[{units} + j];"
            yield f"    for (j = 0; j < {units}; j++) {{ {halves} {out}[j] = {GATED[kind]}; }}"
        elif kind != "linear":
            expression = ELEMENTWISE[kind].format(**values)
            yield f"    for (j = 0; j < {units}; j++) {{ const REAL z = {z}[j]; {out}[j] = {expression}; }}"

    # -- outputs

    def _is_exact(self) -> bool:
        """Return True if the probabilities are computed in double from the last pre-activations."""
        last = self.described["layers"][-1]["activation"]["type"]
        return self.described["target"]["task"] != "regression" and last in EXACT

    def _outputs(self, x: str, units: int) -> Iterator[str]:
        """Yield the statements that add the scores to `out`."""
        target, last = self.described["target"], self.described["layers"][-1]["activation"]["type"]
        if target["task"] == "regression":
            yield from self._numbers(x)
        elif last == "sigmoid" and target["form"] == "binary":
            yield f"    out[0] += 1 / (1 + exp((double){x}[0]));"
            yield f"    out[1] += 1 / (1 + exp(-(double){x}[0]));"
        elif last == "sigmoid":
            yield f"    for (j = 0; j < {units}; j++) out[j] += 1 / (1 + exp(-(double){x}[j]));"
        elif last in EXACT:
            yield f"    add_{last}({x}, {units}, out);"
        elif target["form"] == "binary":
            yield f"    out[0] += 1 - (double){x}[0];"
            yield f"    out[1] += (double){x}[0];"
        elif self.described["distribution"]:
            yield f"    add_shares({x}, {units}, out);"
        else:
            yield f"    for (j = 0; j < {units}; j++) out[j] += (double){x}[j];"

    def _numbers(self, x: str) -> Iterator[str]:
        target, arrays = self.described["target"], self.source.target_arrays
        count, each = len(target["names"]), target.get("outputs_per_target", 1)
        output = f"(double){x}[j * {each} + {self.described['main_output']}]" if each > 1 else f"(double){x}[j]"
        yield f"    for (j = 0; j < {count}; j++) {{"
        if self.described["log_mean"]:
            yield f"        double value = exp({output});"
        else:
            self.tables += [numbers(f"target_{name}", arrays[name]) for name in ("center", "scale")]
            yield f"        double value = {output} * target_scale[j] + target_center[j];"
        if "lower" in arrays:
            self.tables += [numbers(f"target_{name}", arrays[name]) for name in ("lower", "upper")]
            yield "        value = value < target_lower[j] ? target_lower[j] : value > target_upper[j] ? target_upper[j] : value;"
        yield "        out[j] += value;"
        yield "    }"
