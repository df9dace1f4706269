/**
 * From a line that came in to the input it is, by the role of who sent it.
 *
 * @module
 */

import { randomFillSync } from "node:crypto";
import {
  adminRequests,
  type ConnectionId,
  clientRequests,
  parseMessage,
  peerMessages,
  type ServerInput,
  type WireError,
} from "../../lib/mod.ts";

/** Who sits at the other end of a connection. */
export type ConnectionRole = "client" | "peer" | "admin";

/**
 * Reads a line; one that makes no sense becomes a `malformed` input.
 *
 * @example
 * ```ts
 * driver.input(readLine(connection, "client", '{"type":"list"}', clock.now()));
 * ```
 */
export function readLine(
  connection: ConnectionId,
  role: ConnectionRole,
  line: string,
  at: number,
): ServerInput {
  switch (role) {
    case "client": {
      const parsed = parseMessage(clientRequests, line);
      return parsed.ok
        ? { type: "request", at, connection, request: parsed.value, size: line.length }
        : malformed(connection, parsed.error, at);
    }
    case "peer": {
      const parsed = parseMessage(peerMessages, line);
      return parsed.ok
        ? { type: "peer-message", at, connection, message: parsed.value, random: freshBytes() }
        : malformed(connection, parsed.error, at);
    }
    case "admin": {
      const parsed = parseMessage(adminRequests, line);
      return parsed.ok
        ? { type: "admin-request", at, connection, request: parsed.value }
        : malformed(connection, parsed.error, at);
    }
  }
}

function malformed(connection: ConnectionId, error: WireError, at: number): ServerInput {
  return { type: "malformed", at, connection, error };
}

/**
 * Randomness is fetched for many messages at once: a call for each would cost more than the rest.
 */
let pool: Uint8Array = new Uint8Array(0);

/** 16 bytes that nobody was ever given before. */
function freshBytes(): Uint8Array {
  if (pool.length < 16) pool = randomFillSync(new Uint8Array(4096));
  const bytes = pool.subarray(0, 16);
  pool = pool.subarray(16);
  return bytes;
}
