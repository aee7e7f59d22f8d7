/** The real system, `switchboard up`, for as long as the tests need it. */

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
export interface Said {
  readonly inbox: string;
  readonly admin_token: string;
  readonly app_secret: string;
}

declare module "vitest" {
  interface ProvidedContext {
    readonly system: Said;
  }
}

/** Start it, tell the tests where it is, and return what stops it. */
export default async function setUp({ provide }: TestProject): Promise<() => Promise<void>> {
  const { said, stop } = await up();
  provide("system", said);
  return stop;
}

async function up(): Promise<{ readonly said: Said; readonly stop: () => Promise<void> }> {
  if (!existsSync(COMMAND)) {
    throw new Error(`${COMMAND} is not there: run \`make install\` first.`);
  }
  const folder = mkdtempSync(join(tmpdir(), "switchboard-client-"));
  const flags = ["up", "--no-simulator", "--json", "--port", "0", "--data-dir", folder];
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !isOurs(name)));
  const system = spawn(COMMAND, flags, { env, stdio: ["ignore", "pipe", "pipe"] });
  process.once("exit", () => {
    system.kill("SIGTERM");
  }); // also where the runner is ended before it has stopped
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
  let complaints = "";
  system.stderr.on("data", (part: Buffer) => {
    complaints = (complaints + part.toString()).slice(-4_000);
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
    throw new Error(`switchboard up did not start: ${complaints}`);
  }
  return { said: JSON.parse(line) as Said, stop };
}

/** Whether a variable would change what `switchboard up` does. */
function isOurs(name: string): boolean {
  return name.startsWith("SWITCHBOARD_") || name === "AMQP_URL" || name === "DATABASE_URL";
}
