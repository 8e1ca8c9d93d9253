import { expect, test } from "vitest";
import { documentIn, faultsOf, laidOut, placed } from "./document.ts";

const TEXT = `{
  "providers": {
    "a": {"protocol": "dummy"}
  },
  "models": [
    {"id": "one",
     "prices": {
       "input": -1,
       "output": 4}}
  ]
}`;

test("the document is the text that the answer has, in lines", () => {
  const answer = '{"version":3,"catalogue":{"a":1,"a":90071992547409931,"b":1.0e2},"errors":[]}';
  expect(documentIn(answer, "catalogue")).toBe('{\n  "a": 1,\n  "a": 90071992547409931,\n  "b": 1.0e2\n}');
});

test("no document is null, and one that is no JSON is its text", () => {
  expect(documentIn('{"version":0,"catalogue":null}', "catalogue")).toBeNull();
  expect(documentIn('{"version":1,"catalogue":"{\\"models\\": ["}', "catalogue")).toBe('{"models": [');
});

test("laying out changes nothing but spaces", () => {
  expect(laidOut('{"é": [1,\n\n2], "s": "a  b"}')).toBe('{\n  "é": [\n    1,\n    2\n  ],\n  "s": "a  b"\n}');
});

test("an error of the server is at the line of its member", () => {
  expect(placed(TEXT, "models[0].prices.input", "is wrong")).toMatchObject({ line: 8, problem: "is wrong" });
  expect(placed(TEXT, "models[0]", "is wrong").line).toBe(6);
  expect(placed(TEXT, "models", "is wrong").line).toBe(5);
});

test("a member that is missing is at what should have it", () => {
  expect(placed(TEXT, "models[0].prices.image", "is missing").line).toBe(7);
  expect(placed(TEXT, "models[7]", "is missing").line).toBe(5);
  expect(placed(TEXT, "", "is wrong").line).toBe(1);
});

test("a name with a dot in it is found", () => {
  const text = '{\n"headers": {\n"x": 1,\n"x.y": {\n"z": 2}}}';
  expect(placed(text, "headers.x.y.z", "is wrong").line).toBe(5);
});

test("what is no JSON is told with its line", () => {
  expect(faultsOf('{\n"a": 1,\n}')[0]).toMatchObject({ line: 3 });
  expect(faultsOf("")[0]?.line).toBe(1);
  expect(faultsOf('{"a": 1} // a comment')).not.toEqual([]);
  expect(faultsOf("[]")[0]?.problem).toContain("must be an object");
  expect(faultsOf(TEXT)).toEqual([]);
});

test("two members of one name are refused, since the last one would count unseen", () => {
  const [fault, ...others] = faultsOf('{"models": [{"prices":\n{"input": 1,\n"input": 2}}]}');
  expect(fault).toMatchObject({ line: 3, path: "models[0].prices.input" });
  expect(others).toEqual([]);
});
