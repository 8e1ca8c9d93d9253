import { expect, test } from "vitest";
import { draftOf, editedIn } from "./edited.ts";

test("a draft comes back as it was kept", () => {
  const edited = { text: '{"a":\n"é"}', seen: 3 };
  const [, draft] = draftOf(edited);
  expect(editedIn(draft)).toEqual(edited);
});

test("what is no draft is none", () => {
  for (const draft of ["", "null", "{}", '{"text":1,"seen":2}', '{"text":"a","seen":"2"}']) {
    expect(editedIn(draft)).toBeNull();
  }
});
