/**
 * Which texts may become an id, and the schemas of the fields that messages share.
 * Source: PROTOCOL.md section 2.
 *
 * @module
 */

import * as v from "valibot";
import type { Identity, RoomId, ServerId } from "../base/ids.ts";

const namePattern = /^[A-Za-z][A-Za-z0-9]{2,15}$/;
const serverIdPattern = /^[A-Za-z0-9][A-Za-z0-9._-]{0,31}$/;
const usernamePattern = /^[\x21-\x7e]{1,64}$/;
const hostPattern = /^[A-Za-z0-9._:%-]{1,255}$/;

/**
 * The text as an identity (3 to 16 letters and digits, first a letter), or `undefined`.
 *
 * @example
 * ```ts
 * asIdentity("Ann"); // "Ann"
 * asIdentity("a b"); // undefined
 * ```
 */
export function asIdentity(text: string): Identity | undefined {
  return namePattern.test(text) ? (text as Identity) : undefined;
}

/** The text as the id of a room that a user may create, or `undefined`: the rule of identities. */
export function asRoomId(text: string): RoomId | undefined {
  return namePattern.test(text) ? (text as RoomId) : undefined;
}

/**
 * The text as a server id (1 to 32 letters, digits, `.`, `_`, `-`), or `undefined`.
 *
 * @example
 * ```ts
 * asServerId("s1.example.org"); // "s1.example.org"
 * asServerId("s 1");            // undefined
 * ```
 */
export function asServerId(text: string): ServerId | undefined {
  return serverIdPattern.test(text) ? (text as ServerId) : undefined;
}

/** Whether the text may be a user name: 1 to 64 printable ASCII characters without blanks. */
export function isUsername(text: string): boolean {
  return usernamePattern.test(text);
}

/** The main hall of a server. No client can create such a name: it has a hyphen. */
export function mainHallOf(server: ServerId): RoomId {
  return `MainHall-${server}` as RoomId;
}

/** A boolean as every program of this protocol writes it. */
export type Flag = "true" | "false";

/** The wire's word for a boolean. */
export function flag(value: boolean): Flag {
  return value ? "true" : "false";
}

/** Where something listens. */
export interface Address {
  readonly host: string;
  readonly port: number;
}

/**
 * `host:port` as people write it, IPv6 hosts in brackets.
 *
 * @example
 * ```ts
 * formatAddress({ host: "::1", port: 4444 }); // "[::1]:4444"
 * ```
 */
export function formatAddress({ host, port }: Address): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

/**
 * The address in `host:port` or `[host]:port`, or `undefined`.
 *
 * @example
 * ```ts
 * parseAddress("127.0.0.1:4444"); // { host: "127.0.0.1", port: 4444 }
 * parseAddress("127.0.0.1");      // undefined
 * ```
 */
export function parseAddress(text: string): Address | undefined {
  const match = /^(?:\[([^\]]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(text);
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3]);
  if (host === undefined || !hostPattern.test(host) || !isPort(port)) return undefined;
  return { host, port };
}

/**
 * Whether the number can be a port that one connects to: 1 to 65535.
 *
 * @example
 * ```ts
 * isPort(4444); // true
 * isPort(0);    // false
 * ```
 */
export function isPort(port: number): boolean {
  return Number.isInteger(port) && port >= 1 && port <= 65535;
}

type Field<Value> = v.GenericSchema<unknown, Value>;

/** Any text. */
export const text: Field<string> = v.string("a text");
/** `"true"` or `"false"`. */
export const flagField: Field<Flag> = v.picklist(["true", "false"], '"true" or "false"');
/** A port, as a text. */
export const portField: Field<string> = v.pipe(
  v.string("a port as a text"),
  v.check((port) => /^\d{1,5}$/.test(port) && isPort(Number(port)), "a port from 1 to 65535"),
);
/** A host name or an IP address. */
export const hostField: Field<string> = v.pipe(
  v.string("a host as a text"),
  v.regex(hostPattern, "a host name or an IP address"),
);
/** A whole number that counts or names something; far from where numbers lose precision. */
export const countField: Field<number> = v.pipe(
  v.number("a number"),
  v.integer("a whole number"),
  v.minValue(0, "a number from 0"),
  v.maxValue(2 ** 52, "a number up to 2^52"),
);
/** An identity. */
export const identityField: Field<Identity> = v.custom<Identity>(
  (value) => typeof value === "string" && asIdentity(value) !== undefined,
  "an identity",
);
/** The id of a room that a user made. */
export const roomIdField: Field<RoomId> = v.custom<RoomId>(
  (value) => typeof value === "string" && asRoomId(value) !== undefined,
  "a room id",
);
/** The id of a server. */
export const serverIdField: Field<ServerId> = v.custom<ServerId>(
  (value) => typeof value === "string" && asServerId(value) !== undefined,
  "a server id",
);
/** A user name. */
export const usernameField: Field<string> = v.pipe(
  v.string("a user name"),
  v.regex(usernamePattern, "a user name"),
);
