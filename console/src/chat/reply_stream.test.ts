import { describe, expect, it, vi } from "vitest";
import { eventOf, readEvents } from "./reply_stream.ts";

describe("an event of a streamed reply", () => {
  it("has the next words", () => {
    expect(eventOf("text", '{"text":"Dummy"}')).toEqual({ kind: "text", text: "Dummy" });
  });

  it("says what was paid", () => {
    const data = '{"id":"01KB05AY8G3W5VXQ7S4TB2NC6D","user":"ada","cost":1,"balance":99}';
    expect(eventOf("paid", data)).toEqual({ kind: "paid", id: "01KB05AY8G3W5VXQ7S4TB2NC6D", cost: 1 });
  });

  it("is a problem with the status that could not be sent any more", () => {
    const event = eventOf("error", '{"status":502,"code":"model_broke_off","detail":"It broke off."}');
    expect(event).toMatchObject({
      kind: "problem",
      problem: { status: 502, code: "model_broke_off", message: "It broke off." },
    });
  });

  it("is a fault of the server's where a problem has no status", () => {
    expect(eventOf("error", "{}")).toMatchObject({ problem: { status: 500, code: "error" } });
  });

  it("is no event if it is not as the API writes it", () => {
    for (const data of ["{}", '{"text":1}', "[]", "no JSON"]) expect(() => eventOf("text", data)).toThrow();
    expect(() => eventOf("paid", '{"id":"01KB05AY8G3W5VXQ7S4TB2NC6D","cost":"1"}')).toThrow();
  });

  it("tells nothing if nobody knows its name", () => {
    expect(eventOf("later", "{}")).toBeNull();
    expect(eventOf(undefined, "{}")).toBeNull();
  });
});

describe("reading the events", () => {
  it("ends the connection at an event that is not as the API writes it", async () => {
    const cancel = vi.fn();
    const body = new ReadableStream({
      start: (stream) => stream.enqueue(new TextEncoder().encode("event: text\ndata: no JSON\n\n")),
      cancel,
    });
    await expect(readEvents(body, () => {})).rejects.toThrow();
    expect(cancel).toHaveBeenCalled();
  });
});
