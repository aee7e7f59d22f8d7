/** WhatsApp media, fetched with the user's token. Each keeps the size of its box before, during and after loading. */

import { type ReactNode, useEffect, useRef, useState } from "react";

import { iconOf, kindOf, labelOf } from "../core/attachments";
import { downloadName, isSafeToOpen, loadLabel } from "../core/media";
import type { MediaKey } from "../core/mediaCache";
import type { Attachment, Message } from "../model";
import { fileDetails } from "./cards";
import { useMedia, useNear } from "./useMedia";

type Props = { readonly mediaKey: MediaKey; readonly attachment: Attachment };
type MediaState = ReturnType<typeof useMedia>;

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
  switch (kindOf(attachment)) {
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

/** Loaded when it comes near the screen. */
function Picture({ mediaKey, attachment }: Props) {
  const boxRef = useRef<HTMLSpanElement>(null);
  const media = useMedia(mediaKey, useNear(boxRef));
  const label = labelOf(attachment);
  const isSticker = kindOf(attachment) === "sticker";
  const picture = media.loaded && (
    <img src={media.loaded.url} alt={attachment.title ?? label} decoding="async" onError={media.fail} />
  );
  return (
    <span ref={boxRef} className={isSticker ? "media media-sticker" : "media"}>
      {media.loaded && isSafeToOpen(media.loaded.mimeType) ? (
        <a href={media.loaded.url} target="_blank" rel="noopener" aria-label={`${label} (opens in a new tab)`}>
          {picture}
        </a>
      ) : (
        picture
      )}
      {!media.loaded && (
        <LoadingBox attachment={attachment} media={media}>
          {null}
        </LoadingBox>
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
        <LoadingBox attachment={attachment} media={media}>
          <LoadButton attachment={attachment} onPress={() => setWanted(true)} />
        </LoadingBox>
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
          <LoadingStatus media={media}>
            <LoadButton attachment={attachment} onPress={() => setWanted(true)} />
          </LoadingStatus>
        )}
      </span>
    </span>
  );
}

/** Downloaded, never opened: content from outside must not replace this page. */
function File({ mediaKey, attachment }: Props) {
  const [isWanted, setWanted] = useState(false);
  const media = useMedia(mediaKey, isWanted);
  const linkRef = useRef<HTMLAnchorElement>(null);
  const url = media.loaded?.url;
  useEffect(() => {
    if (url !== undefined) linkRef.current?.click();
  }, [url]);
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
          {fileDetails(attachment).join(" · ")}{" "}
          {url === undefined ? (
            <LoadingStatus media={media}>
              <button type="button" className="link" onClick={() => setWanted(true)}>
                Save<span className="visually-hidden"> {labelOf(attachment)}</span>
              </button>
            </LoadingStatus>
          ) : (
            <a ref={linkRef} href={url} download={downloadName(attachment)}>
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
      ▶ {loadLabel(attachment)}
    </button>
  );
}

/** The content of the box while a picture or a video is not loaded. */
function LoadingBox({
  attachment,
  media,
  children,
}: {
  attachment: Attachment;
  media: MediaState;
  children: ReactNode;
}) {
  return (
    <span className="media-waiting" aria-busy={media.isLoading}>
      <span aria-hidden="true" className="placeholder-icon">
        {iconOf(kindOf(attachment))}
      </span>
      <span dir="auto">{labelOf(attachment)}</span>
      <LoadingStatus media={media}>{children}</LoadingStatus>
    </span>
  );
}

/** `children` until loading starts, then the progress, or why it failed. */
function LoadingStatus({ media, children }: { media: MediaState; children: ReactNode }) {
  if (media.failure) {
    return (
      <span className="placeholder-why" role="status">
        {media.failure.reason}
        {media.failure.canRetry && (
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
  return media.isLoading ? <span className="placeholder-why">Loading…</span> : children;
}
