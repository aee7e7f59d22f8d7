/** Attachments as what they are. Everything here came from outside: text is text, addresses are https, nothing runs. */

import { type ReactNode, useState } from "react";

import { addressOf, cardsOf, elementsOf, iconOf, labelOf, mapUrl, shapeOf } from "../core/attachments";
import { isFetchedById } from "../core/media";
import { isExpired, safeUrl } from "../core/safeLinks";
import { sizeText } from "../core/timeFormat";
import type { Attachment, Message } from "../model";
import { FetchedMedia } from "./FetchedMedia";

type Props = {
  readonly message: Message;
  readonly index: number;
  readonly attachment: Attachment;
  readonly nowMs: number;
};

export function AttachmentView({ message, index, attachment, nowMs }: Props) {
  const shape = shapeOf(attachment);
  if (isFetchedById(message, attachment))
    return <FetchedMedia message={message} index={index} attachment={attachment} />;
  const expired = isExpired(attachment.expires_at, nowMs);
  const url = expired ? null : safeUrl(attachment.url, window.location.origin);
  const label = labelOf(attachment);
  const place = <Placeholder attachment={attachment} expired={expired} />;
  switch (shape) {
    case "image":
    case "sticker":
      return url ? (
        <Picture
          key={url}
          url={url}
          label={label}
          title={attachment.title}
          isSticker={shape === "sticker"}
          fallback={place}
        />
      ) : (
        place
      );
    case "story":
    case "reel":
    case "post":
      return (
        <Labelled label={label} icon={iconOf(shape)}>
          {url ? <Clip key={url} url={url} label={label} title={attachment.title} fallback={place} /> : place}
        </Labelled>
      );
    case "video":
      return url ? <Video key={url} url={url} label={label} fallback={place} /> : place;
    case "audio":
      return url ? <Audio key={url} url={url} label={label} fallback={place} /> : place;
    case "file":
      return <FileCard attachment={attachment} url={url} expired={expired} />;
    case "location":
      return <Place attachment={attachment} url={mapUrl(attachment) ?? url} />;
    case "contacts":
      return <Contacts attachment={attachment} />;
    case "link":
      return <LinkCard url={url} title={attachment.title ?? label} />;
    case "template":
    case "order":
      return <Template attachment={attachment} />;
    case "heart":
      return (
        <span className="big-heart" role="img" aria-label="Heart">
          ❤️
        </span>
      );
    case "vanishing":
      return <Note icon={iconOf(shape)} text="A vanishing message: it can be seen in the app only." />;
    case "unsupported":
      return (
        <Note icon={iconOf(shape)} text={`${label}: the platform does not hand it out. It can be seen in the app.`} />
      );
  }
}

/** A link that leaves the page: it tells the other side neither who comes nor from where. */
export function Outside({
  href,
  children,
  className,
  label,
}: {
  href: string;
  children: ReactNode;
  className?: string;
  label?: string;
}) {
  return (
    <a
      href={href}
      target="_blank"
      rel="noopener noreferrer nofollow"
      referrerPolicy="no-referrer"
      className={className}
      aria-label={label}
    >
      {children}
    </a>
  );
}

function Placeholder({ attachment, expired }: { attachment: Attachment; expired: boolean }) {
  const shape = shapeOf(attachment);
  const why = expired ? "no longer available" : "not available";
  return (
    <span className={`placeholder placeholder-${shape}`}>
      <span aria-hidden="true" className="placeholder-icon">
        {iconOf(shape)}
      </span>
      <span dir="auto">{labelOf(attachment)}</span>
      <span className="placeholder-why">{why}</span>
    </span>
  );
}

function Picture(props: { url: string; label: string; title: string | null; isSticker: boolean; fallback: ReactNode }) {
  const [failed, setFailed] = useState(false);
  if (failed) return props.fallback;
  return (
    <Outside
      href={props.url}
      className={props.isSticker ? "media media-sticker" : "media"}
      label={`${props.label}${props.title ? `: ${props.title}` : ""} (opens in a new tab)`}
    >
      <img
        src={props.url}
        alt={props.title ?? props.label}
        loading="lazy"
        decoding="async"
        referrerPolicy="no-referrer"
        onError={() => setFailed(true)}
      />
    </Outside>
  );
}

/** A story, reel or post: platforms give a picture or a film under the same word, and the address does not tell. */
function Clip(props: { url: string; label: string; title: string | null; fallback: ReactNode }) {
  const [tried, setTried] = useState<"picture" | "film" | "neither">("picture");
  const title = props.title && (
    <span className="clip-title" dir="auto">
      {props.title}
    </span>
  );
  return (
    <>
      {tried === "picture" && (
        <Outside href={props.url} className="media media-clip" label={`${props.label} (opens in a new tab)`}>
          <img
            src={props.url}
            alt={props.label}
            loading="lazy"
            decoding="async"
            referrerPolicy="no-referrer"
            onError={() => setTried("film")}
          />
        </Outside>
      )}
      {tried === "film" && (
        <video
          className="media media-clip"
          src={props.url}
          controls
          preload="metadata"
          playsInline
          aria-label={props.label}
          onError={() => setTried("neither")}
        />
      )}
      {tried === "neither" && props.fallback}
      {title}
    </>
  );
}

