import { describe, expect, test } from "vitest";
import { Emitter } from "../../src/runtime/emitter.js";

describe("event listeners", () => {
  test("are called even if another one throws, whose error is reported", async () => {
    const emitter = new Emitter<{ readonly word: string }>();
    const received: string[] = [];
    const uncaught = new Promise((resolve) => {
      const others = process.listeners("uncaughtException");
      process.removeAllListeners("uncaughtException");
      process.once("uncaughtException", (error) => {
        others.forEach((other) => process.on("uncaughtException", other));
        resolve(error);
      });
    });
    emitter.on("word", () => {
      throw new Error("a bug in a listener");
    });
    emitter.on("word", (word) => received.push(word));

    emitter.emit("word", "hello");
    expect(received).toEqual(["hello"]);
    expect(await uncaught).toEqual(new Error("a bug in a listener"));
  });

  test("are not called after their removal, even by an earlier listener of the same event", () => {
    const emitter = new Emitter<{ readonly word: string }>();
    const received: string[] = [];
    emitter.on("word", () => {
      remove();
    });
    const remove = emitter.on("word", (word) => received.push(word));

    emitter.emit("word", "hello");
    expect(received).toEqual([]);
  });
});
