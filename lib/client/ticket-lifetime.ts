/**
 * How long a fresh ticket lives. The answer that brings it names the end in wall-clock time, which
 * a machine without a clock can't use; the ticket itself says when it was made, too. Nothing is
 * verified here: a client that is lied to renews too early or too late, and no more. Source:
 * PROTOCOL.md section 4.
 *
 * @module
 */

import { decodeBase64Url } from "../base/base64url.ts";

const lifetimeMaxMs = 86_400_000;
const ticketCharactersMax = 8_192;

/**
 * Milliseconds from its making to its end, or `undefined` if that can't be known: then the ticket
 * is used until it is refused.
 *
 * @param expires the field of that name; a small number is a lifetime, as some servers send it
 *
 * @example
 * ```ts
 * const lifetimeMs = ticketLifetimeMs(reply.ticket, reply.expires);
 * ```
 */
export function ticketLifetimeMs(ticket: string, expires: string): number | undefined {
  const seconds = lifetimeInClaims(ticket) ?? Number(expires);
  const ms = seconds * 1000;
  return ms > 0 && ms <= lifetimeMaxMs ? ms : undefined;
}

function lifetimeInClaims(ticket: string): number | undefined {
  const payload = ticket.length > ticketCharactersMax ? undefined : ticket.split(".")[1];
  const bytes = payload === undefined ? undefined : decodeBase64Url(payload);
  if (bytes === undefined) return undefined;
  try {
    // Names may be garbled by this, the two numbers are not.
    const text = Array.from(bytes, (byte) => String.fromCharCode(byte)).join("");
    const claims: unknown = JSON.parse(text);
    if (typeof claims !== "object" || claims === null) return undefined;
    const { iat, exp } = claims as { readonly iat?: unknown; readonly exp?: unknown };
    return typeof iat === "number" && typeof exp === "number" ? exp - iat : undefined;
  } catch {
    return undefined;
  }
}
