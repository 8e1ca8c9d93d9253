"""Compares functions/openapi.json with docs/released-openapi.json, the document of the last release. A change that breaks a
client needs a line under "### Breaking" of CHANGELOG.md's "[Unreleased]" that names the path, or says "every path".

    python3 .ci/released_document.py            compares
    python3 .ci/released_document.py --release  makes the document the released one, as a release does

Written here, since no tool on PyPI or npm that understands OpenAPI 3.1 installs without fetching a program of its own.
released_document_test.py has an example of each rule.
"""

import json
import pathlib
import re
import sys
from collections.abc import Iterator

ROOT = pathlib.Path(__file__).parent.parent
CURRENT = ROOT / "functions" / "openapi.json"
RELEASED = ROOT / "docs" / "released-openapi.json"
CHANGELOG = ROOT / "CHANGELOG.md"

METHODS = ("get", "head", "post", "put", "patch", "delete", "options")
# Limits on what may be sent, by whether a larger number allows more.
UPPER_LIMITS = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties")
LOWER_LIMITS = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties")
# It is not decided which of two patterns allows more: any change of these needs a line.
OPAQUE = ("pattern", "multipleOf", "uniqueItems", "not", "if", "then", "else", "dependentRequired", "propertyNames")
ALL_TYPES = frozenset(("array", "boolean", "integer", "null", "number", "object", "string"))


def breaks(old: dict, new: dict) -> list[tuple[str, str]]:
    """The changes that break clients, as pairs of a path and a sentence."""
    found = [(path, f"{method.upper()} {path}: {what}") for path, method, what in Comparison(old, new).of_paths()]
    # The media types of a body mostly have one schema.
    return list(dict.fromkeys(found))


class Comparison:
    """Two documents. Schemas are compared in the direction in which they go: a client that writes what the old document
    allowed must still be understood, and a client that reads what the old document promised must still find it."""

    def __init__(self, old: dict, new: dict) -> None:
        self.old, self.new = old, new
        self.under_way: set[tuple[int, int, bool]] = set()

    def of_paths(self) -> Iterator[tuple[str, str, str]]:
        for path, methods in self.old["paths"].items():
            for method in METHODS:
                if method not in methods:
                    continue
                operation = self.new["paths"].get(path, {}).get(method)
                if operation is None:
                    yield path, method, "is gone"
                    continue
                shared = (methods.get("parameters", []), self.new["paths"][path].get("parameters", []))
                for what in self.of_operation(methods[method], operation, shared):
                    yield path, method, what

    def of_operation(self, old: dict, new: dict, shared: tuple[list, list]) -> Iterator[str]:
        if old.get("operationId") != new.get("operationId"):
            yield f"operationId is no longer {old.get('operationId')}, by which generated clients call it"
        yield from self.of_security(old, new)
        parameters = [self.parameters(self.old, old, shared[0]), self.parameters(self.new, new, shared[1])]
        yield from self.of_parameters(*parameters)
        yield from self.of_body(self.resolved(self.old, old.get("requestBody")), self.resolved(self.new, new.get("requestBody")))
        for status, answer in old["responses"].items():
            if status not in new["responses"]:
                yield f"the answer {status} is gone"
                continue
            answers = self.resolved(self.old, answer), self.resolved(self.new, new["responses"][status])
            for what in self.of_answer(*answers, is_error=not status.startswith("2")):
                yield f"the answer {status} {what}"

    def of_security(self, old: dict, new: dict) -> Iterator[str]:
        accepted = [set(way) for way in new.get("security", self.new.get("security", [{}]))] or [set()]
        for way in old.get("security", self.old.get("security", [{}])) or [{}]:
            if not any(needed <= set(way) for needed in accepted):
                yield f"no longer lets in {' and '.join(way) or 'everybody'}"

    def parameters(self, document: dict, operation: dict, shared: list) -> dict[tuple[str, str], dict]:
        found = [self.resolved(document, each) for each in [*shared, *operation.get("parameters", [])]]
        return {(each["in"], each["name"]): each for each in found}

    def of_parameters(self, old: dict, new: dict) -> Iterator[str]:
        for (place, name), parameter in old.items():
            if (place, name) not in new:
                yield f"the {place} parameter {name} is gone"
                continue
            now = new[place, name]
            if now.get("required") and not parameter.get("required"):
                yield f"the {place} parameter {name} is required"
            yield from self.sent(parameter.get("schema", True), now.get("schema", True), f"the {place} parameter {name}")
        for (place, name), parameter in new.items():
            if (place, name) not in old and parameter.get("required"):
                yield f"the {place} parameter {name} is new and required"

    def of_body(self, old: dict | None, new: dict | None) -> Iterator[str]:
        if new and new.get("required") and not (old and old.get("required")):
            yield "the body is required"
        if old and not new:
            yield "the body is gone"
        for kind, content in (old or {}).get("content", {}).items():
            if new and kind not in new["content"]:
                yield f"the body may no longer be {kind}"
            elif new:
                yield from self.sent(content.get("schema", True), new["content"][kind].get("schema", True), "the body")

    def of_answer(self, old: dict, new: dict, is_error: bool) -> Iterator[str]:
        for name, header in old.get("headers", {}).items():
            now = {each.lower(): value for each, value in new.get("headers", {}).items()}.get(name.lower())
            if now is None:
                yield f"has no header {name} any more"
            elif self.resolved(self.old, header).get("required") and not self.resolved(self.new, now).get("required"):
                yield f"may be without the header {name}"
        for kind, content in old.get("content", {}).items():
            if kind not in new.get("content", {}):
                yield f"is no longer {kind}"
                continue
            schemas = content.get("schema", True), new["content"][kind].get("schema", True)
            yield from self.received(*schemas, "has a body that", is_error)

    def sent(self, old: object, new: object, where: str) -> Iterator[str]:
        """The changes of a request's schema that break a client."""
        yield from self.of_schemas(old, new, where, Sent(self))

    def received(self, old: object, new: object, where: str, is_error: bool) -> Iterator[str]:
        """The changes of an answer's schema that break a client."""
        yield from self.of_schemas(old, new, where, Received(self, is_error))

    def of_schemas(self, old: object, new: object, where: str, direction: "Sent | Received") -> Iterator[str]:
        old, new = self.flat(self.old, old), self.flat(self.new, new)
        # A schema can contain itself. Two schemas that read alike can still refer to what has changed.
        pair = (id(old.get("properties", old)), id(new.get("properties", new)), isinstance(direction, Sent))
        if pair in self.under_way:
            return
        self.under_way.add(pair)
        try:
            yield from direction.of(old, new, where)
        finally:
            self.under_way.discard(pair)

    def flat(self, document: dict, schema: object) -> dict:
        """A schema without a reference at its top, and with the parts of `allOf` in one."""
        if schema is True or schema is None:
            return {}
        if schema is False:
            return {"not": {}}
        schema = self.resolved(document, schema)
        if "allOf" not in schema:
            return schema
        whole = {name: value for name, value in schema.items() if name != "allOf"}
        for part in (self.flat(document, part) for part in schema["allOf"]):
            merged = {
                "properties": {**part.get("properties", {}), **whole.get("properties", {})},
                "required": [*part.get("required", []), *whole.get("required", [])],
            }
            whole = {**part, **whole, **{name: value for name, value in merged.items() if value}}
        return whole

    def resolved(self, document: dict, value: object) -> object:
        while isinstance(value, dict) and "$ref" in value:
            reference, rest = value["$ref"], {name: each for name, each in value.items() if name != "$ref"}
            value = document
            for part in reference.removeprefix("#/").split("/"):
                value = value[part.replace("~1", "/").replace("~0", "~")]
            value = {**value, **rest} if rest else value
        return value


