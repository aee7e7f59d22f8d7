/** Runs the real system, `switchboard up`, for the tests. */

import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { TestProject } from "vitest/node";

const COMMAND = fileURLToPath(new URL("../../../../.venv/bin/switchboard", import.meta.url));
const STARTING_MS = 90_000;

/** What `switchboard up --json` prints. */
export interface SystemInfo {
  readonly inbox: string;
  readonly admin_token: string;
  readonly app_secret: string;
}

declare module "vitest" {
  interface ProvidedContext {
    readonly system: SystemInfo;
  }
}

/** Start the system, provide its addresses to the tests, and return a function that stops it. */
export default async function setUp({ provide }: TestProject): Promise<() => Promise<void>> {
  const { info, stop } = await startSystem();
  provide("system", info);
  return stop;
}

async function startSystem(): Promise<{ readonly info: SystemInfo; readonly stop: () => Promise<void> }> {
  if (!existsSync(COMMAND)) {
    throw new Error(`${COMMAND} does not exist: run \`make install\` first.`);
  }
  const folder = mkdtempSync(join(tmpdir(), "switchboard-client-"));
  const flags = ["up", "--no-simulator", "--json", "--port", "0", "--data-dir", folder];
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !isOurs(name)));
  const system = spawn(COMMAND, flags, { env, stdio: ["ignore", "pipe", "pipe"] });
  process.once("exit", () => {
    system.kill("SIGTERM");
  }); // even if the runner is killed before teardown
  const ended = new Promise<void>((resolve) =>
    system.once("exit", () => {
      resolve();
    }),
  );
  const stop = async (): Promise<void> => {
    system.kill("SIGTERM");
    await ended;
    rmSync(folder, { recursive: true, force: true });
  };
  let errors = "";
  system.stderr.on("data", (part: Buffer) => {
    errors = (errors + part.toString()).slice(-4_000);
  });
  const line = await new Promise<string | null>((resolve) => {
    const timer = setTimeout(() => {
      resolve(null);
    }, STARTING_MS);
    createInterface(system.stdout).once("line", (first) => {
      clearTimeout(timer);
      resolve(first);
    });
    system.once("exit", () => {
      resolve(null);
    });
  });
  if (line === null) {
    await stop();
    throw new Error(`switchboard up did not start: ${errors}`);
  }
  return { info: JSON.parse(line) as SystemInfo, stop };
}

/** Whether a variable would change what `switchboard up` does. */
function isOurs(name: string): boolean {
  return name.startsWith("SWITCHBOARD_") || name === "AMQP_URL" || name === "DATABASE_URL";
}
