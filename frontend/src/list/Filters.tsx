import type { Platform } from "../model";

const PLATFORMS: readonly (readonly [Platform | undefined, string])[] = [
  [undefined, "All"],
  ["facebook", "Messenger"],
  ["instagram", "Instagram"],
  ["whatsapp", "WhatsApp"],
];

type Props = {
  readonly platform: Platform | undefined;
  readonly isUnreadOnly: boolean;
  readonly onPlatform: (platform: Platform | undefined) => void;
  readonly onUnreadOnly: (isUnreadOnly: boolean) => void;
};

/** Buttons that filter the list by platform, and by unread. */
export function Filters({ platform, isUnreadOnly, onPlatform, onUnreadOnly }: Props) {
  return (
    <div className="filters" role="group" aria-label="Filters">
      {PLATFORMS.map(([value, name]) => (
        <button
          key={name}
          type="button"
          className="chip"
          aria-pressed={platform === value}
          onClick={() => onPlatform(value)}
        >
          {name}
        </button>
      ))}
      <button
        type="button"
        className="chip chip-unread"
        aria-pressed={isUnreadOnly}
        onClick={() => onUnreadOnly(!isUnreadOnly)}
      >
        Unread
      </button>
    </div>
  );
}
