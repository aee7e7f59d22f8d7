/** Attachments that are shown as a card: files, locations, contacts, links, templates. */

import type { ReactNode } from "react";

import { contactCards, iconOf, kindOf, labelOf, locationAddress, templateElements } from "../core/attachments";
import { formatSize } from "../core/timeFormat";
import type { Attachment } from "../model";
import { ExternalLink } from "../ui/ExternalLink";
import { useMediaUrl } from "../ui/MediaHosts";

/** Return the type and size of a file, such as "PDF · 1.4 MB". */
export function fileDetails(attachment: Attachment): string[] {
  const type = attachment.mime_type?.split(";")[0]?.split("/").at(-1)?.toUpperCase();
  return [type, attachment.size === null ? null : formatSize(attachment.size)].filter((part) => part != null);
}

export function Placeholder({ attachment, reason }: { attachment: Attachment; reason: string }) {
  const kind = kindOf(attachment);
  return (
    <span className={`placeholder placeholder-${kind}`}>
      <span aria-hidden="true" className="placeholder-icon">
        {iconOf(kind)}
      </span>
      <span dir="auto">{labelOf(attachment)}</span>
      <span className="placeholder-why">{reason}</span>
    </span>
  );
}

type FileCardProps = {
  readonly attachment: Attachment;
  readonly url: string | null;
  /** Why there is no `url`. */
  readonly unavailable: string;
};

export function FileCard({ attachment, url, unavailable }: FileCardProps) {
  const details = [...fileDetails(attachment), ...(url ? [] : [unavailable])];
  return (
    <Card
      url={url}
      className={url ? "card" : "card card-dead"}
      icon="📄"
      title={labelOf(attachment)}
      details={details.join(" · ") || "File"}
    />
  );
}

/** A picture, video or sound on a host that is none of the platforms': opened by a click, never loaded by the page. */
export function ForeignCard({ attachment, url }: { attachment: Attachment; url: string }) {
  const details = `${new URL(url).host} · Opens in a new tab`;
  return <Card url={url} icon={iconOf(kindOf(attachment))} title={labelOf(attachment)} details={details} />;
}

export function LocationCard({ attachment, url }: { attachment: Attachment; url: string | null }) {
  const { coordinates } = attachment;
  const position = coordinates && `${coordinates.latitude.toFixed(5)}, ${coordinates.longitude.toFixed(5)}`;
  const details = [locationAddress(attachment) ?? position, url && "Open map"];
  return (
    <Card url={url} icon="📍" title={attachment.title ?? "Location"} details={details.filter(Boolean).join(" · ")} />
  );
}

export function ContactCards({ attachment }: { attachment: Attachment }) {
  return contactCards(attachment).map((card, index) => (
    <Card key={index} url={null} icon="👤" title={card.name} details={card.numbers.join(" · ") || "Contact"} />
  ));
}

export function LinkCard({ url, title }: { url: string | null; title: string }) {
  return <Card url={url} icon="🔗" title={title} details={url ? new URL(url).host : "Link"} />;
}

export function TemplateCard({ attachment }: { attachment: Attachment }) {
  const { elements, buttons } = templateElements(attachment);
  const shown = elements.length > 0 ? elements : [{ title: attachment.title, subtitle: null, imageUrl: null }];
  return (
    <span className="template">
      {shown.map((element, index) => (
        <span className="template-element" key={index}>
          <TemplatePicture address={element.imageUrl} />
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
      ))}
      {buttons.map((button, index) => (
        <span className="template-button" dir="auto" key={index}>
          {button}
        </span>
      ))}
    </span>
  );
}

function TemplatePicture({ address }: { address: string | null }) {
  const picture = useMediaUrl(address);
  if (!picture?.isLoaded) return null;
  return (
    <img src={picture.url} alt="" width="56" height="56" loading="lazy" decoding="async" referrerPolicy="no-referrer" />
  );
}

/** Content with its kind above it, such as "Story". */
export function Labelled({ label, icon, children }: { label: string; icon: string; children: ReactNode }) {
  return (
    <span className="labelled">
      <span className="labelled-name">
        <span aria-hidden="true">{icon}</span> {label}
      </span>
      {children}
    </span>
  );
}

/** A sentence in the place of content that cannot be shown. */
export function Note({ icon, text }: { icon: string; text: string }) {
  return (
    <span className="attachment-note">
      <span aria-hidden="true">{icon}</span> {text}
    </span>
  );
}

type CardProps = {
  /** Where the card leads; null for nowhere. */
  readonly url: string | null;
  readonly icon: string;
  readonly title: string;
  readonly details: string;
  readonly className?: string;
};

function Card({ url, icon, title, details, className = "card" }: CardProps) {
  const body = (
    <>
      <span aria-hidden="true" className="card-icon">
        {icon}
      </span>
      <span className="card-text">
        <bdi dir="auto" className="card-title">
          {title}
        </bdi>
        <span className="card-about" dir="auto">
          {details}
        </span>
      </span>
    </>
  );
  if (url === null) return <span className={className}>{body}</span>;
  return (
    <ExternalLink href={url} className={className}>
      {body}
    </ExternalLink>
  );
}
