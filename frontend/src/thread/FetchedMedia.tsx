/** Media of WhatsApp, fetched with the user's token. Each has the same box before, while and after it is loaded. */

import { type ReactNode, useEffect, useRef, useState } from "react";

import { iconOf, labelOf, shapeOf } from "../core/attachments";
import { isOpenable, loadText, savedName } from "../core/media";
import type { MediaKey } from "../core/mediaCache";
import { sizeText } from "../core/timeFormat";
import type { Attachment, Message } from "../model";
import { useMedia, useNear } from "./useMedia";

type Props = { readonly mediaKey: MediaKey; readonly attachment: Attachment };
type State = ReturnType<typeof useMedia>;

export function FetchedMedia({
  message,
  index,
  attachment,
}: {
  message: Message;
  index: number;
  attachment: Attachment;
}) {
  const mediaKey = { conversationId: message.conversation_id, messageId: message.id, index };
  switch (shapeOf(attachment)) {
    case "video":
      return <Video mediaKey={mediaKey} attachment={attachment} />;
    case "audio":
      return <Audio mediaKey={mediaKey} attachment={attachment} />;
    case "file":
      return <File mediaKey={mediaKey} attachment={attachment} />;
    default:
      return <Picture mediaKey={mediaKey} attachment={attachment} />;
  }
}

/** Loaded as soon as it comes near the screen. */
function Picture({ mediaKey, attachment }: Props) {
  const box = useRef<HTMLSpanElement>(null);
  const media = useMedia(mediaKey, useNear(box));
  const label = labelOf(attachment);
  const isSticker = shapeOf(attachment) === "sticker";
  const picture = media.loaded && (
    <img src={media.loaded.url} alt={attachment.title ?? label} decoding="async" onError={media.fail} />
  );
  return (
    <span ref={box} className={isSticker ? "media media-sticker" : "media"}>
      {media.loaded && isOpenable(media.loaded.mimeType) ? (
        <a href={media.loaded.url} target="_blank" rel="noopener" aria-label={`${label} (opens in a new tab)`}>
          {picture}
        </a>
      ) : (
        picture
      )}
      {!media.loaded && (
        <Waiting attachment={attachment} media={media}>
          {null}
        </Waiting>
      )}
    </span>
  );
}

function Video({ mediaKey, attachment }: Props) {
  const [isWanted, setWanted] = useState(false);
  const media = useMedia(mediaKey, isWanted);
  return (
    <span className="media" data-loading={media.isLoading || undefined}>
      {media.loaded ? (
        <video
          src={media.loaded.url}
          controls
          autoPlay
          playsInline
          aria-label={labelOf(attachment)}
          onError={media.fail}
        />
      ) : (
        <Waiting attachment={attachment} media={media}>
          <LoadButton attachment={attachment} onPress={() => setWanted(true)} />
        </Waiting>
      )}
    </span>
  );
}

function Audio({ mediaKey, attachment }: Props) {
  const [isWanted, setWanted] = useState(false);
  const media = useMedia(mediaKey, isWanted);
  return (
    <span className="audio" data-loading={media.isLoading || undefined}>
      <span className="audio-label">🎧 {labelOf(attachment)}</span>
      <span className="audio-box">
        {media.loaded ? (
          <audio src={media.loaded.url} controls autoPlay aria-label={labelOf(attachment)} onError={media.fail} />
        ) : (
          <Progress media={media}>
            <LoadButton attachment={attachment} onPress={() => setWanted(true)} />
          </Progress>
        )}
      </span>
    </span>
  );
}

/** Saved where it is pressed: what came from outside is not opened in the place of this page. */
function File({ mediaKey, attachment }: Props) {
  const [isWanted, setWanted] = useState(false);
  const media = useMedia(mediaKey, isWanted);
  const link = useRef<HTMLAnchorElement>(null);
  const url = media.loaded?.url;
  useEffect(() => {
    if (url !== undefined) link.current?.click();
  }, [url]);
  const about = [
    attachment.mime_type?.split(";")[0]?.split("/").at(-1)?.toUpperCase(),
    attachment.size === null ? null : sizeText(attachment.size),
  ];
  return (
    <span className="card" data-loading={media.isLoading || undefined}>
      <span aria-hidden="true" className="card-icon">
        📄
      </span>
      <span className="card-text">
        <bdi dir="auto" className="card-title">
          {labelOf(attachment)}
        </bdi>
        <span className="card-about">
          {about.filter(Boolean).join(" · ")}{" "}
          {url === undefined ? (
            <Progress media={media}>
              <button type="button" className="link" onClick={() => setWanted(true)}>
                Save<span className="visually-hidden"> {labelOf(attachment)}</span>
              </button>
            </Progress>
          ) : (
            <a ref={link} href={url} download={savedName(attachment)}>
              Save again
            </a>
          )}
        </span>
      </span>
    </span>
  );
}

function LoadButton({ attachment, onPress }: { attachment: Attachment; onPress: () => void }) {
  return (
    <button type="button" className="media-load" onClick={onPress}>
      ▶ {loadText(attachment)}
    </button>
  );
}

/** What stands in the box of a picture or a film that is not there. */
function Waiting({ attachment, media, children }: { attachment: Attachment; media: State; children: ReactNode }) {
  return (
    <span className="media-waiting" aria-busy={media.isLoading}>
      <span aria-hidden="true" className="placeholder-icon">
        {iconOf(shapeOf(attachment))}
      </span>
      <span dir="auto">{labelOf(attachment)}</span>
      <Progress media={media}>{children}</Progress>
    </span>
  );
}

/** How far it is: `children` until it is wanted, then that it is loading, or why it could not be. */
function Progress({ media, children }: { media: State; children: ReactNode }) {
  if (media.failure) {
    return (
      <span className="placeholder-why" role="status">
        {media.failure.why}
        {media.failure.mayPass && (
          <>
            {" "}
            ·{" "}
            <button type="button" className="link" onClick={media.retry}>
              Try again
            </button>
          </>
        )}
      </span>
    );
  }
  return media.isLoading ? <span className="placeholder-why">loading…</span> : children;
}
