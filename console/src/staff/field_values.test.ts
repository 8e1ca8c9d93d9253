import { expect, test } from "vitest";
import { restore, valuesOf } from "./field_values.ts";

function form(): HTMLElement {
  const box = document.createElement("div");
  box.innerHTML = `<input name="amount" type="number"><input name="note">
    <select name="kind"><option value="a">a</option><option value="b">b</option></select>`;
  return box;
}

const textIn = (box: HTMLElement, name: string) => box.querySelector<HTMLInputElement>(`[name=${name}]`)?.value;

test("fields have again what was typed, and those who listen are told", () => {
  const before = form();
  for (const [name, value] of [
    ["amount", "5"],
    ["note", "A course"],
    ["kind", "b"],
  ]) {
    const field = before.querySelector<HTMLInputElement>(`[name=${name}]`);
    if (field !== null) field.value = `${value}`;
  }
  const after = form();
  const told: string[] = [];
  after.addEventListener("change", (event) => told.push((event.target as HTMLInputElement).name));
  restore(after, valuesOf(before));
  expect(["amount", "note", "kind"].map((name) => textIn(after, name))).toEqual(["5", "A course", "b"]);
  expect(told).toEqual(["amount", "note", "kind"]);
});

test("what is no text of fields changes nothing", () => {
  for (const kept of ["", "no JSON", "null", "[]", '{"note":1}']) {
    const box = form();
    restore(box, kept);
    expect(textIn(box, "note")).toBe("");
  }
});
