"""A setup of the wire in the shapes that clients take it in, and what each of them cannot say."""

from collections.abc import Iterable, Iterator
from typing import Any, Final

from msgspec import Struct, structs

from antiphon.console.fields import plain
from antiphon.console.snippets.hiding import Secret
from antiphon.console.snippets.literals import Bytes
from antiphon.wire.gemini import client

HOISTED: Final = (
    "responseModalities",
    "temperature",
    "topP",
    "topK",
    "maxOutputTokens",
    "mediaResolution",
    "seed",
    "speechConfig",
    "thinkingConfig",
    "enableAffectiveDialog",
    "translationConfig",
)
"""Members of ``generationConfig`` that the SDKs have beside the rest of the setup."""

_OPEN_API: Final = frozenset(
    """additionalProperties defs ref anyOf default description enum example format items maxItems maxLength
    maxProperties maximum minItems minLength minProperties minimum nullable pattern properties propertyOrdering required
    title type""".split()
)
"""What the SDKs take in ``parameters``; any other JSON schema has a member of its own."""

_AS_TEXT: Final = frozenset(("triggerTokens", "targetTokens"))
"""Numbers that JavaScript has as text: they may be larger than its own are exact."""


def without(setup: dict[str, Any], paths: Iterable[str]) -> tuple[dict[str, Any], list[str]]:
    """A setup without what is at ``paths``, and those of them where something was."""
    found = []
    for path in paths:
        pruned = _pruned(setup, path.split("."))
        if pruned != setup:
            found.append(path)
            setup = pruned
    return setup, found


def _pruned(value: Any, path: list[str]) -> Any:
    name = path[0].removesuffix("[]")
    if not isinstance(value, dict) or name not in value:
        return value
    if len(path) == 1:
        return {key: each for key, each in value.items() if key != name}
    if path[0].endswith("[]"):
        return {**value, name: [_pruned(each, path[1:]) for each in value[name]]}
    # What is empty then stays: it may be a setting by being there.
    return {**value, name: _pruned(value[name], path[1:])}


def python_config(setup: dict[str, Any]) -> dict[str, Any]:
    """The config of google-genai: snake_case, with ``generationConfig`` taken apart."""
    return {_snake(name): value for name, value in _config(setup, _python).items()}


def javascript_config(setup: dict[str, Any]) -> dict[str, Any]:
    """The config of @google/genai: camelCase, with ``generationConfig`` taken apart."""
    return _config(setup, _javascript)


def _config(setup: dict[str, Any], shape: Any) -> dict[str, Any]:
    shaped = dict(_shaped(client.Setup, setup, shape))
    shaped.pop("model", None)
    shaped.pop("generationConfig", None)
    asked = setup.get("generationConfig", {})
    apart = {name: value for name, value in asked.items() if name in HOISTED}
    rest = {name: value for name, value in asked.items() if name not in HOISTED}
    config = dict(_shaped(client.GenerationConfig, apart, shape))
    if rest:
        config["generationConfig"] = shape(client.GenerationConfig, rest)
    if "systemInstruction" in shaped:
        shaped["systemInstruction"] = _instruction(shaped["systemInstruction"])
    return config | shaped


def _shaped(kind: type[Struct], value: dict[str, Any], shape: Any) -> Iterator[tuple[str, Any]]:
    types = {each.encode_name: plain(each.type) for each in structs.fields(kind)}
    for name, member in value.items():
        yield name, shape(types[name], member)


def _instruction(content: Any) -> Any:
    """One paragraph as text, several as they are."""
    parts = content.get("parts", [])
    return parts[0]["text"] if len(parts) == 1 and parts[0].keys() == {"text"} else content


def _python(kind: Any, value: Any) -> Any:
    if kind is bytes and isinstance(value, str):
        return Bytes(value)
    if isinstance(value, dict) and _is_struct(kind):
        value = _declared(value) if kind is client.FunctionDeclaration else value
        return {_snake(name): each for name, each in _shaped(kind, value, _python)}
    return _each(kind, value, _python)


def _javascript(kind: Any, value: Any) -> Any:
    if isinstance(value, dict) and _is_struct(kind):
        value = _declared(value) if kind is client.FunctionDeclaration else value
        shaped = dict(_shaped(kind, value, _javascript))
        return {name: str(each) if name in _AS_TEXT else each for name, each in shaped.items()}
    return _each(kind, value, _javascript)


def _each(kind: Any, value: Any, shape: Any) -> Any:
    if isinstance(value, list) and not isinstance(value, Secret):
        item = getattr(kind, "__args__", (None,))[0]
        return [shape(item, each) for each in value]
    return value


def _is_struct(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, Struct)


def _declared(function: dict[str, Any]) -> dict[str, Any]:
    """A function whose parameters are in the member that takes them."""
    parameters = function.get("parameters")
    if parameters is None or _is_open_api(parameters):
        return function
    rest = {name: value for name, value in function.items() if name != "parameters"}
    return {**rest, "parametersJsonSchema": function.get("parametersJsonSchema", parameters)}


def _is_open_api(schema: Any) -> bool:
    if not isinstance(schema, dict):
        return True
    inner = [schema.get("items"), *schema.get("anyOf", ())]
    properties = schema.get("properties")
    inner += properties.values() if isinstance(properties, dict) else ()
    return schema.keys() <= _OPEN_API and isinstance(schema.get("type", ""), str) and all(map(_is_open_api, inner))


def _snake(name: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)
