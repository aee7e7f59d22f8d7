/** Media that are fetched by ID with the user's token: which ones, their labels, and why they fail. Pure. */

import type { Attachment, Message } from "../model";
import { type AttachmentKind, kindOf, labelOf } from "./attachments";
import { formatSize } from "./timeFormat";

const FETCHED_KINDS: ReadonlySet<AttachmentKind> = new Set<AttachmentKind>([
  "image",
  "sticker",
  "video",
  "audio",
  "file",
]);
const PROBLEM_PREFIX = "urn:switchboard:problem:";
const SAFE_IMAGE = /^image\/(?:png|jpeg|webp|gif)$/;

/** Return whether an attachment has to be fetched by ID. The URLs that WhatsApp names cannot be opened by a browser. */
export function isFetchedById(message: Pick<Message, "platform">, attachment: Attachment): boolean {
  return message.platform === "whatsapp" && attachment.media_id !== null && FETCHED_KINDS.has(kindOf(attachment));
}

/** Return the label of the button that loads it, such as "Load voice message, 12 kB". */
export function loadLabel(attachment: Attachment, locale?: string): string {
  const what = kindOf(attachment) === "file" ? "file" : labelOf(attachment).toLowerCase();
  return attachment.size === null ? `Load ${what}` : `Load ${what}, ${formatSize(attachment.size, locale)}`;
}

/** Return a safe file name: without path separators, control characters and characters that reverse the text direction. */
export function downloadName(attachment: Attachment): string {
  const name = (attachment.title ?? "")
    .replaceAll(/[\p{Cc}\p{Cf}]/gu, "")
    .replaceAll(/[\\/:*?"<>|]/g, "_")
    .replaceAll(/^[. ]+|[. ]+$/g, "");
  return name || "document";
}

/** Return whether it may be opened in a tab of its own: only images that cannot run scripts. */
export function isSafeToOpen(mimeType: string): boolean {
  return SAFE_IMAGE.test(mimeType);
}

export type MediaFailure = {
  /** A short sentence to show, without a full stop. */
  readonly reason: string;
  /** Whether a retry may succeed. */
  readonly canRetry: boolean;
};

const FAILURES: Readonly<Record<string, MediaFailure>> = {
  "media-gone": { reason: "The platform no longer has this file", canRetry: false },
  "not-found": { reason: "Not available", canRetry: false },
  "media-too-large": { reason: "Too large to show here", canRetry: false },
  "account-needs-reauthorization": { reason: "Reconnect the account to load this", canRetry: true },
  "platform-refused": { reason: "The platform refused to deliver this", canRetry: true },
};

/** Return what a failed request means to the reader. */
export function mediaFailure(error: unknown): MediaFailure {
  const type = error instanceof Error && "type" in error && typeof error.type === "string" ? error.type : "";
  const name = type.startsWith(PROBLEM_PREFIX) ? type.slice(PROBLEM_PREFIX.length) : "";
  const known = Object.hasOwn(FAILURES, name) ? FAILURES[name] : undefined;
  return known ?? { reason: "Could not load", canRetry: true };
}