function Video(props: { url: string; label: string; fallback: ReactNode }) {
  const [failed, setFailed] = useState(false);
  if (failed) return props.fallback;
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

function Audio(props: { url: string; label: string; fallback: ReactNode }) {
  const [failed, setFailed] = useState(false);
  if (failed) return props.fallback;
  return (
    <span className="audio">
      <span className="audio-label">🎧 {props.label}</span>
      <audio src={props.url} controls preload="none" aria-label={props.label} onError={() => setFailed(true)} />
    </span>
  );
}

function FileCard({ attachment, url, expired }: { attachment: Attachment; url: string | null; expired: boolean }) {
  const about = [
    attachment.mime_type?.split(";")[0]?.split("/").at(-1)?.toUpperCase(),
    attachment.size === null ? null : sizeText(attachment.size),
    url ? null : expired ? "no longer available" : "not available",
  ];
  const body = (
    <>
      <span aria-hidden="true" className="card-icon">
        📄
      </span>
      <span className="card-text">
        <bdi dir="auto" className="card-title">
          {labelOf(attachment)}
        </bdi>
        <span className="card-about">{about.filter(Boolean).join(" · ") || "File"}</span>
      </span>
    </>
  );
  return url ? (
    <Outside href={url} className="card">
      {body}
    </Outside>
  ) : (
    <span className="card card-dead">{body}</span>
  );
}

function Place({ attachment, url }: { attachment: Attachment; url: string | null }) {
  const place = attachment.coordinates;
  const where = addressOf(attachment) ?? (place ? `${place.latitude.toFixed(5)}, ${place.longitude.toFixed(5)}` : "");
  const body = (
    <>
      <span aria-hidden="true" className="card-icon">
        📍
      </span>
      <span className="card-text">
        <bdi dir="auto" className="card-title">
          {attachment.title ?? "Location"}
        </bdi>
        <span className="card-about" dir="auto">
          {where}
          {url ? " · open map" : ""}
        </span>
      </span>
    </>
  );
  return url ? (
    <Outside href={url} className="card">
      {body}
    </Outside>
  ) : (
    <span className="card">{body}</span>
  );
}

function Contacts({ attachment }: { attachment: Attachment }) {
  return (
    <>
      {cardsOf(attachment).map((card, index) => (
        <span className="card" key={index}>
          <span aria-hidden="true" className="card-icon">
            👤
          </span>
          <span className="card-text">
            <bdi dir="auto" className="card-title">
              {card.name}
            </bdi>
            <span className="card-about">{card.numbers.join(" · ") || "Contact"}</span>
          </span>
        </span>
      ))}
    </>
  );
}

function LinkCard({ url, title }: { url: string | null; title: string }) {
  const body = (
    <>
      <span aria-hidden="true" className="card-icon">
        🔗
      </span>
      <span className="card-text">
        <bdi dir="auto" className="card-title">
          {title}
        </bdi>
        <span className="card-about">{url ? new URL(url).host : "Link"}</span>
      </span>
    </>
  );
  return url ? (
    <Outside href={url} className="card">
      {body}
    </Outside>
  ) : (
    <span className="card">{body}</span>
  );
}

function Template({ attachment }: { attachment: Attachment }) {
  const { elements, buttons } = elementsOf(attachment);
  const shown = elements.length > 0 ? elements : [{ title: attachment.title, subtitle: null, imageUrl: null }];
  return (
    <span className="template">
      {shown.map((element, index) => {
        const picture = safeUrl(element.imageUrl, window.location.origin);
        return (
          <span className="template-element" key={index}>
            {picture && (
              <img
                src={picture}
                alt=""
                width="56"
                height="56"
                loading="lazy"
                decoding="async"
                referrerPolicy="no-referrer"
              />
            )}
            <span className="card-text">
              <bdi dir="auto" className="card-title">
                {element.title ?? labelOf(attachment)}
              </bdi>
              {element.subtitle && (
                <bdi dir="auto" className="card-about">
                  {element.subtitle}
                </bdi>
              )}
            </span>
          </span>
        );
      })}
      {buttons.map((button, index) => (
        <span className="template-button" dir="auto" key={index}>
          {button}
        </span>
      ))}
    </span>
  );
}

function Labelled({ label, icon, children }: { label: string; icon: string; children: ReactNode }) {
  return (
    <span className="labelled">
      <span className="labelled-name">
        <span aria-hidden="true">{icon}</span> {label}
      </span>
      {children}
    </span>
  );
}

function Note({ icon, text }: { icon: string; text: string }) {
  return (
    <span className="attachment-note">
      <span aria-hidden="true">{icon}</span> {text}
    </span>
  );
}
