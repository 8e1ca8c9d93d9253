"""Each rule of released_document.py by an example: a change that breaks a client is found, and one that breaks none is not."""

import copy
import unittest

from released_document import breaks, unsaid

PROBLEM = {"type": "object", "required": ["code"], "properties": {"code": {"enum": ["taken", "throttled"]}}}
OLD = {
    "paths": {
        "/keys/{id}/": {
            "parameters": [{"in": "path", "name": "id", "required": True, "schema": {"type": "string"}}],
            "post": {
                "operationId": "make_key",
                "security": [{"token": []}, {"key": []}],
                "parameters": [{"in": "query", "name": "limit", "schema": {"type": "integer", "maximum": 100}}],
                "requestBody": {
                    "required": True,
                    "content": {
                        "application/json": {"schema": {"$ref": "#/components/schemas/Ask"}},
                        "application/x-www-form-urlencoded": {"schema": {"$ref": "#/components/schemas/Ask"}},
                    },
                },
                "responses": {
                    "201": {
                        "headers": {"X-Cost": {"required": True, "schema": {"type": "integer"}}},
                        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Key"}}},
                    },
                    "409": {"content": {"application/problem+json": {"schema": PROBLEM}}},
                },
            },
        }
    },
    "components": {
        "schemas": {
            "Ask": {
                "type": "object",
                "required": ["name"],
                "properties": {
                    "name": {"type": "string", "minLength": 1, "maxLength": 100},
                    "days": {"type": ["integer", "null"]},
                    "kind": {"enum": ["one", "two"]},
                    "text": {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]},
                },
            },
            "Key": {
                "allOf": [{"$ref": "#/components/schemas/Named"}],
                "type": "object",
                "required": ["id", "end"],
                "properties": {
                    "id": {"$ref": "#/components/schemas/Id"},
                    "event": {"type": "string", "contentSchema": {"type": "integer"}},
                    "either": {"anyOf": [{"$ref": "#/components/schemas/Id"}, {"type": "null"}]},
                    "end": {"enum": ["stop", "length"]},
                    "next": {"type": "array", "items": {"$ref": "#/components/schemas/Key"}},
                },
            },
            "Id": {"type": "string"},
            "Named": {"type": "object", "required": ["name"], "properties": {"name": {"type": "string"}}},
        }
    },
}


def changed(*path: str, to: object = None) -> list[str]:
    """The sentences about a document of which a part is another, or gone."""
    new = copy.deepcopy(OLD)
    place = new
    for part in path[:-1]:
        place = place[part]
    if to is None:
        del place[path[-1]]
    else:
        place[path[-1]] = to
    return [what.partition(": ")[2] for _, what in breaks(OLD, new)]


OPERATION = ("paths", "/keys/{id}/", "post")
ASK = ("components", "schemas", "Ask")
KEY = ("components", "schemas", "Key")
ANSWERS = (*OPERATION, "responses")
BODIES = (*OPERATION, "requestBody", "content")


