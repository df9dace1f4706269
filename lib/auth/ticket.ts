/**
 * Login tickets: JSON Web Tokens (RFC 7519) signed with Ed25519 (RFC 8037). Whoever holds a key can
 * issue them, our own authentication server or another identity provider; chat servers only read.
 * No clock and no key file here: the time is an argument, signing and checking are functions that a
 * host may replace by faster ones. Source: PROTOCOL.md section 4.
 *
 * @module
 */

import nacl from "tweetnacl";
import * as v from "valibot";
import { decodeBase64Url, encodeBase64Url } from "../base/base64url.ts";
import type { Identity } from "../base/ids.ts";
import { failure, type Result, success } from "../base/result.ts";
import { identityField, usernameField } from "../wire/fields.ts";

declare class TextEncoder {
  encode(text: string): Uint8Array;
}
declare class TextDecoder {
  constructor(label: string, options: { fatal: boolean; ignoreBOM: boolean });
  decode(bytes: Uint8Array): string;
}

const toUtf8 = new TextEncoder();
const fromUtf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** The longest ticket that is looked at, in characters. */
export const ticketCharactersMax: number = 4096;
/** How wrong two clocks may be against each other, in seconds. */
export const clockToleranceSeconds: number = 30;
/** How far ahead a ticket may expire, in seconds: longer ones are too dangerous to lose. */
export const ticketSecondsAheadMax: number = 24 * 3600;
/** The audience a chat server takes itself for when nothing else is configured. */
export const defaultAudience: string = "chat";

/** What a ticket proves. Times are seconds since 1970. */
export interface TicketClaims {
  readonly username: string;
  /** The one identity the ticket is good for. */
  readonly identity: Identity;
  readonly expiresAt: number;
  /** When the password was given; a renewed ticket keeps it. */
  readonly authTime?: number;
  /** The ticket's own name, fit for logs (the ticket itself never is). */
  readonly ticketId?: string;
}

/** What a new ticket is to say. Times are seconds since 1970. */
export interface TicketContent extends TicketClaims {
  readonly issuer: string;
  readonly issuedAt: number;
  readonly authTime: number;
  readonly ticketId: string;
}

/** Why a ticket is not accepted. */
export type TicketRefusal = "ticket-invalid" | "ticket-expired";

/** Signs bytes with the one private key: 64 bytes come back. */
export type SignBytes = (bytes: Uint8Array) => Uint8Array;

/** Whether the signature over the bytes is that of any of the known keys. */
export type VerifyBytes = (bytes: Uint8Array, signature: Uint8Array) => boolean;

/** How a ticket is to be read. */
export interface TicketCheck {
  /** The wall-clock time in seconds since 1970. */
  readonly unixSeconds: number;
  readonly verify: VerifyBytes;
  /** Who we are, should the ticket name an audience; `chat` when absent. */
  readonly audience?: string;
}

/**
 * A signer on any runtime, from the 32 bytes of a private key (RFC 8037: `d`).
 *
 * @example
 * ```ts
 * const sign = portableSigner(crypto.getRandomValues(new Uint8Array(32)));
 * ```
 */
export function portableSigner(privateKey: Uint8Array): SignBytes {
  const { secretKey } = nacl.sign.keyPair.fromSeed(privateKey);
  return (bytes) => nacl.sign.detached(bytes, secretKey);
}

/**
 * A verifier on any runtime, from public keys of 32 bytes each (RFC 8037: `x`). It takes some
 * milliseconds for each key; a host with native cryptography should bring its own.
 *
 * @example
 * ```ts
 * const verify = portableVerifier([publicKey]);
 * ```
 */
export function portableVerifier(publicKeys: readonly Uint8Array[]): VerifyBytes {
  return (bytes, signature) =>
    signature.length === nacl.sign.signatureLength &&
    publicKeys.some((key) => nacl.sign.detached.verify(bytes, signature, key));
}

/**
 * Writes and signs a ticket.
 *
 * @example
 * ```ts
 * const ticket = signTicket(
 *   { issuer: "auth", username: "ann", identity: "ann" as Identity, issuedAt: now,
 *     expiresAt: now + 600, authTime: now, ticketId: "7Qk0" },
 *   portableSigner(privateKey),
 * );
 * ```
 */
