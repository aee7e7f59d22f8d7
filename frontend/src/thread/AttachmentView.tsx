/** Attachments by kind. All content is from outside: text stays text, URLs are https, nothing runs. */

import { type AttachmentKind, iconOf, kindOf, labelOf, mapUrl } from "../core/attachments";
import { isFetchedById } from "../core/media";
import { isExpired } from "../core/safeLinks";
import type { Attachment, Message } from "../model";
import { useMediaUrl } from "../ui/MediaHosts";
import {
  ContactCards,
  FileCard,
  ForeignCard,
  Labelled,
  LinkCard,
  LocationCard,
  Note,
  Placeholder,
  TemplateCard,
} from "./cards";
import { FetchedMedia } from "./FetchedMedia";
import { Audio, Clip, Picture, Video } from "./linkedMedia";

type Props = {
  readonly message: Message;
  readonly index: number;
  readonly attachment: Attachment;
  readonly nowMs: number;
};

const LOADED_KINDS: ReadonlySet<AttachmentKind> = new Set([
  "image",
  "sticker",
  "video",
  "audio",
  "story",
  "reel",
  "post",
]);

export function AttachmentView({ message, index, attachment, nowMs }: Props) {
  const media = useMediaUrl(attachment.url);
  if (isFetchedById(message, attachment)) {
    return <FetchedMedia message={message} index={index} attachment={attachment} />;
  }
  const kind = kindOf(attachment);
  const label = labelOf(attachment);
  const { title } = attachment;
  const isGone = isExpired(attachment.expires_at, nowMs);
  const url = isGone || !media ? null : media.url;
  const unavailable = isGone ? "No longer available" : "Not available";
  const fallback = <Placeholder attachment={attachment} reason={unavailable} />;
  if (url && !media?.isLoaded && LOADED_KINDS.has(kind)) return <ForeignCard attachment={attachment} url={url} />;
  switch (kind) {
    case "image":
    case "sticker":
      if (!url) return fallback;
      return (
        <Picture key={url} url={url} label={label} title={title} isSticker={kind === "sticker"} fallback={fallback} />
      );
    case "story":
    case "reel":
    case "post":
      return (
        <Labelled label={label} icon={iconOf(kind)}>
          {url ? <Clip key={url} url={url} label={label} title={title} fallback={fallback} /> : fallback}
        </Labelled>
      );
    case "video":
      return url ? <Video key={url} url={url} label={label} fallback={fallback} /> : fallback;
    case "audio":
      return url ? <Audio key={url} url={url} label={label} fallback={fallback} /> : fallback;
    case "file":
      return <FileCard attachment={attachment} url={url} unavailable={unavailable} />;
    case "location":
      return <LocationCard attachment={attachment} url={mapUrl(attachment) ?? url} />;
    case "contacts":
      return <ContactCards attachment={attachment} />;
    case "link":
      return <LinkCard url={url} title={title ?? label} />;
    case "template":
    case "order":
      return <TemplateCard attachment={attachment} />;
    case "heart":
      return (
        <span className="big-heart" role="img" aria-label="Heart">
          ❤️
        </span>
      );
    case "vanishing":
      return <Note icon={iconOf(kind)} text="Vanishing message. Open the app to see it." />;
    case "unsupported":
      return <Note icon={iconOf(kind)} text={`${label}. Open the app to see it.`} />;
  }
}
