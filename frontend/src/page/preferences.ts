/** The preferences of this browser: theme, sound, notifications. */

import { useSyncExternalStore } from "react";

export type Theme = "system" | "light" | "dark";
export type Preferences = { readonly theme: Theme; readonly sound: boolean; readonly notifications: boolean };

const KEY = "switchboard.preferences";
const DEFAULTS: Preferences = { theme: "system", sound: false, notifications: false };

let current: Preferences = DEFAULTS;
const listeners = new Set<() => void>();

/** Load the preferences, and follow changes of other tabs. Call once. */
export function loadPreferences(): void {
  current = read();
  apply();
  window.addEventListener("storage", (event) => {
    if (event.key !== KEY) return;
    current = read();
    apply();
  });
}

export function usePreferences(): Preferences {
  return useSyncExternalStore(subscribe, () => current);
}

export function preferences(): Preferences {
  return current;
}

export function updatePreferences(change: Partial<Preferences>): void {
  current = { ...current, ...change };
  try {
    window.localStorage.setItem(KEY, JSON.stringify(current));
  } catch {
    // storage is denied: the change lasts until the page closes
  }
  apply();
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

function apply(): void {
  if (current.theme === "system") delete document.documentElement.dataset["theme"];
  else document.documentElement.dataset["theme"] = current.theme;
  for (const listener of listeners) listener();
}

function read(): Preferences {
  try {
    const found: unknown = JSON.parse(window.localStorage.getItem(KEY) ?? "{}");
    const { theme, sound, notifications } = found as Record<string, unknown>;
    return {
      theme: theme === "light" || theme === "dark" ? theme : "system",
      sound: sound === true,
      notifications: notifications === true,
    };
  } catch {
    return DEFAULTS;
  }
}
