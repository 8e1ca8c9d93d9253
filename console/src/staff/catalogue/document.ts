/**
 * The catalogue as a text. It is never parsed and written again, which would lose members of the same name and change numbers
 * beyond 2^53: what staff see is what is stored, and what they store is what they see.
 */

import {
  applyEdits,
  findNodeAtLocation,
  format,
  type Node,
  type ParseError,
  parse,
  parseTree,
  printParseErrorCode,
} from "jsonc-parser";

/** Something wrong at a place of the document. */
export interface Fault {
  /** From 1 on. */
  line: number;
  /** The place in the text, and its length. */
  offset: number;
  length: number;
  /** The member, as in `models[0].prices.input`; blank where the text is no JSON there. */
  path: string;
  problem: string;
}

const STRICT = { disallowComments: true, allowTrailingComma: false };

/** The text of the member `name` in the text of a JSON object, laid out in lines. `null` where it is null, or not there. */
export function documentIn(answer: string, name: string): string | null {
  const node = memberOf(parseTree(answer), name);
  if (node === undefined || node.type === "null") return null;
  // A document that is no JSON comes as the text that it is.
  if (node.type === "string") return node.value;
  return laidOut(answer.slice(node.offset, node.offset + node.length));
}

function memberOf(object: Node | undefined, name: string): Node | undefined {
  return object === undefined ? undefined : findNodeAtLocation(object, [name]);
}

/** The same text in lines, indented by two spaces. Nothing but spaces and line breaks changes. */
export function laidOut(text: string): string {
  return applyEdits(text, format(text, undefined, { insertSpaces: true, tabSize: 2, eol: "\n" }));
}

/** The faults that are found before the server sees the text: no JSON, no object, or two members of one name. */
export function faultsOf(text: string): Fault[] {
  const errors: ParseError[] = [];
  const root = parseTree(text, errors, STRICT);
  if (errors.length > 0) return errors.map(({ error, offset, length }) => syntaxFault(text, error, offset, length));
  if (root?.type !== "object") return [faultAt(text, root, "", "The document must be an object: { … }.")];
  return duplicatesIn(root).map(({ node, path }) =>
    faultAt(text, node, path, "This member is there twice, and the last one would count."),
  );
}

function syntaxFault(text: string, error: number, offset: number, length: number): Fault {
  const words = printParseErrorCode(error)
    .replace(/([a-z])([A-Z])/g, "$1 $2")
    .toLowerCase();
  return { line: lineAt(text, offset), offset, length, path: "", problem: `No JSON here: ${words}.` };
}

function faultAt(text: string, node: Node | undefined, path: string, problem: string): Fault {
  const offset = node?.offset ?? 0;
  return { line: lineAt(text, offset), offset, length: node?.length ?? 0, path, problem };
}

interface Place {
  node: Node;
  path: string;
}

function duplicatesIn(node: Node, path = ""): Place[] {
  if (node.type === "array") {
    return (node.children ?? []).flatMap((child, index) => duplicatesIn(child, `${path}[${index}]`));
  }
  if (node.type !== "object") return [];
  const names = new Set<string>();
  return (node.children ?? []).flatMap((property) => {
    const [name, value] = property.children ?? [];
    if (name === undefined) return [];
    const place = path === "" ? `${name.value}` : `${path}.${name.value}`;
    const isTwice = names.has(name.value);
    names.add(name.value);
    return [
      ...(isTwice ? [{ node: name, path: place }] : []),
      ...(value === undefined ? [] : duplicatesIn(value, place)),
    ];
  });
}

/** The place of an error of the server's: of the member, or of what would have it. */
export function placed(text: string, path: string, problem: string): Fault {
  const root = parseTree(text);
  const steps = root === undefined ? [] : stepsTo(root, path);
  const node = root === undefined ? undefined : findNodeAtLocation(root, steps);
  return faultAt(text, nameOf(node) ?? node, path, problem);
}

/** A member is found by its name, and an element of a list by itself. */
function nameOf(node: Node | undefined): Node | undefined {
  return node?.parent?.type === "property" ? node.parent.children?.[0] : undefined;
}

/**
 * The way to the member that `path` names, as far as there is one. Names of providers and headers may have dots and brackets in
 * them, so the document says where a name ends.
 */
function stepsTo(root: Node, path: string): Array<string | number> {
  const steps: Array<string | number> = [];
  let [node, rest]: [Node | undefined, string] = [root, path];
  while (node !== undefined && rest !== "") {
    const step = stepIn(node, rest);
    if (step === null) break;
    steps.push(step.name);
    [node, rest] = [step.node, step.rest];
  }
  return steps;
}

interface Step {
  name: string | number;
  node: Node | undefined;
  rest: string;
}

function stepIn(node: Node, path: string): Step | null {
  if (node.type === "array") {
    const [, index] = path.match(/^\[(\d+)\]/) ?? [];
    const child = index === undefined ? undefined : node.children?.[Number(index)];
    return index === undefined || child === undefined
      ? null
      : { name: Number(index), node: child, rest: path.slice(index.length + 2).replace(/^\./, "") };
  }
  const properties = (node.type === "object" ? node.children : undefined) ?? [];
  const found = properties
    .map((property) => property.children ?? [])
    .filter(([name]) => name !== undefined && begins(path, name.value))
    .sort(([a], [b]) => b?.value.length - a?.value.length)[0];
  const [name, value] = found ?? [];
  return name === undefined
    ? null
    : { name: name.value, node: value, rest: path.slice(name.value.length).replace(/^\./, "") };
}

function begins(path: string, name: string): boolean {
  return path === name || path.startsWith(`${name}.`) || path.startsWith(`${name}[`);
}

export function lineAt(text: string, offset: number): number {
  return text.slice(0, offset).split("\n").length;
}

/** The value, to show its models. Never to be stored. */
export function valueIn(text: string): unknown {
  return parse(text, [], STRICT);
}
