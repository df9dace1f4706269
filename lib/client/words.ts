/**
 * Text that may be put on a screen: remote text without what could steer a terminal or forge a
 * line, and the reasons of refusals in words. Source: PROTOCOL.md section 10.
 *
 * @module
 */

const ESC = "\u001b";
const BEL = "\u0007";
const ST = "\u009c";

/** Whole escape sequences, so that not even their harmless-looking rest is left behind. */
const escapeSequences = new RegExp(
  [
    // Cursor, colours, modes.
    `(?:${ESC}\\[|\u009b)[0-?]*[ -/]*[@-~]?`,
    // Titles, links, clipboard; ended by BEL or ST, or not at all.
    `(?:${ESC}[\\]PX^_]|[\u009d\u0090\u0098\u009e\u009f])[^${BEL}${ESC}${ST}]*`,
    `${ESC}[ -/]*[0-~]?`,
  ].join("|"),
  "g",
);

/** What ends a line somewhere, and blanks of odd width: one blank each. */
const separators = /\r\n|[\t-\r\u0085\u2028\u2029]/g;

/** Controls, half characters, marks of direction, and what takes no room or only looks like it. */
const unseen = new RegExp(
  [
    "[\\p{Cc}\\p{Cs}",
    "\\u061c\\u200e\\u200f\\u202a-\\u202e\\u2066-\\u2069", // direction
    "\\u00ad\\u115f\\u1160\\u180e\\u200b\\u2060-\\u2065\\u206a-\\u206f\\u3164\\ufeff\\uffa0",
    "\\u{fff9}-\\u{fffb}\\u{e0000}-\\u{e007f}]",
  ].join(""),
  "gu",
);

/**
 * The text on one line, without escape sequences, control characters and marks of direction.
 *
 * @example
 * ```ts
 * clean("\u001b[31mred\u001b[0m\nbob: forged"); // "red bob: forged"
 * ```
 */
export function clean(text: string): string {
  return text.replace(escapeSequences, "").replace(separators, " ").replace(unseen, "");
}

const words: ReadonlyMap<string, string> = new Map([
  ["login-required", "a login is needed first"],
  ["already-logged-in", "you are logged in already"],
  ["ticket-invalid", "the login ticket is not valid there"],
  ["ticket-expired", "the login ticket has expired"],
  ["credentials", "wrong user name or password"],
  ["throttled", "too many failed logins"],
  ["identity-invalid", "not a fit identity: 3 to 16 letters and digits, first a letter"],
  ["identity-in-use", "the identity is already in use"],
  ["identity-reserved", "the identity belongs to another account"],
  ["room-invalid", "not a fit room name: 3 to 16 letters and digits, first a letter"],
  ["room-exists", "the room exists already"],
  ["no-such-room", "no such room"],
  ["owns-room", "you own a room"],
  ["not-owner", "you are not its owner"],
  ["already-there", "you are there already"],
  ["busy", "busy, try again"],
  ["no-quorum", "too few servers reachable, try again"],
  ["draining", "the server is shutting down"],
  ["unreachable", "the server of the room can't be reached"],
]);

/** A reason in words; one that is not known, as it came but cleaned. */
export function inWords(reason: string): string {
  return words.get(reason) ?? clean(reason).slice(0, 200);
}
