import type { ReactNode } from "react";

type Props = {
  readonly href: string;
  readonly children: ReactNode;
  readonly className?: string;
  readonly label?: string;
};

/** A link to another site, in a new tab. The other site learns neither the page nor its URL. */
export function ExternalLink({ href, children, className, label }: Props) {
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
