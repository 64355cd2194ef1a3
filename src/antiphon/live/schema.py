"""Function parameters as JSON Schema, whichever of the two ways a client declared them."""

from typing import Any

_NAMED = ("properties", "$defs", "defs", "definitions", "patternProperties")
_NESTED = ("items", "additionalProperties", "not", "additional_properties")
_LISTED = ("anyOf", "any_of", "oneOf", "allOf", "prefixItems")


def json_schema(schema: Any) -> dict[str, Any] | None:
    """The OpenAPI subset of the API, or JSON Schema, as JSON Schema with types in lower case; None for no schema.

    Only keywords are touched: names of properties, enum values, defaults and examples are the client's own.
    """
    if not isinstance(schema, dict):
        return None
    result = dict(schema)
    if isinstance(kind := result.get("type"), str):
        result["type"] = kind.lower()
    for keyword in _NAMED:
        if isinstance(members := result.get(keyword), dict):
            result[keyword] = {name: _nested(member) for name, member in members.items()}
    for keyword in _NESTED:
        if keyword in result:
            result[keyword] = _nested(result[keyword])
    for keyword in _LISTED:
        if isinstance(options := result.get(keyword), list):
            result[keyword] = [_nested(option) for option in options]
    return result


def _nested(schema: Any) -> Any:
    return json_schema(schema) if isinstance(schema, dict) else schema
