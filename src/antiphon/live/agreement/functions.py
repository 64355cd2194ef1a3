"""The tools a model may use: the client's functions, and those that a hosted model brings along."""

import re
from collections.abc import Iterator

from antiphon.live.agreement.terms import Terms, given
from antiphon.live.schema import json_schema
from antiphon.live.setup import Tool
from antiphon.wire.gemini import client
from antiphon.wire.gemini.client import Behavior
from antiphon.wire.refusal import Refusal

MAX_FUNCTIONS = 512
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.:-]{0,127}")
_HOSTED = (
    "google_search_retrieval",
    "code_execution",
    "url_context",
    "google_maps",
    "file_search",
    "computer_use",
    "mcp_servers",
)


def declared(wanted: list[client.Tool], terms: Terms, field: str) -> tuple[tuple[Tool, ...], bool]:
    """The functions a client declared in the tools at ``field``, and whether the model may search.

    Raises:
        Refusal: there are too many functions, or one has an impossible name.
    """
    count = sum(len(tool.function_declarations) for tool in wanted)
    if count > MAX_FUNCTIONS:
        raise Refusal(field, f"{count} functions are declared", f"declare at most {MAX_FUNCTIONS}")
    functions: dict[str, Tool] = {}
    search = False
    for number, tool in enumerate(wanted):
        for function, path in _functions(tool, terms, f"{field}[{number}]"):
            if function.name in functions:
                terms.decline(f"{path}.name", f"{function.name[:40]} is declared twice", "declare it once")
            functions.setdefault(function.name, function)
        search = _searches(tool, terms, f"{field}[{number}]") or search
        for name in given(tool, _HOSTED):
            terms.decline(f"{field}[{number}].{name}", "Live models have no such tool", "leave it out")
    return tuple(functions.values()), search


def _functions(tool: client.Tool, terms: Terms, field: str) -> Iterator[tuple[Tool, str]]:
    paths = [f"{field}.functionDeclarations[{index}]" for index in range(len(tool.function_declarations))]
    functions = [
        _function(declaration, terms, path) for declaration, path in zip(tool.function_declarations, paths, strict=True)
    ]
    if functions and not terms.abilities.tools:
        terms.ignore(f"{field}.functionDeclarations", f"{terms.engine} calls no functions")
        return iter(())
    return zip(functions, paths, strict=True)


def _function(declaration: client.FunctionDeclaration, terms: Terms, field: str) -> Tool:
    if not _NAME.fullmatch(declaration.name):
        remedy = "start with a letter or _, then letters, digits, _ . : -"
        raise Refusal(f"{field}.name", f"invalid name {declaration.name[:40]!r}", remedy)
    for name in given(declaration, ("response", "response_json_schema")):
        terms.ignore(f"{field}.{name}")
    schema = json_schema(declaration.parameters_json_schema)
    if schema and declaration.parameters:
        terms.ignore(f"{field}.parameters", "parametersJsonSchema is there")
    parameters = schema or json_schema(declaration.parameters)
    return Tool(declaration.name, declaration.description, parameters, _blocking(declaration.behavior, terms, field))


def _blocking(wanted: Behavior | None, terms: Terms, field: str) -> bool:
    profile = terms.profile
    if wanted is None:
        return profile.default_blocking
    blocking = wanted is Behavior.BLOCKING
    if profile.allows_blocking if blocking else profile.allows_non_blocking:
        return blocking
    other = Behavior.NON_BLOCKING if blocking else Behavior.BLOCKING
    terms.decline(f"{field}.behavior", f"{profile.id} has no {wanted}", f"use {other}")
    return not blocking


def _searches(tool: client.Tool, terms: Terms, field: str) -> bool:
    if tool.google_search is None:
        return False
    if not terms.abilities.searches:
        terms.ignore(f"{field}.googleSearch", f"{terms.engine} cannot search")
        return False
    for name in given(tool.google_search):
        terms.ignore(f"{field}.googleSearch.{name}")
    return True
