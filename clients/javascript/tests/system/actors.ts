/** The actors of the tests: an administrator, and a customer who writes. */

import { createHmac } from "node:crypto";
import { expect } from "vitest";
import type { SystemInfo } from "./start-system.js";

const CUSTOMER = "7001";

export async function mint(system: SystemInfo, user: string): Promise<string> {
  const response = await asAdmin(system, "POST", "/api/tokens", { user_id: user });
  return ((await response.json()) as { token: string }).token;
}

export async function connectPage(system: SystemInfo, user: string, page: string): Promise<void> {
  await asAdmin(system, "PUT", `/api/accounts/facebook/${page}`, { user_id: user, name: "Blue Things" });
}

async function asAdmin(system: SystemInfo, method: string, path: string, body: unknown): Promise<Response> {
  const headers = { Authorization: `Bearer ${system.admin_token}`, "Content-Type": "application/json" };
  const response = await fetch(`${system.inbox}${path}`, { method, headers, body: JSON.stringify(body) });
  expect(response.ok, `${method} ${path}: ${String(response.status)}`).toBe(true);
  return response;
}

export async function sendMessage(system: SystemInfo, page: string, mid: string, text: string): Promise<void> {
  const timestamp = Date.now();
  const item = { sender: { id: CUSTOMER }, recipient: { id: page }, timestamp, message: { mid, text } };
  const body = JSON.stringify({ object: "page", entry: [{ id: page, time: timestamp, messaging: [item] }] });
  const headers = { "Content-Type": "application/json", "X-Hub-Signature-256": signature(body, system.app_secret) };
  const response = await fetch(`${system.inbox}/webhooks/facebook`, { method: "POST", body, headers });
  expect(response.status).toBe(200);
}

/** Return the `X-Hub-Signature-256` header of the platform. */
function signature(body: string, secret: string): string {
  return `sha256=${createHmac("sha256", secret).update(body).digest("hex")}`;
}
