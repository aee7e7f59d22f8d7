/** How attachments are shown: the platforms have many types for few kinds of content. Pure. */

import type { Attachment } from "../model";

export type AttachmentKind =
  | "image"
  | "sticker"
  | "video"
  | "audio"
  | "file"
  | "location"
  | "contacts"
  | "story"
  | "reel"
  | "post"
  | "link"
  | "template"
  | "order"
  | "heart"
  | "vanishing"
  | "unsupported";

const KINDS: Readonly<Record<string, AttachmentKind>> = {
  image: "image",
  animated_image_share: "image",
  sticker: "sticker",
  video: "video",
  audio: "audio",
  voice: "audio",
  file: "file",
  document: "file",
  location: "location",
  contacts: "contacts",
  story: "story",
  story_mention: "story",
  ig_story: "story",
  reel: "reel",
  ig_reel: "reel",
  post: "post",
  ig_post: "post",
  media_share: "post",
  share: "post",
  fallback: "link",
  template: "template",
  interactive: "template",
  product_template: "template",
  product: "template",
  order: "order",
  like_heart: "heart",
  ephemeral: "vanishing",
};

const LABELS: Readonly<Record<AttachmentKind, string>> = {
  image: "Photo",
  sticker: "Sticker",
  video: "Video",
  audio: "Audio",
  file: "File",
  location: "Location",
  contacts: "Contact",
  story: "Story",
  reel: "Reel",
  post: "Post",
  link: "Link",
  template: "Template",
  order: "Order",
  heart: "Heart",
  vanishing: "Vanishing message",
  unsupported: "Unsupported content",
};

const ICONS: Readonly<Record<AttachmentKind, string>> = {
  image: "📷",
  sticker: "🩷",
  video: "🎬",
  audio: "🎧",
  file: "📄",
  location: "📍",
  contacts: "👤",
  story: "⭕",
  reel: "🎞️",
  post: "🖼️",
  link: "🔗",
  template: "🗂️",
  order: "🛒",
  heart: "❤️",
  vanishing: "💨",
  unsupported: "❔",
};

export function kindOf(attachment: Pick<Attachment, "type">): AttachmentKind {
  return Object.hasOwn(KINDS, attachment.type) ? (KINDS[attachment.type] ?? "unsupported") : "unsupported";
}

export function iconOf(kind: AttachmentKind): string {
  return ICONS[kind];
}

/** Return the label, such as "Photo" or "Voice message". An unknown type keeps the platform's name. */
export function labelOf(attachment: Attachment): string {
  const kind = kindOf(attachment);
  if (attachment.type === "story_mention") return "Mentioned you in their story";
  if (kind === "audio" && attachment.details?.["voice"] === true) return "Voice message";
  if (kind === "file" && attachment.title) return attachment.title;
  if (kind === "unsupported" && attachment.type !== "unsupported")
    return `Unsupported content (${attachment.type.replaceAll("_", " ")})`;
  return LABELS[kind];
}

/** Return a link to a map; never an embedded map, which would reveal the reader to a third party. */
export function mapUrl(attachment: Attachment): string | null {
  const place = attachment.coordinates;
  if (!place) return null;
  const position = `${place.latitude.toString()}/${place.longitude.toString()}`;
  return `https://www.openstreetmap.org/?mlat=${place.latitude.toString()}&mlon=${place.longitude.toString()}#map=15/${position}`;
}

export type ContactCard = { readonly name: string; readonly numbers: readonly string[] };

/** Return the contact cards of a `contacts` attachment. Unreadable parts are left out. */
export function contactCards(attachment: Attachment): ContactCard[] {
  const raw = listAt(attachment.details, "contacts");
  const cards = raw.map((card) => {
    const name = textAt(recordAt(card, "name"), "formatted_name") ?? textAt(recordAt(card, "name"), "first_name");
    const numbers = listAt(card, "phones").flatMap((phone) => textAt(phone, "phone") ?? []);
    return { name: name ?? numbers[0] ?? "Contact", numbers };
  });
  return cards.length > 0 ? cards.slice(0, 20) : [{ name: attachment.title ?? "Contact", numbers: [] }];
}

export type TemplateElement = {
  readonly title: string | null;
  readonly subtitle: string | null;
  readonly imageUrl: string | null;
};

/** Return the cards of a template, and the labels of its buttons. */
export function templateElements(attachment: Attachment): { elements: TemplateElement[]; buttons: string[] } {
  const details = attachment.details;
  const holders: unknown[] = [details, ...Object.values(details ?? {})];
  const raw = holders.flatMap((holder) => listAt(holder, "elements")).slice(0, 10);
  const elements = raw.map((element) => ({
    title: textAt(element, "title"),
    subtitle: textAt(element, "subtitle"),
    imageUrl: textAt(element, "image_url"),
  }));
  const buttons = [...listAt(details, "buttons"), ...raw.flatMap((element) => listAt(element, "buttons"))]
    .flatMap((button) => textAt(button, "title") ?? [])
    .slice(0, 10);
  return { elements, buttons };
}

/** Return the postal address of a location. */
export function locationAddress(attachment: Attachment): string | null {
  return textAt(attachment.details, "address");
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function recordAt(value: unknown, name: string): unknown {
  return isRecord(value) ? value[name] : undefined;
}

function listAt(value: unknown, name: string): unknown[] {
  const found = recordAt(value, name);
  return Array.isArray(found) ? found : [];
}

function textAt(value: unknown, name: string): string | null {
  const found = recordAt(value, name);
  return typeof found === "string" && found.trim() ? found : null;
}
