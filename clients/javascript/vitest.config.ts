import { defineConfig } from "vitest/config";

const SYSTEM = "tests/system/**/*.test.ts";

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: "library",
          include: ["tests/**/*.test.{ts,tsx}"],
          exclude: [SYSTEM],
          testTimeout: 10_000,
          benchmark: { include: ["bench/**/*.bench.ts"] },
        },
      },
      // One real system for all of them, started when one is to run.
      {
        test: {
          name: "system",
          include: [SYSTEM],
          globalSetup: "tests/system/start-system.ts",
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
    ],
  },
});
