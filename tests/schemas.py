"""The JSON Schema of a spec, which takes a moment to generate: once for all tests."""

from functools import cache

import jsonschema

from mlpkit.cli.schema import spec_schema


@cache
def spec_validator():
    """Return what checks specs by the schema of the installed plugins."""
    return jsonschema.Draft202012Validator(spec_schema())
