import { fileURLToPath } from "node:url";

import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

const client = fileURLToPath(new URL("../clients/javascript/src", import.meta.url));

// SWITCHBOARD_URL is a running system for `npm run dev`.
const target = process.env["SWITCHBOARD_URL"] ?? "http://127.0.0.1:8080";

export default defineConfig({
  plugins: [react()],
  resolve: {
    // The client library's sources, so that nothing has to be built before.
    alias: [
      { find: "@switchboard/client/react", replacement: `${client}/react/index.ts` },
      { find: "@switchboard/client", replacement: `${client}/index.ts` },
    ],
    dedupe: ["react", "react-dom"],
  },
  build: { target: "es2022", assetsInlineLimit: 0, modulePreload: { polyfill: false }, reportCompressedSize: true },
  server: {
    fs: { allow: [".."] },
    proxy: { "/api": target, "/sse": target, "/avatars": target, "/media": target, "/ws": { target, ws: true } },
  },
  test: { include: ["tests/**/*.test.{ts,tsx}"], environment: "node" },
});
