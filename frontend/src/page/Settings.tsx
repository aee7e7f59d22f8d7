import { useConnectionStatus, useInboxClient } from "@switchboard/client/react";
import { useEffect, useRef, useState } from "react";

import type { Account } from "../model";
import { platformName } from "../core/names";
import { GearIcon, WarningIcon } from "../ui/Icons";
import { prefer, type Theme, usePreferences } from "./preferences";

/** Whether what is shown is live: exactly Live, Connecting… or Offline. */
export function ConnectionIndicator() {
  const { phase, reason } = useConnectionStatus();
  const client = useInboxClient();
  const [state, word] =
    phase === "live"
      ? ["live", "Live"]
      : phase === "connecting" || reason === "stopped"
        ? ["connecting", "Connecting…"]
        : ["offline", "Offline"];
  return (
    <span className="connection-place">
      <span className={`connection connection-${state}`} role="status" aria-label="Connection">
        <span className="dot" aria-hidden="true" />
        <span data-testid="connection">{word}</span>
      </span>
      {state === "offline" && (
        <button type="button" className="link" onClick={() => client.reconnect()}>
          Try now
        </button>
      )}
    </span>
  );
}

/** Accounts that need somebody: one sentence each. */
export function AccountBanner({ accounts }: { accounts: readonly Account[] }) {
  const broken = accounts.filter((account) => account.status === "needs_reauthorization");
  if (broken.length === 0) return null;
  return (
    <div className="banner" role="alert">
      <WarningIcon />
      <ul>
        {broken.map((account) => (
          <li key={`${account.platform} ${account.page_id}`}>
            <strong>
              <bdi dir="auto">{account.name ?? account.page_id}</bdi>
            </strong>{" "}
            ({platformName(account.platform)}) has to be connected again:{" "}
            {account.reason ?? "the platform no longer accepts its access."}
          </li>
        ))}
      </ul>
    </div>
  );
}

const THEMES: readonly (readonly [Theme, string])[] = [
  ["system", "As the system"],
  ["light", "Light"],
  ["dark", "Dark"],
];

/** Theme, sound, notifications; and which keys there are. */
export function Settings() {
  const [isOpen, setOpen] = useState(false);
  const { theme, sound, notifications } = usePreferences();
  const place = useRef<HTMLDivElement>(null);
  const button = useRef<HTMLButtonElement>(null);
  useEffect(() => {
    if (!isOpen) return;
    const leave = (event: PointerEvent) => {
      if (event.target instanceof Node && !place.current?.contains(event.target)) setOpen(false);
    };
    document.addEventListener("pointerdown", leave);
    return () => document.removeEventListener("pointerdown", leave);
  }, [isOpen]);
  const wantNotifications = async (wanted: boolean) => {
    const may = wanted && "Notification" in window && (await Notification.requestPermission()) === "granted";
    prefer({ notifications: may });
  };
  return (
    <div
      className="settings"
      ref={place}
      onKeyDown={(event) => {
        if (event.key !== "Escape" || !isOpen) return;
        event.stopPropagation();
        setOpen(false);
        button.current?.focus();
      }}
    >
      <button
        ref={button}
        type="button"
        className="icon-button"
        aria-label="Settings"
        aria-expanded={isOpen}
        aria-controls="settings"
        onClick={() => setOpen(!isOpen)}
      >
        <GearIcon />
      </button>
      {isOpen && (
        <div className="settings-box" id="settings" role="group" aria-label="Settings">
          <fieldset>
            <legend>Colours</legend>
            {THEMES.map(([value, name]) => (
              <label key={value}>
                <input type="radio" name="theme" checked={theme === value} onChange={() => prefer({ theme: value })} />{" "}
                {name}
              </label>
            ))}
          </fieldset>
          <fieldset>
            <legend>New messages</legend>
            <label>
              <input type="checkbox" checked={sound} onChange={(event) => prefer({ sound: event.target.checked })} />{" "}
              Play a sound
            </label>
            <label>
              <input
                type="checkbox"
                checked={notifications}
                onChange={(event) => void wantNotifications(event.target.checked)}
              />{" "}
              Show a notification
            </label>
          </fieldset>
          <p className="keys">
            <kbd>j</kbd> <kbd>k</kbd> down, up · <kbd>Enter</kbd> open · <kbd>/</kbd> search · <kbd>Esc</kbd> back
          </p>
        </div>
      )}
    </div>
  );
}
