/** Formats for times and sizes. Pure: the current time is an argument; time zone and language are fixed per formatter. */

export type TimeFormat = {
  /** 14:05 */
  time(iso: string): string;
  /** Sunday, 22 November 2026 */
  full(iso: string): string;
  /** Today, Yesterday, Friday, 3 November, 3 November 2025 */
  day(iso: string, nowMs: number): string;
  /** now, 14:05, Yesterday, Fri, 3 Nov, 03/11/2025: short, for lists */
  short(iso: string, nowMs: number): string;
  /** 2026-11-22: the date in the reader's time zone. */
  dayKey(iso: string): string;
};

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;

/** Return formatters for a language and a time zone; both default to the browser's. */
export function createTimeFormat(locale?: string, timeZone?: string): TimeFormat {
  const zone = timeZone ? { timeZone } : {};
  const make = (options: Intl.DateTimeFormatOptions) => new Intl.DateTimeFormat(locale, { ...options, ...zone });
  const clock = make({ hour: "2-digit", minute: "2-digit" });
  const full = make({ dateStyle: "full", timeStyle: "short" });
  const weekday = make({ weekday: "long" });
  const weekdayShort = make({ weekday: "short" });
  const dayMonth = make({ day: "numeric", month: "long" });
  const dayMonthShort = make({ day: "numeric", month: "short" });
  const dayMonthYear = make({ day: "numeric", month: "long", year: "numeric" });
  const numeric = make({ day: "2-digit", month: "2-digit", year: "numeric" });
  const relative = new Intl.RelativeTimeFormat(locale, { numeric: "auto" });
  const parts = new Intl.DateTimeFormat("en-CA", { year: "numeric", month: "2-digit", day: "2-digit", ...zone });
  const key = (ms: number) => parts.format(ms);
  const year = (ms: number) => key(ms).slice(0, 4);
  const capital = (word: string) => word.charAt(0).toLocaleUpperCase(locale) + word.slice(1);
  /** The number of calendar days between two times. */
  const daysAgo = (ms: number, nowMs: number) => Math.round((Date.parse(key(nowMs)) - Date.parse(key(ms))) / DAY_MS);

  return {
    time: (iso) => clock.format(Date.parse(iso)),
    full: (iso) => full.format(Date.parse(iso)),
    dayKey: (iso) => key(Date.parse(iso)),
    day: (iso, nowMs) => {
      const ms = Date.parse(iso);
      const days = daysAgo(ms, nowMs);
      if (days === 0 || days === 1) return capital(relative.format(-days, "day"));
      if (days > 1 && days < 7) return capital(weekday.format(ms));
      return year(ms) === year(nowMs) ? dayMonth.format(ms) : dayMonthYear.format(ms);
    },
    short: (iso, nowMs) => {
      const ms = Date.parse(iso);
      const days = daysAgo(ms, nowMs);
      if (nowMs - ms < MINUTE_MS && days <= 0) return relative.format(0, "second");
      if (days <= 0) return clock.format(ms);
      if (days === 1) return capital(relative.format(-1, "day"));
      if (days < 7) return weekdayShort.format(ms);
      return year(ms) === year(nowMs) ? dayMonthShort.format(ms) : numeric.format(ms);
    },
  };
}

const UNITS = ["byte", "kilobyte", "megabyte", "gigabyte"] as const;

/** Return a size in bytes as text, such as "1.4 MB". */
export function formatSize(bytes: number, locale?: string): string {
  let value = bytes;
  let unit = 0;
  while (value >= 1000 && unit < UNITS.length - 1) {
    value /= 1000;
    unit += 1;
  }
  const maximumFractionDigits = value < 10 && unit > 0 ? 1 : 0;
  return new Intl.NumberFormat(locale, {
    style: "unit",
    unit: UNITS[unit] ?? "byte",
    unitDisplay: unit ? "short" : "long",
    maximumFractionDigits,
  }).format(value);
}
