/** Who acts upon the system: an administrator, and a customer who writes. */

import { createHmac } from "node:crypto";
import { expect } from "vitest";
import type { Said } from "./start-system.js";

const CUSTOMER = "7001";

export async function mint(system: Said, user: string): Promise<string> {
  const answer = await asAdmin(system, "POST", "/api/tokens", { user_id: user });
  return ((await answer.json()) as { token: string }).token;
}

export async function connectPage(system: Said, user: string, page: string): Promise<void> {
  await asAdmin(system, "PUT", `/api/accounts/facebook/${page}`, { user_id: user, name: "Blue Things" });
}

async function asAdmin(system: Said, method: string, path: string, body: unknown): Promise<Response> {
  const headers = { Authorization: `Bearer ${system.admin_token}`, "Content-Type": "application/json" };
  const answer = await fetch(`${system.inbox}${path}`, { method, headers, body: JSON.stringify(body) });
  expect(answer.ok, `${method} ${path}: ${String(answer.status)}`).toBe(true);
  return answer;
}

export async function write(system: Said, page: string, mid: string, text: string): Promise<void> {
  const timestamp = Date.now();
  const item = { sender: { id: CUSTOMER }, recipient: { id: page }, timestamp, message: { mid, text } };
  const body = JSON.stringify({ object: "page", entry: [{ id: page, time: timestamp, messaging: [item] }] });
  const headers = { "Content-Type": "application/json", "X-Hub-Signature-256": signature(body, system.app_secret) };
  const answer = await fetch(`${system.inbox}/webhooks/facebook`, { method: "POST", body, headers });
  expect(answer.status).toBe(200);
}

/** The header with which the platform proves who it is. */
function signature(body: string, secret: string): string {
  return `sha256=${createHmac("sha256", secret).update(body).digest("hex")}`;
}
