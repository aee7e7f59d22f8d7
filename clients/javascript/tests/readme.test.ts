/** The example of the README is a program that works: it is taken from there and run. */

import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import ts from "typescript";
import * as library from "../src/index.js";
import { conversation, hello, newMessage, World } from "./world.js";

test("the example in the README shows what comes", async () => {
  const readme = readFileSync(new URL("../README.md", import.meta.url), "utf8");
  const example = /```ts\n([\s\S]*?)```/.exec(readme)?.[1] ?? "";
  expect(example.trimEnd().split("\n")).toHaveLength(10);
  const world = new World();
  world.rows.conversations = [conversation("c1")];
  world.answer = ({ url }) => (url.endsWith("/my/switchboard-token") ? new Response("t") : undefined);
  class Client extends library.InboxClient {
    constructor(options: library.InboxClientOptions) {
      super({ ...options, environment: world.environment });
    }
  }
  const said: string[] = [];
  const { outputText } = ts.transpileModule(example.replace(/^import .*$/m, ""), { compilerOptions: { target: ts.ScriptTarget.ES2022 } });
  // eslint-disable-next-line @typescript-eslint/no-implied-eval, @typescript-eslint/no-unsafe-call -- it is our own README
  new Function("InboxClient", "conversationsOf", "console", "fetch", outputText)(
    Client,
    library.conversationsOf,
    { log: (...words: unknown[]) => said.push(words.join(" ")) },
    (path: string) => world.environment.fetch(`http://page.test${path}`),
  );

  await world.passes(20);
  world.socket.open();
  world.socket.says(hello(0, true), newMessage(1));
  await world.passes(50);

  expect(world.socket.url).toContain("wss://inbox.example.com/ws/42?after=0");
  expect(said).toContain("Ada: text 1");
  expect(said.at(-1)).toBe("live 1 conversations");
});