export function signTicket(content: TicketContent, sign: SignBytes): string {
  const claims = {
    iss: content.issuer,
    sub: content.username,
    identity: content.identity,
    iat: content.issuedAt,
    exp: content.expiresAt,
    jti: content.ticketId,
    auth_time: content.authTime,
  };
  const signed = `${encodeJson({ alg: "EdDSA", typ: "JWT" })}.${encodeJson(claims)}`;
  return `${signed}.${encodeBase64Url(sign(toUtf8.encode(signed)))}`;
}

/**
 * Reads a ticket and says what it proves. Nothing of it is believed before its signature is right,
 * so only the holder of a key can learn more than `ticket-invalid`.
 *
 * @example
 * ```ts
 * const claims = readTicket(text, { unixSeconds, verify: portableVerifier([publicKey]) });
 * if (claims.ok) console.log(claims.value.username);
 * ```
 */
export function readTicket(
  ticket: string,
  { unixSeconds, verify, audience = defaultAudience }: TicketCheck,
): Result<TicketClaims, TicketRefusal> {
  const claims = signedClaims(ticket, verify);
  if (claims === undefined) return failure("ticket-invalid");
  const earlyBy = (claims.nbf ?? unixSeconds) - unixSeconds;
  const aheadBy = claims.exp - unixSeconds;
  const meant = claims.aud === undefined || [claims.aud].flat().includes(audience);
  if (!meant || earlyBy > clockToleranceSeconds) return failure("ticket-invalid");
  if (aheadBy > ticketSecondsAheadMax + clockToleranceSeconds) return failure("ticket-invalid");
  if (aheadBy <= -clockToleranceSeconds) return failure("ticket-expired");
  return success({
    username: claims.sub,
    identity: claims.identity,
    expiresAt: claims.exp,
    ...(claims.auth_time === undefined ? {} : { authTime: claims.auth_time }),
    ...(claims.jti === undefined ? {} : { ticketId: claims.jti }),
  });
}

/**
 * The whole check of a login: the ticket is good, and it is bound to the identity asked for.
 *
 * @example
 * ```ts
 * const claims = checkTicket(message.ticket, message.identity, { unixSeconds, verify });
 * if (!claims.ok) refuse(claims.error);
 * ```
 */
export function checkTicket(
  ticket: string,
  identity: string,
  check: TicketCheck,
): Result<TicketClaims, TicketRefusal> {
  const claims = readTicket(ticket, check);
  return claims.ok && claims.value.identity !== identity ? failure("ticket-invalid") : claims;
}

const time = v.pipe(v.number(), v.finite());
const headerSchema = v.object({
  alg: v.literal("EdDSA"),
  // Who does not know a critical extension can't obey it (RFC 7515 section 4.1.11).
  crit: v.optional(v.never()),
});
const claimsSchema = v.object({
  sub: usernameField,
  identity: identityField,
  exp: time,
  nbf: v.exactOptional(time),
  aud: v.exactOptional(v.union([v.string(), v.array(v.string())])),
  auth_time: v.exactOptional(time),
  jti: v.exactOptional(v.string()),
});

function signedClaims(
  ticket: string,
  verify: VerifyBytes,
): v.InferOutput<typeof claimsSchema> | undefined {
  if (ticket.length > ticketCharactersMax) return undefined;
  const [header, claims, signature, ...more] = ticket.split(".");
  if (header === undefined || claims === undefined || signature === undefined) return undefined;
  if (more.length > 0 || !v.is(headerSchema, decodeJson(header))) return undefined;
  const signatureBytes = decodeBase64Url(signature);
  if (signatureBytes === undefined || signatureBytes.length !== 64) return undefined;
  if (!verify(toUtf8.encode(`${header}.${claims}`), signatureBytes)) return undefined;
  const parsed = v.safeParse(claimsSchema, decodeJson(claims));
  return parsed.success ? parsed.output : undefined;
}

function encodeJson(value: object): string {
  return encodeBase64Url(toUtf8.encode(JSON.stringify(value)));
}

/** `undefined` for whatever is not base64url of UTF-8 of JSON. */
function decodeJson(text: string): unknown {
  const bytes = decodeBase64Url(text);
  if (bytes === undefined) return undefined;
  try {
    return JSON.parse(fromUtf8.decode(bytes));
  } catch {
    return undefined;
  }
}
