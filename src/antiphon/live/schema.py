"""Function parameters as JSON Schema, whichever of the two ways a client declared them."""

from typing import Any

_NAMES = {
    "any_of": "anyOf",
    "one_of": "oneOf",
    "all_of": "allOf",
    "prefix_items": "prefixItems",
    "additional_properties": "additionalProperties",
    "property_ordering": "propertyOrdering",
    "min_items": "minItems",
    "max_items": "maxItems",
    "min_length": "minLength",
    "max_length": "maxLength",
    "min_properties": "minProperties",
    "max_properties": "maxProperties",
    "defs": "$defs",
    "ref": "$ref",
}
_NAMED = ("properties", "$defs", "definitions", "patternProperties")
_NESTED = ("items", "additionalProperties", "not")
_LISTED = ("anyOf", "oneOf", "allOf", "prefixItems")
_COUNTS = ("minItems", "maxItems", "minLength", "maxLength", "minProperties", "maxProperties")


def json_schema(schema: Any) -> dict[str, Any] | None:
    """The OpenAPI subset of the API, or JSON Schema, as JSON Schema with types in lower case; None for no schema.

    The subset's own spellings are evened out: keywords in snake case (``any_of``) and counts as text (``"3"``), as
    clients write them. Only keywords are touched: names of properties, enum values, defaults and examples are the
    client's own.
    """
    if not isinstance(schema, dict):
        return None
    result: dict[str, Any] = {_NAMES.get(keyword) or keyword: value for keyword, value in schema.items()}
    if isinstance(kind := result.get("type"), str):
        result["type"] = kind.lower()
    for keyword in _COUNTS:
        if isinstance(count := result.get(keyword), str) and count.isdecimal():
            result[keyword] = int(count)
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