class Sent:
    """The rules for a request's schema."""

    def __init__(self, comparison: Comparison) -> None:
        self.comparison = comparison

    def of(self, old: dict, new: dict, where: str) -> Iterator[str]:
        if gone := types(old) - types(new):
            yield f"{where} may no longer be of the type {' or '.join(sorted(gone))}"
        if (allowed := values(new)) is not None and (before := values(old)) != allowed:
            gone = [value for value in before or [] if value not in allowed]
            if before is None or gone:
                yield f"{where} may no longer be {'any other value' if before is None else json.dumps(gone[0])}"
        yield from limits(old, new, where)
        yield from self.of_members(old, new, where)
        yield from self.of_parts(old, new, where)

    def of_members(self, old: dict, new: dict, where: str) -> Iterator[str]:
        members, now = old.get("properties", {}), new.get("properties", {})
        for name in sorted(set(new.get("required", [])) - set(old.get("required", []))):
            yield f"{where} needs {name}"
        for name, schema in members.items():
            if name in now:
                yield from self.comparison.sent(schema, now[name], f"{name} of {where}")
            elif new.get("additionalProperties") is False:
                yield f"{where} may have no {name} any more"
            else:
                yield f"{name} of {where} is no longer described"
        if new.get("additionalProperties") is False and old.get("additionalProperties") is not False:
            yield f"{where} may have no further members any more"

    def of_parts(self, old: dict, new: dict, where: str) -> Iterator[str]:
        if "items" in new:
            yield from self.comparison.sent(old.get("items", True), new["items"], f"an item of {where}")
        before, now = alternatives(old), alternatives(new)
        if now:
            for number, each in enumerate(before or [{}], 1):
                if not any(not list(self.comparison.sent(each, another, where)) for another in now):
                    yield f"the form {number} of {where} is no longer accepted"


