/** Media that are fetched by id with the user's token: which they are, what they are called, and why there is none. Pure. */

import type { Attachment, Message } from "../model";
import { labelOf, type Shape, shapeOf } from "./attachments";
import { sizeText } from "./timeFormat";

const FETCHED: ReadonlySet<Shape> = new Set<Shape>(["image", "sticker", "video", "audio", "file"]);
const PROBLEM = "urn:switchboard:problem:";
const PICTURE = /^image\/(?:png|jpeg|webp|gif)$/;

/** Return whether the platform hands it out by id alone. An address that WhatsApp names is none that a browser can open. */
export function isFetchedById(message: Pick<Message, "platform">, attachment: Attachment): boolean {
  return message.platform === "whatsapp" && attachment.media_id !== null && FETCHED.has(shapeOf(attachment));
}

/** Return what the button says that fetches it: "Load voice message, 12 kB". */
export function loadText(attachment: Attachment, locale?: string): string {
  const shape = shapeOf(attachment);
  const what = shape === "file" ? "file" : labelOf(attachment).toLowerCase();
  return attachment.size === null ? `Load ${what}` : `Load ${what}, ${sizeText(attachment.size, locale)}`;
}

/** Return the name that a file is saved under: without what is no part of a name, or turns the direction of writing. */
export function savedName(attachment: Attachment): string {
  const name = (attachment.title ?? "")
    .replaceAll(/[\p{Cc}\p{Cf}]/gu, "")
    .replaceAll(/[\\/:*?"<>|]/g, "_")
    .replaceAll(/^[. ]+|[. ]+$/g, "");
  return name || "document";
}

/** Return whether it may be opened on a page of its own: pictures do nothing there. */
export function isOpenable(mimeType: string): boolean {
  return PICTURE.test(mimeType);
}

export type Failure = {
  /** As a sentence's end: "Photo: no longer kept by the platform". */
  readonly why: string;
  /** Whether trying again may help. */
  readonly mayPass: boolean;
};

const FAILURES: Readonly<Record<string, Failure>> = {
  "media-gone": { why: "the platform no longer has it", mayPass: false },
  "not-found": { why: "not available", mayPass: false },
  "media-too-large": { why: "too large to be shown here", mayPass: false },
  "account-needs-reauthorization": { why: "the account has to be connected again", mayPass: true },
  "platform-refused": { why: "the platform does not hand it out", mayPass: true },
};

/** Return what a failed request means to the person who sees it. */
export function failureOf(error: unknown): Failure {
  const type = error instanceof Error && "type" in error && typeof error.type === "string" ? error.type : "";
  const name = type.startsWith(PROBLEM) ? type.slice(PROBLEM.length) : "";
  return (Object.hasOwn(FAILURES, name) ? FAILURES[name] : undefined) ?? { why: "could not be loaded", mayPass: true };
}
