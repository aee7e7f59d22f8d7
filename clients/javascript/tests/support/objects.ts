/** Objects and frames as a server sends them. */

import type { AnyFrame, Conversation, Message } from "../../src/protocol/types.js";

export const EPOCH = "5f0c2d7e";

export function conversation(id: string, change: Partial<Conversation> = {}): Conversation {
  return {
    conversation_id: id,
    platform: "facebook",
    participant_id: `p-${id}`,
    participant_name: "Ada",
    participant_username: null,
    participant_profile_pic: null,
    last_message: null,
    last_message_at: "2026-11-22T10:00:00Z",
    unread_count: 1,
    last_seq: 1,
    linked: [],
    ...change,
  };
}

export function message(id: number, change: Partial<Message> = {}): Message {
  return {
    id,
    seq: id,
    message_id: `m_${String(id)}`,
    conversation_id: "c1",
    platform: "facebook",
    page_id: "1001",
    direction: "incoming",
    sender_id: "7001",
    sender_name: "Ada",
    content: `text ${String(id)}`,
    created_at: new Date(Date.parse("2026-11-22T10:00:00Z") + id * 1000).toISOString(),
    kind: "message",
    status: null,
    error: null,
    attachments: [],
    reactions: [],
    reply_to: null,
    payload: null,
    referral: null,
    sent_via: null,
    edited_at: null,
    deleted_at: null,
    delivered_at: null,
    read_at: null,
    client_ref: null,
    ...change,
  };
}

export function newMessage(id: number, change: Partial<Message> = {}): AnyFrame {
  const received = message(id, change);
  const updated = conversation(received.conversation_id, {
    last_seq: id,
    last_message: received,
    last_message_at: received.created_at,
  });
  return {
    type: "new_message",
    seq: id,
    data: { conversation_id: received.conversation_id, message: received, conversation: updated },
  };
}

export function hello(seq: number, resumed: boolean, epoch = EPOCH): AnyFrame {
  return { type: "hello", data: { seq, epoch, resumed, heartbeat_seconds: 20 } };
}

/** Return a JSON Web Token that expires at `expiresAt`, milliseconds since 1970. */
export function tokenUntil(expiresAt: number, name = "t"): string {
  const payload = Buffer.from(JSON.stringify({ sub: "42", exp: expiresAt / 1000, name })).toString("base64url");
  return `h.${payload}.s`;
}
