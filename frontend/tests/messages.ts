import type { Attachment, Message } from "../src/model";

export function message(more: Partial<Message> = {}): Message {
  return {
    id: 1,
    seq: 1,
    message_id: "m_1",
    conversation_id: "c",
    platform: "facebook",
    page_id: "1001",
    direction: "incoming",
    sender_id: "7001",
    sender_name: "Ada",
    content: "hello",
    created_at: "2026-11-22T10:15:00Z",
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
    ...more,
  };
}

export function attachment(type: string, more: Partial<Attachment> = {}): Attachment {
  return {
    type,
    url: null,
    title: null,
    mime_type: null,
    size: null,
    expires_at: null,
    media_id: null,
    coordinates: null,
    details: null,
    ...more,
  };
}
