/** The icons of the page. All are decorative: text beside them carries the meaning. */

import type { ReactNode } from "react";

function Icon({ children, size = 20 }: { children: ReactNode; size?: number }) {
  return (
    <svg
      aria-hidden="true"
      focusable="false"
      width={size}
      height={size}
      viewBox="0 0 24 24"
      fill="none"
      stroke="currentColor"
      strokeWidth="2"
      strokeLinecap="round"
      strokeLinejoin="round"
    >
      {children}
    </svg>
  );
}

export const SearchIcon = () => (
  <Icon size={18}>
    <circle cx="11" cy="11" r="7" />
    <path d="m20 20-3.5-3.5" />
  </Icon>
);
export const BackIcon = () => (
  <Icon>
    <path d="M15 18l-6-6 6-6" />
  </Icon>
);
export const CloseIcon = () => (
  <Icon size={18}>
    <path d="M6 6l12 12M18 6 6 18" />
  </Icon>
);
export const PersonIcon = () => (
  <Icon>
    <circle cx="12" cy="8" r="4" />
    <path d="M4 21c1.5-4 4.5-6 8-6s6.500 2 8 6" />
  </Icon>
);
export const GearIcon = () => (
  <Icon>
    <path d="M4 7h10M18 7h2M4 17h2M10 17h10" />
    <circle cx="16" cy="7" r="2" />
    <circle cx="8" cy="17" r="2" />
  </Icon>
);
export const DownIcon = () => (
  <Icon size={18}>
    <path d="M12 5v14M6 13l6 6 6-6" />
  </Icon>
);
export const WarningIcon = () => (
  <Icon size={18}>
    <path d="M12 3 2 20h20L12 3z" />
    <path d="M12 10v4M12 17v.01" />
  </Icon>
);
export const TickIcon = () => (
  <Icon size={14}>
    <path d="M5 13l4 4L19 7" />
  </Icon>
);
export const TicksIcon = () => (
  <Icon size={16}>
    <path d="M1 13l4 4L15 7M10 16l1 1L22 7" />
  </Icon>
);

/** The platform's symbol on its colour. The name is for screen readers and tooltips. */
export function PlatformMark({ platform, name }: { platform: string; name: string }) {
  return (
    <span
      className={`mark mark-${platform === "facebook" || platform === "instagram" || platform === "whatsapp" ? platform : "other"}`}
      title={name}
    >
      <svg
        aria-hidden="true"
        focusable="false"
        viewBox="0 0 16 16"
        width="11"
        height="11"
        fill="none"
        stroke="currentColor"
        strokeWidth="1.800"
        strokeLinecap="round"
        strokeLinejoin="round"
      >
        {platform === "facebook" && <path d="m3 10 3-3.500 2.500 2L13 5" />}
        {platform === "instagram" && (
          <>
            <rect x="2.500" y="2.500" width="11" height="11" rx="3" />
            <circle cx="8" cy="8" r="2.500" />
          </>
        )}
        {platform === "whatsapp" && (
          <path d="M5 3.500c-1.500 1-1.500 3 .5 5.500s4.500 4 6 3l1-1.500-2-1.500-1 .8c-1-.4-2.200-1.600-2.600-2.600l.8-1-1.400-2z" />
        )}
        {platform !== "facebook" && platform !== "instagram" && platform !== "whatsapp" && (
          <circle cx="8" cy="8" r="4" />
        )}
      </svg>
      <span className="visually-hidden">{name}</span>
    </span>
  );
}
