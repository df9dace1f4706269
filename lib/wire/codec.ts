/**
 * Between a line and a message: one schema per message type, found by its `type`. What does not fit
 * becomes a {@link WireError}, never an exception. Source: PROTOCOL.md sections 1 and 3.
 *
 * @module
 */

import * as v from "valibot";
import { failure, type Result, success } from "../base/result.ts";

/** What is wrong with a line; `fatal` when the connection can't go on after it. */
export interface WireError {
  readonly reason: "malformed" | "unknown-type" | "too-long" | "not-utf8";
  readonly detail: string;
  readonly fatal: boolean;
  /** The type of the message, if it is a known one whose fields are wrong. */
  readonly type?: string;
}

/** The message types that may arrive on one kind of connection, each with its schema. */
export type Vocabulary<Message> = ReadonlyMap<string, v.GenericSchema<unknown, Message>>;

/** A vocabulary from an object whose keys are the message types. */
export function vocabulary<Message>(
  schemas: Readonly<Record<string, v.GenericSchema<unknown, Message>>>,
): Vocabulary<Message> {
  return new Map(Object.entries(schemas));
}

/**
 * What {@link decodeFrames} found wrong, as an error to answer with.
 *
 * @param limit the one that was given to `decodeFrames`, in bytes
 *
 * @example
 * ```ts
 * const { error } = decodeFrames(pending, chunk, clientFrameBytesMax);
 * if (error !== undefined) refuse(frameError(error, clientFrameBytesMax));
 * ```
 */
export function frameError(error: "too-long" | "not-utf8", limit: number): WireError {
  const detail =
    error === "too-long" ? `a line has at most ${limit} bytes` : "a line must be UTF-8 text";
  return { reason: error, detail, fatal: true };
}

/**
 * Reads a line. Keys that the schema does not know are dropped.
 *
 * @example
 * ```ts
 * const parsed = parseMessage(clientRequests, '{"type":"join","roomid":"jokes"}');
 * if (parsed.ok) console.log(parsed.value);
 * ```
 */
export function parseMessage<Message>(
  known: Vocabulary<Message>,
  frame: string,
): Result<Message, WireError> {
  let value: unknown;
  try {
    value = JSON.parse(frame);
  } catch {
    return failure({ reason: "malformed", detail: "the line is not JSON", fatal: true });
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    return failure({ reason: "malformed", detail: "the line is not a JSON object", fatal: false });
  }
  const type: unknown = (value as { readonly type?: unknown }).type;
  if (typeof type !== "string") {
    return failure({ reason: "malformed", detail: "type: expected a text", fatal: false });
  }
  const schema = known.get(type);
  if (schema === undefined) {
    return failure({ reason: "unknown-type", detail: "no such message here", fatal: false });
  }
  const parsed = v.safeParse(schema, value, { abortEarly: true });
  return parsed.success
    ? success(parsed.output)
    : failure({ reason: "malformed", detail: describe(parsed.issues[0]), fatal: false, type });
}

/** Names the field and what it should be; never its value, which may be a password. */
function describe(issue: v.BaseIssue<unknown>): string {
  const path = v.getDotPath(issue);
  const expected = issue.received === "undefined" ? "is missing" : `expected ${issue.message}`;
  return path === null ? expected : `${path}: ${expected}`;
}

/**
 * The line of a message, LF included.
 *
 * @example
 * ```ts
 * const request: ClientRequest = { type: "join", roomid: "jokes" };
 * socket.write(formatMessage(request));
 * ```
 */
export function formatMessage(message: { readonly type: string }): string {
  return `${JSON.stringify(message)}\n`;
}
