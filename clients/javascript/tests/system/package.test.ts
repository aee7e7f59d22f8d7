/** The published package: packed, installed elsewhere without a network, type-checked and run. */

import { execFileSync, spawn } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { afterAll, beforeAll, expect, inject, test } from "vitest";
import { connectPage, mint, sendMessage } from "./actors.js";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const USER = "44"; // stands for the user 42 of the example: see BROWSER
const system = inject("system");
let folder: string;
let packed: readonly { readonly path: string }[];

/** The browser that the example expects: a `WebSocket`, its own origin, and the server under its name. */
const BROWSER = `
import { WebSocket as Socket } from ${JSON.stringify(pathToFileURL(join(ROOT, "node_modules/ws/wrapper.mjs")).href)};
const { SYSTEM, TOKEN } = process.env;
const there = (url) => String(url).replace(/^(http|ws)s:\\/\\/inbox\\.example\\.com/, (_, kind) => SYSTEM.replace("http", kind)).replace("/ws/42", "/ws/${USER}");
const get = globalThis.fetch;
globalThis.fetch = async (url, init) => url === "/my/switchboard-token" ? new Response(TOKEN + "\\n") : get(there(url), init);
globalThis.WebSocket = class extends Socket { constructor(url, protocols) { super(there(url), protocols); } };
`;

function example(): string {
  const readme = readFileSync(join(ROOT, "README.md"), "utf8");
  return /```ts\n([\s\S]*?)```/.exec(readme)?.[1] ?? "";
}

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "switchboard-package-"));
  const flags = ["--ignore-scripts", "--json", "--pack-destination", folder];
  execFileSync("npm", ["run", "build"], { cwd: ROOT, stdio: "pipe" });
  const report = execFileSync("npm", ["pack", ...flags], { cwd: ROOT, encoding: "utf8", stdio: "pipe" });
  const [tarball] = JSON.parse(report) as [{ readonly filename: string; readonly files: typeof packed }];
  packed = tarball.files;
  writeFileSync(join(folder, "package.json"), JSON.stringify({ name: "consumer", private: true, type: "module" }));
  const install = [
    "install",
    join(folder, tarball.filename),
    "--offline",
    "--ignore-scripts",
    "--no-audit",
    "--no-fund",
  ];
  execFileSync("npm", install, { cwd: folder, stdio: "pipe" });
});

afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

test("the package is complete and has no dependencies", () => {
  const paths = packed.map(({ path }) => path);
  expect(paths).toEqual(
    expect.arrayContaining([
      "LICENSE",
      "README.md",
      "dist/index.js",
      "dist/index.d.ts",
      "dist/react/index.js",
      "dist/react/index.d.ts",
      "package.json",
    ]),
  );
  expect(paths.filter((path) => !/^(dist|src)\//.test(path)).sort()).toEqual(["LICENSE", "README.md", "package.json"]);
  const manifest = JSON.parse(
    readFileSync(join(folder, "node_modules/@switchboard/client/package.json"), "utf8"),
  ) as Record<string, unknown>;
  expect(manifest).not.toHaveProperty("dependencies");
  expect(manifest["sideEffects"]).toBe(false);
  expect(readFileSync(join(ROOT, "LICENSE"), "utf8")).toBe(readFileSync(join(ROOT, "../../LICENSE"), "utf8"));
});

test.each([
  ["NodeNext", "NodeNext"],
  ["ESNext", "bundler"],
])("its types resolve with module %s and resolution %s", (module, moduleResolution) => {
  mkdirSync(join(folder, "node_modules/@types"), { recursive: true });
  for (const name of ["@types/react", "csstype", "react"]) {
    cpSync(join(ROOT, "node_modules", name), join(folder, "node_modules", name), { recursive: true });
  }
  writeFileSync(join(folder, "example.ts"), example());
  writeFileSync(
    join(folder, "hooks.ts"),
    `import { useInbox, useWebSocket } from "@switchboard/client/react";
export const useBoth = (): [boolean, string | undefined, number] => {
  const { isConnected, lastMessage } = useWebSocket("42");
  return [isConnected, lastMessage?.type, useInbox().conversations.length];
};
`,
  );
  const compilerOptions = {
    strict: true,
    noEmit: true,
    target: "ES2022",
    lib: ["ES2023", "DOM", "DOM.Iterable"],
    types: [],
    skipDefaultLibCheck: true,
    module,
    moduleResolution,
  };
  writeFileSync(join(folder, "tsconfig.json"), JSON.stringify({ compilerOptions, include: ["*.ts"] }));

  execFileSync(process.execPath, [join(ROOT, "node_modules/typescript/bin/tsc"), "-p", folder], {
    encoding: "utf8",
    stdio: "pipe",
  });
});

test("the example of the README runs as printed", async () => {
  expect(example().trimEnd().split("\n")).toHaveLength(10);
  await connectPage(system, USER, "1004");
  writeFileSync(join(folder, "browser.js"), BROWSER);
  writeFileSync(join(folder, "example.js"), example());
  const env = { ...process.env, SYSTEM: system.inbox, TOKEN: await mint(system, USER) };
  const program = spawn(process.execPath, ["--import", "./browser.js", "example.js"], {
    cwd: folder,
    env,
    stdio: ["ignore", "pipe", "pipe"],
  });
  try {
    let output = "";
    for (const stream of [program.stdout, program.stderr]) {
      stream.on("data", (part: Buffer) => {
        output += part.toString();
      });
    }
    await expect.poll(() => output, { timeout: 15_000 }).toContain("live 0 conversations");

    await sendMessage(system, "1004", "m_published", "Is the blue one still there?");

    await expect.poll(() => output, { timeout: 15_000 }).toContain(": Is the blue one still there?");
    await expect.poll(() => output, { timeout: 15_000 }).toContain("live 1 conversations");
  } finally {
    program.kill("SIGKILL");
  }
});
