"""Complete verification of a model file, for `mlpkit info --verify`."""

from __future__ import annotations

from pathlib import Path

from mlpkit.errors import Corrupt, DriftedPlugin, PluginError
from mlpkit.model.serialization import from_contents
from mlpkit.modelfile import reader
from mlpkit.modelfile.reader import naming
from mlpkit.modelfile.rules import Rule
from mlpkit.provenance.drift import ADVICE, drifted_plugins
from mlpkit.provenance.network_probe import probe_difference, tolerance
from mlpkit.provenance.plugin_records import changed_plugins


def verify(path: str | Path) -> list[tuple[str, str]]:
    """Return the results of verifying a model file.

    Returns
    -------
    list of (str, str)
        Verified parts and results. Checks that need a missing plugin are reported as not done.

    Raises
    ------
    ModelFileError
        The file breaks a rule of the format, given by the attribute `rule`.
    DriftedPlugin
        A plugin computes other values than when the model was saved.
    """
    contents = reader.read(path)
    arrays = len(contents.tensors) + len(contents.arrays) + len(contents.history) + len(contents.probe) + len(contents.state)
    done = [
        ("structure", "follows the rules of the container"),
        ("digests", f"correct for the manifest, the spec and {arrays} arrays"),
        ("numbers", f"all of {sum(tensor.size for tensor in contents.tensors.values()):,} parameters are finite"),
    ]
    try:
        parts = from_contents(contents, path)
    except PluginError as error:
        return [*done, ("spec", f"not verified, because a plugin cannot be used: {error.message}")]
    done.append(("spec", "valid, and the tensors fit it"))
    if changed := changed_plugins(contents.plugins):
        done.append(("plugins", f"have other versions here: {'; '.join(changed)}"))
    if drifted := drifted_plugins(contents, parts.spec):
        raise DriftedPlugin(f"{path}: plugins compute other values than when the model was saved: {'; '.join(drifted)}", help=ADVICE)
    if not contents.probe:
        return [*done, ("probe", "not in the file")]
    with naming(path):
        difference = probe_difference(parts.networks, contents.probe)
        if difference > tolerance(parts.spec.dtype):
            raise Corrupt(f"the network computes other check values than when it was saved, by {difference:.2g}", rule=Rule.PROBE)
    return [*done, ("probe", f"the network computes the stored check values, up to {difference:.2g}")]