class Received:
    """The rules for an answer's schema. An error may get new codes, and clients look for those that they know; of
    anything else a client may know all values."""

    def __init__(self, comparison: Comparison, is_error: bool) -> None:
        self.comparison, self.is_error = comparison, is_error

    def of(self, old: dict, new: dict, where: str) -> Iterator[str]:
        if more := types(new) - types(old):
            yield f"{where} may be of the type {' or '.join(sorted(more))}"
        yield from self.of_values(old, new, where)
        if old.get("format") not in (None, new.get("format")):
            yield f"{where} has no longer the format {old['format']}"
        yield from self.of_members(old, new, where)
        if "items" in old:
            yield from self.again(old["items"], new.get("items", True), f"{where} has an item that")
        if "contentSchema" in old:  # of the data of an event
            yield from self.again(old["contentSchema"], new.get("contentSchema", True), where)
        before, now = alternatives(old), alternatives(new)
        if before:
            for number, each in enumerate(now or [{}], 1):
                if not any(not list(self.again(another, each, where)) for another in before):
                    yield f"{where} has a new form {number}"

    def again(self, old: object, new: object, where: str) -> Iterator[str]:
        return self.comparison.received(old, new, where, self.is_error)

    def of_values(self, old: dict, new: dict, where: str) -> Iterator[str]:
        before, now = values(old), values(new)
        if before is None or before == now:
            return
        if now is None:
            yield f"{where} may be any value"
        elif self.is_error and (gone := [value for value in before if value not in now]):
            yield f"{where} is never {json.dumps(gone[0])} any more"
        elif not self.is_error and (more := [value for value in now if value not in before]):
            yield f"{where} may be {json.dumps(more[0])}"

    def of_members(self, old: dict, new: dict, where: str) -> Iterator[str]:
        members, now = old.get("properties", {}), new.get("properties", {})
        for name, schema in members.items():
            if name not in now:
                yield f"{where} has no {name} any more"
                continue
            if name in old.get("required", []) and name not in new.get("required", []):
                yield f"{where} may be without {name}"
            yield from self.again(schema, now[name], f"{where} has {name} that")


def types(schema: dict) -> frozenset[str]:
    """The JSON types that a schema allows, by `type`, and else by its values."""
    named = schema.get("type")
    if named is None:
        return ALL_TYPES
    found = set([named] if isinstance(named, str) else named)
    return frozenset(found | {"integer"} if "number" in found else found)


def values(schema: dict) -> list | None:
    """The values that a schema names, if it names them all."""
    return [schema["const"]] if "const" in schema else schema.get("enum")


def alternatives(schema: dict) -> list:
    return schema.get("anyOf", schema.get("oneOf", []))


def limits(old: dict, new: dict, where: str) -> Iterator[str]:
    for name in UPPER_LIMITS:
        if name in new and (name not in old or new[name] < old[name]):
            yield f"{where} has {name} {new[name]} and not {old.get(name, 'none')}"
    for name in LOWER_LIMITS:
        if name in new and (name not in old or new[name] > old[name]):
            yield f"{where} has {name} {new[name]} and not {old.get(name, 'none')}"
    for name in (*OPAQUE, "format"):
        if name in new and new[name] != old.get(name):
            yield f"{where} has another {name}"


def breaking_lines(changelog: str) -> str:
    """The lines under "### Breaking" of the changelog's "[Unreleased]"."""
    unreleased = re.search(r"^## \[Unreleased\]\n(.*?)(?=^## |\Z)", changelog, re.DOTALL | re.MULTILINE)
    breaking = unreleased and re.search(r"^### Breaking\n(.*?)(?=^### |\Z)", unreleased[1], re.DOTALL | re.MULTILINE)
    return breaking[1] if breaking else ""


def unsaid(found: list[tuple[str, str]], changelog: str) -> list[str]:
    """The changes that no line of the changelog is about."""
    lines = breaking_lines(changelog)
    return [what for path, what in found if f"`{path}`" not in lines and "every path" not in lines.lower()]


def main() -> None:
    if "--release" in sys.argv:
        RELEASED.write_bytes(CURRENT.read_bytes())
    found = breaks(json.loads(RELEASED.read_text()), json.loads(CURRENT.read_text()))
    for _, what in found:
        print(what)
    if missing := unsaid(found, CHANGELOG.read_text()):
        lines = "\n  ".join(missing)
        sys.exit(f"These break clients, and no line under \"### Breaking\" of CHANGELOG.md names their path:\n  {lines}")
    print(f"functions/openapi.json breaks {len(found)} promises of the last release, all of them said in CHANGELOG.md.")


if __name__ == "__main__":
    main()
