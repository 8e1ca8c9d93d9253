/** The values of fields as a text that can be kept, and back. */

type Field = HTMLInputElement | HTMLSelectElement | HTMLTextAreaElement;

function fieldsIn(box: ParentNode): Field[] {
  return [...box.querySelectorAll<Field>("input[name], select[name], textarea[name]")];
}

export function valuesOf(box: ParentNode): string {
  return JSON.stringify(Object.fromEntries(fieldsIn(box).map(({ name, value }) => [name, value])));
}

/** Fills in what was kept, and tells the listeners of the fields. */
export function restore(box: ParentNode, kept: string): void {
  const values = parsed(kept);
  for (const field of fieldsIn(box)) {
    const value = values[field.name];
    if (typeof value !== "string" || value === field.value) continue;
    field.value = value;
    field.dispatchEvent(new Event("change", { bubbles: true }));
  }
}

function parsed(text: string): Record<string, unknown> {
  try {
    return Object(JSON.parse(text));
  } catch {
    return {};
  }
}
