/** When the server wants somebody back (RFC 9110, 10.2.3). */

/** Return milliseconds, or `null` where it does not say: a date counts as that, since clocks differ. */
export function retryAfterMs(headers: Headers): number | null {
  const said = headers.get("Retry-After")?.trim() ?? "";
  return /^\d+$/.test(said) ? Number(said) * 1000 : null;
}
