import { render } from "preact";
import { act } from "preact/test-utils";
import { afterEach, expect, test, vi } from "vitest";
import { Dialog } from "./dialog.tsx";

const place = document.createElement("div");
document.body.append(place);
const onClose = vi.fn();

afterEach(async () => {
  await act(() => render(null, place));
  onClose.mockReset();
});

async function open(): Promise<HTMLDialogElement> {
  await act(() =>
    render(
      <Dialog title="Is it you?" onClose={onClose}>
        Text
      </Dialog>,
      place,
    ),
  );
  const dialog = place.querySelector("dialog");
  if (dialog === null) throw new Error("There is no dialog.");
  return dialog;
}

test("a dialog that the browser closes by itself asks the page, and is shown until the page takes it away", async () => {
  const dialog = await open();
  dialog.close();
  await vi.waitFor(() => expect(onClose).toHaveBeenCalledOnce());
  expect(dialog.open).toBe(true);
});

test("a dialog that the page takes away asks nothing", async () => {
  await open();
  await act(() => render(null, place));
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect(onClose).not.toHaveBeenCalled();
});
