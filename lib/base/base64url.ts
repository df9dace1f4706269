/**
 * Base64url without padding (RFC 4648 section 5, RFC 7515 section 2): what tickets are written in.
 * Strict: a text that another encoder would have written differently is refused, so that one
 * ticket has one spelling.
 *
 * @module
 */

const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
const bitsOf: ReadonlyMap<string, number> = new Map([...alphabet].map((sign, at) => [sign, at]));

/**
 * The bytes as base64url, without padding.
 *
 * @example
 * ```ts
 * encodeBase64Url(Uint8Array.of(255, 239)); // "_-8"
 * ```
 */
export function encodeBase64Url(bytes: Uint8Array): string {
  let text = "";
  let bits = 0;
  let held = 0;
  for (const byte of bytes) {
    held = (held << 8) | byte;
    for (bits += 8; bits >= 6; bits -= 6) text += alphabet[(held >>> (bits - 6)) & 63];
    held &= (1 << bits) - 1;
  }
  return bits === 0 ? text : text + alphabet[(held << (6 - bits)) & 63];
}

/**
 * The bytes that the text stands for, or `undefined`: for a foreign sign, padding, a length that no
 * bytes have, or bits left over that are not zero.
 *
 * @example
 * ```ts
 * decodeBase64Url("_-8"); // Uint8Array.of(255, 239)
 * decodeBase64Url("_-8="); // undefined
 * ```
 */
export function decodeBase64Url(text: string): Uint8Array | undefined {
  if (text.length % 4 === 1) return undefined;
  const bytes = new Uint8Array(Math.floor((text.length * 3) / 4));
  let bits = 0;
  let held = 0;
  let length = 0;
  for (const sign of text) {
    const value = bitsOf.get(sign);
    if (value === undefined) return undefined;
    held = (held << 6) | value;
    bits += 6;
    if (bits < 8) continue;
    bits -= 8;
    bytes[length++] = held >>> bits;
    held &= (1 << bits) - 1;
  }
  return held === 0 ? bytes : undefined;
}
