"""Everything that can be verified of a model file, for `mlpkit info --verify`: more than loading it asks."""

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
    """Verify a model file.

    Returns
    -------
    list of (str, str)
        What was verified, and the result in words. What needs a plugin that is not here is said to be left out.

    Raises
    ------
    ModelFileError
        It breaks a rule of the format; `rule` says which.
    DriftedPlugin
        A plugin computes otherwise than where the model was saved.
    """
    contents = reader.read(path)
    arrays = len(contents.tensors) + len(contents.arrays) + len(contents.history) + len(contents.probe) + len(contents.state)
    done = [
        ("structure", "keeps the rules of the container"),
        ("digests", f"those of the manifest, the spec and {arrays} arrays are right"),
        ("numbers", f"all of {sum(tensor.size for tensor in contents.tensors.values()):,} parameters are finite"),
    ]
    try:
        parts = from_contents(contents, path)
    except PluginError as error:
        return [*done, ("spec", f"not verified, since a plugin cannot be used: {error.message}")]
    done.append(("spec", "is valid, and the tensors are those that it needs"))
    if changed := changed_plugins(contents.plugins):
        done.append(("plugins", f"have other versions here: {'; '.join(changed)}"))
    if drifted := drifted_plugins(contents, parts.spec):
        raise DriftedPlugin(f"{path}: computes otherwise here than where the model was saved: {'; '.join(drifted)}", help=ADVICE)
    if not contents.probe:
        return [*done, ("probe", "there is none")]
    network = parts.network
    with naming(path):
        difference = probe_difference(network, contents.probe)
        if difference > tolerance(network):
            raise Corrupt(f"the network answers its probe otherwise than where it was saved, by {difference:.2g}", rule=Rule.PROBE)
    return [*done, ("probe", f"the network answers as where it was saved, to {difference:.2g}")]
