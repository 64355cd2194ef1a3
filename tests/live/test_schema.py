"""Function parameters, whichever way they were declared."""

from typing import Any

import pytest

from antiphon.live.schema import json_schema


@pytest.mark.parametrize(
    ("declared", "expected"),
    [
        (None, None),
        ([], None),
        ({}, {}),
        ({"type": "STRING"}, {"type": "string"}),
        ({"type": ["STRING", "NULL"]}, {"type": ["STRING", "NULL"]}),
        (
            {"type": "ARRAY", "items": {"type": "INTEGER", "enum": ["TYPE"]}},
            {"type": "array", "items": {"type": "integer", "enum": ["TYPE"]}},
        ),
        ({"anyOf": [{"type": "NUMBER"}, True]}, {"anyOf": [{"type": "number"}, True]}),
        ({"properties": {"type": {"type": "OBJECT"}}}, {"properties": {"type": {"type": "object"}}}),
        (
            {"default": {"type": "KEEP"}, "example": {"type": "KEEP"}},
            {"default": {"type": "KEEP"}, "example": {"type": "KEEP"}},
        ),
        ({"additionalProperties": False}, {"additionalProperties": False}),
        ({"any_of": [{"type": "NUMBER"}]}, {"anyOf": [{"type": "number"}]}),
        ({"additional_properties": {"type": "STRING"}}, {"additionalProperties": {"type": "string"}}),
        ({"properties": {"any_of": {"min_items": "2"}}}, {"properties": {"any_of": {"minItems": 2}}}),
        ({"minItems": "1", "maxLength": "many"}, {"minItems": 1, "maxLength": "many"}),
        (
            {"defs": {"ref": {"type": "OBJECT"}}, "ref": "#/defs/ref"},
            {"$defs": {"ref": {"type": "object"}}, "$ref": "#/defs/ref"},
        ),
    ],
)
def test_types_are_json_schema_and_user_data_is_untouched(declared: Any, expected: Any) -> None:
    assert json_schema(declared) == expected


def test_the_declaration_itself_is_not_changed() -> None:
    declared = {"type": "OBJECT", "properties": {"a": {"type": "STRING"}}}
    json_schema(declared)
    assert declared == {"type": "OBJECT", "properties": {"a": {"type": "STRING"}}}
