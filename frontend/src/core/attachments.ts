/** What an attachment is shown as; the platforms have many words for few things. Pure. */

import type { Attachment } from "../model";

export type Shape =
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

const SHAPES: Readonly<Record<string, Shape>> = {
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

const LABELS: Readonly<Record<Shape, string>> = {
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

const ICONS: Readonly<Record<Shape, string>> = {
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

export function shapeOf(attachment: Pick<Attachment, "type">): Shape {
  return Object.hasOwn(SHAPES, attachment.type) ? (SHAPES[attachment.type] ?? "unsupported") : "unsupported";
}

export function iconOf(shape: Shape): string {
  return ICONS[shape];
}

/** Return what it is called: "Photo", "Voice message"; a type that nobody knows is named as the platform names it. */
export function labelOf(attachment: Attachment): string {
  const shape = shapeOf(attachment);
  if (attachment.type === "story_mention") return "Mentioned you in their story";
  if (shape === "audio" && attachment.details?.["voice"] === true) return "Voice message";
  if (shape === "file" && attachment.title) return attachment.title;
  if (shape === "unsupported" && attachment.type !== "unsupported")
    return `Unsupported content (${attachment.type.replaceAll("_", " ")})`;
  return LABELS[shape];
}

/** Return a map address of a place: a link to open, never a picture that would tell a third party who is looking. */
export function mapUrl(attachment: Attachment): string | null {
  const place = attachment.coordinates;
  if (!place) return null;
  const position = `${place.latitude.toString()}/${place.longitude.toString()}`;
  return `https://www.openstreetmap.org/?mlat=${place.latitude.toString()}&mlon=${place.longitude.toString()}#map=15/${position}`;
}

export type Card = { readonly name: string; readonly numbers: readonly string[] };

/** Return the contact cards of a `contacts` attachment, as far as they can be read. */
export function cardsOf(attachment: Attachment): Card[] {
  const raw = listAt(attachment.details, "contacts");
  const cards = raw.map((card) => {
    const name = textAt(recordAt(card, "name"), "formatted_name") ?? textAt(recordAt(card, "name"), "first_name");
    const numbers = listAt(card, "phones").flatMap((phone) => textAt(phone, "phone") ?? []);
    return { name: name ?? numbers[0] ?? "Contact", numbers };
  });
  return cards.length > 0 ? cards.slice(0, 20) : [{ name: attachment.title ?? "Contact", numbers: [] }];
}

export type Element = {
  readonly title: string | null;
  readonly subtitle: string | null;
  readonly imageUrl: string | null;
};

/** Return the cards of a template with their buttons' words; the buttons do nothing here. */
export function elementsOf(attachment: Attachment): { elements: Element[]; buttons: string[] } {
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

/** Return the address that a location has beside its place. */
export function addressOf(attachment: Attachment): string | null {
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
