import { render } from "preact";
import { act } from "preact/test-utils";
import { afterEach, expect, test, vi } from "vitest";
import { MoreButton } from "./more_button.tsx";
import { Table } from "./table.tsx";

const place = document.createElement("div");
document.body.append(place);
afterEach(() => render(null, place));

const pages = (hasNextPage: boolean) =>
  ({
    hasNextPage,
    isFetchingNextPage: false,
    isFetchNextPageError: false,
    error: null,
    fetchNextPage: async () => {
      show(false);
      return { isError: false };
    },
  }) as unknown as Parameters<typeof MoreButton>[0]["query"];

function show(hasNextPage: boolean): void {
  render(
    <>
      <Table label="Keys" head={<th scope="col">Name</th>}>
        {null}
      </Table>
      <MoreButton query={pages(hasNextPage)} />
    </>,
    place,
  );
}

test("after the last page the list has the focus that the button had", async () => {
  await act(() => show(true));
  const button = place.querySelector("button");
  button?.focus();
  await act(() => button?.click());
  await vi.waitFor(() => expect(document.activeElement?.getAttribute("aria-label")).toBe("Keys"));
});
