import { type KeyboardEvent, useEffect, useRef, useState } from "react";

import { GearIcon } from "../ui/Icons";
import { type Theme, updatePreferences, usePreferences } from "./preferences";

const THEMES: readonly (readonly [Theme, string])[] = [
  ["system", "System"],
  ["light", "Light"],
  ["dark", "Dark"],
];

/** The settings button and its box. */
export function Settings() {
  const [isOpen, setOpen] = useState(false);
  const rootRef = useRef<HTMLDivElement>(null);
  const buttonRef = useRef<HTMLButtonElement>(null);
  useEffect(() => {
    if (!isOpen) return;
    const onPointerDown = (event: PointerEvent) => {
      if (event.target instanceof Node && !rootRef.current?.contains(event.target)) setOpen(false);
    };
    document.addEventListener("pointerdown", onPointerDown);
    return () => document.removeEventListener("pointerdown", onPointerDown);
  }, [isOpen]);
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key !== "Escape" || !isOpen) return;
    event.stopPropagation();
    setOpen(false);
    buttonRef.current?.focus();
  };
  return (
    <div className="settings" ref={rootRef} onKeyDown={onKeyDown}>
      <button
        ref={buttonRef}
        type="button"
        className="icon-button"
        aria-label="Settings"
        aria-expanded={isOpen}
        aria-controls="settings"
        onClick={() => setOpen(!isOpen)}
      >
        <GearIcon />
      </button>
      {isOpen && <SettingsBox />}
    </div>
  );
}

/** Theme, sound and notifications, and the list of shortcuts. */
function SettingsBox() {
  const { theme, sound, notifications } = usePreferences();
  const setNotifications = async (isWanted: boolean) => {
    const isAllowed = isWanted && "Notification" in window && (await Notification.requestPermission()) === "granted";
    updatePreferences({ notifications: isAllowed });
  };
  return (
    <div className="settings-box" id="settings" role="group" aria-label="Settings">
      <fieldset>
        <legend>Theme</legend>
        {THEMES.map(([value, name]) => (
          <label key={value}>
            <input
              type="radio"
              name="theme"
              checked={theme === value}
              onChange={() => updatePreferences({ theme: value })}
            />{" "}
            {name}
          </label>
        ))}
      </fieldset>
      <fieldset>
        <legend>New messages</legend>
        <label>
          <input
            type="checkbox"
            checked={sound}
            onChange={(event) => updatePreferences({ sound: event.target.checked })}
          />{" "}
          Play a sound
        </label>
        <label>
          <input
            type="checkbox"
            checked={notifications}
            onChange={(event) => void setNotifications(event.target.checked)}
          />{" "}
          Show notifications
        </label>
      </fieldset>
      <p className="keys">
        <kbd>j</kbd> <kbd>k</kbd> next, previous · <kbd>Enter</kbd> open · <kbd>/</kbd> search · <kbd>Esc</kbd> back
      </p>
    </div>
  );
}