class Rules(unittest.TestCase):
    def test_nothing_breaks_if_nothing_changes(self) -> None:
        self.assertEqual(breaks(OLD, copy.deepcopy(OLD)), [])

    def test_what_breaks_is_found(self) -> None:
        name = {"type": "string", "minLength": 1, "maxLength": 100}
        limit = {"in": "query", "name": "limit", "schema": {"type": "integer", "maximum": 100}}
        for path, to, wanted in [
            (OPERATION[:2], None, "is gone"),
            (OPERATION, None, "is gone"),
            ((*OPERATION, "operationId"), "add_key", "operationId is no longer make_key"),
            ((*OPERATION, "security"), [{"token": []}], "no longer lets in key"),
            ((*OPERATION, "parameters"), None, "the query parameter limit is gone"),
            ((*OPERATION, "parameters"), [limit | {"required": True}], "limit is required"),
            ((*OPERATION, "parameters"), [limit, {"in": "header", "name": "X", "required": True}], "X is new and required"),
            ((*OPERATION, "parameters"), [limit | {"schema": {"type": "integer", "maximum": 50}}], "maximum 50 and not 100"),
            ((*BODIES, "application/x-www-form-urlencoded"), None, "may no longer be application/x-www-form-urlencoded"),
            ((*ASK, "required"), ["name", "kind"], "the body needs kind"),
            ((*ASK, "additionalProperties"), False, "no further members"),
            ((*ASK, "properties", "days"), None, "days of the body is no longer described"),
            ((*ASK, "properties", "days"), {"type": "integer"}, "no longer be of the type null"),
            ((*ASK, "properties", "name"), name | {"maxLength": 50}, "maxLength 50 and not 100"),
            ((*ASK, "properties", "name"), name | {"minLength": 2}, "minLength 2 and not 1"),
            ((*ASK, "properties", "name"), name | {"pattern": "^a"}, "another pattern"),
            ((*ASK, "properties", "kind"), {"enum": ["one"]}, 'kind of the body may no longer be "two"'),
            ((*ASK, "properties", "text"), {"anyOf": [{"type": "string"}]}, "form 2 of text of the body"),
            ((*ANSWERS, "201"), None, "the answer 201 is gone"),
            ((*ANSWERS, "409"), None, "the answer 409 is gone"),
            ((*ANSWERS, "201", "headers"), None, "has no header X-Cost"),
            ((*ANSWERS, "201", "headers", "X-Cost", "required"), False, "without the header X-Cost"),
            ((*ANSWERS, "201", "content"), {"text/plain": {}}, "no longer application/json"),
            ((*ANSWERS, "409", "content", "application/problem+json", "schema", "properties", "code"), {"enum": ["throttled"]}, 'never "taken"'),
            ((*KEY, "properties", "id"), None, "has no id any more"),
            ((*KEY, "properties", "id"), {"type": ["string", "null"]}, "may be of the type null"),
            ((*KEY, "properties", "event", "contentSchema"), {}, "has event that may be of the type"),
            ((*KEY, "properties", "end"), {"enum": ["stop", "length", "filter"]}, 'may be "filter"'),
            ((*KEY, "required"), ["id"], "may be without end"),
            (("components", "schemas", "Named", "required"), [], "may be without name"),
            ((*KEY, "allOf"), None, "has no name any more"),
            (("components", "schemas", "Id", "type"), ["string", "integer"], "id that may be of the type integer"),
        ]:
            with self.subTest(path=path, to=to):
                found = changed(*path, to=to)
                self.assertTrue(found and wanted in found[0], f"{wanted!r} is not in {found}")

    def test_what_breaks_nobody_is_not_found(self) -> None:
        with_more = OLD["components"]["schemas"]["Key"]["properties"] | {"more": {"type": "string"}}
        limit = {"in": "query", "name": "limit", "schema": {"type": "integer", "maximum": 200}}
        for path, to in [
            (("paths", "/new/"), {"get": {"responses": {}}}),
            ((*OPERATION, "summary"), "Makes a key"),
            ((*OPERATION, "security"), [{"token": []}, {"key": []}, {"header": []}]),
            ((*OPERATION, "security"), []),
            ((*OPERATION, "parameters"), [limit, {"in": "query", "name": "cursor"}]),
            ((*BODIES, "multipart/form-data"), {}),
            ((*OPERATION, "requestBody", "required"), False),
            ((*ASK, "required"), []),
            ((*ASK, "properties", "more"), {"type": "string"}),
            ((*ASK, "properties", "name"), {"type": "string", "maxLength": 200}),
            ((*ASK, "properties", "kind"), {"enum": ["one", "two", "three"]}),
            ((*ASK, "properties", "text"), {}),
            ((*ANSWERS, "429"), {"content": {}}),
            ((*ANSWERS, "201", "headers", "X-More"), {"schema": {}}),
            ((*ANSWERS, "409", "content", "application/problem+json", "schema", "properties", "code"), {"enum": ["taken", "throttled", "new"]}),
            ((*KEY, "properties"), with_more),
            ((*KEY, "properties", "end"), {"const": "stop"}),
            ((*KEY, "required"), ["id", "end", "next"]),
        ]:
            with self.subTest(path=path, to=to):
                self.assertEqual(changed(*path, to=to), [])

    def test_a_line_of_the_changelog_names_the_path_or_every_path(self) -> None:
        found = [("/keys/", "DELETE /keys/: is gone"), ("/login/", "POST /login/: is gone")]
        heading = "# Changelog\n\n## [Unreleased]\n\n"
        before = "### Added\n\n- `/login/`\n\n## [1.0.0]\n\n### Breaking\n\n- every path\n"
        self.assertEqual(len(unsaid(found, heading + before)), 2)
        said = f"{heading}### Breaking\n\n- `/keys/` takes no DELETE.\n\n{before}"
        self.assertEqual(unsaid(found, said), ["POST /login/: is gone"])
        self.assertEqual(unsaid(found, f"{heading}### Breaking\n\n- Every path is another.\n"), [])


if __name__ == "__main__":
    unittest.main()
