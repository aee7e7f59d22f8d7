/** The `Retry-After` header (RFC 9110, section 10.2.3). */

/** Return the delay in milliseconds; `null` if there is none. Dates are ignored, because clocks differ. */
export function retryAfterMs(headers: Headers): number | null {
  const value = headers.get("Retry-After")?.trim() ?? "";
  return /^\d+$/.test(value) ? Number(value) * 1000 : null;
}
