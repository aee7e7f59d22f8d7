/** Pictures, videos and audio that the browser loads from their URL. Each falls back to a placeholder if that fails. */

import { type ReactNode, useState } from "react";

import { ExternalLink } from "../ui/ExternalLink";

type Props = { readonly url: string; readonly label: string; readonly fallback: ReactNode };

export function Picture(props: Props & { readonly title: string | null; readonly isSticker: boolean }) {
  const [hasFailed, setFailed] = useState(false);
  if (hasFailed) return props.fallback;
  const name = props.title ? `${props.label}: ${props.title}` : props.label;
  return (
    <ExternalLink
      href={props.url}
      className={props.isSticker ? "media media-sticker" : "media"}
      label={`${name} (opens in a new tab)`}
    >
      <img
        src={props.url}
        alt={props.title ?? props.label}
        loading="lazy"
        decoding="async"
        referrerPolicy="no-referrer"
        onError={() => setFailed(true)}
      />
    </ExternalLink>
  );
}

/** A story, reel or post. It may be a picture or a video, and neither type nor URL tells which: try both. */
export function Clip(props: Props & { readonly title: string | null }) {
  const [shown, setShown] = useState<"picture" | "video" | "fallback">("picture");
  return (
    <>
      {shown === "picture" && (
        <ExternalLink href={props.url} className="media media-clip" label={`${props.label} (opens in a new tab)`}>
          <img
            src={props.url}
            alt={props.label}
            loading="lazy"
            decoding="async"
            referrerPolicy="no-referrer"
            onError={() => setShown("video")}
          />
        </ExternalLink>
      )}
      {shown === "video" && (
        <video
          className="media media-clip"
          src={props.url}
          controls
          preload="metadata"
          playsInline
          aria-label={props.label}
          onError={() => setShown("fallback")}
        />
      )}
      {shown === "fallback" && props.fallback}
      {props.title && (
        <span className="clip-title" dir="auto">
          {props.title}
        </span>
      )}
    </>
  );
}

export function Video(props: Props) {
  const [hasFailed, setFailed] = useState(false);
  if (hasFailed) return props.fallback;
  return (
    <video
      className="media"
      src={props.url}
      controls
      preload="metadata"
      playsInline
      aria-label={props.label}
      onError={() => setFailed(true)}
    />
  );
}

export function Audio(props: Props) {
  const [hasFailed, setFailed] = useState(false);
  if (hasFailed) return props.fallback;
  return (
    <span className="audio">
      <span className="audio-label">🎧 {props.label}</span>
      <audio src={props.url} controls preload="none" aria-label={props.label} onError={() => setFailed(true)} />
    </span>
  );
}
