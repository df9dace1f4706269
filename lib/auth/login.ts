/**
 * The two ways to a ticket: a password, whose hash may have to wait, and a ticket that still lives.
 * Whoever has no right password learns only `credentials`, `throttled` or `busy`, and for a name
 * that nobody has exactly as for one that somebody has. Source: PROTOCOL.md section 4.
 *
 * @module
 */

import { encodeBase64Url } from "../base/base64url.ts";
import type { ConnectionId, Identity } from "../base/ids.ts";
import { type Instant, sequence, step } from "../machine.ts";
import type { AuthReply } from "../wire/auth-messages.ts";
import type { Refusal } from "../wire/client-messages.ts";
import { asIdentity, isUsername } from "../wire/fields.ts";
import { type AuthState, type AuthStep, answer, report, slowness, update } from "./auth-state.ts";
import {
  enqueue,
  finish,
  nextLogin,
  type RunningLogin,
  start,
  withdraw,
  workMs,
} from "./hash-queue.ts";
import { afterFailure, afterRenewal, afterSuccess, type Origin, waitOf } from "./throttle.ts";
import { clockToleranceSeconds, readTicket, signTicket, type TicketClaims } from "./ticket.ts";
import type { PasswordRecord, UserRecord } from "./users.ts";

/** A `passwordSetAt` this far ahead is the rounding of an edit; more is a wrong clock. */
const editSecondsMax = 60;

/** A request and what came with it. */
export interface Asked<Message> {
  readonly connection: ConnectionId;
  readonly message: Message;
  readonly receivedAt: Instant;
  readonly unixSeconds: number;
  readonly random: Uint8Array;
}

/** What a password login asks. */
export interface PasswordRequest {
  readonly username: string;
  readonly password: string;
  readonly identity?: string;
}

/** What a ticket is to say of its owner. */
interface Approved {
  readonly username: string;
  readonly identity: Identity;
  readonly authTime: number;
}

/** Lets a login wait for its hash, unless it has to wait first or the queue is full. */
export function askPassword(
  state: AuthState,
  asked: Asked<PasswordRequest>,
  at: Instant,
): AuthStep {
  const { connection, message, ...circumstances } = asked;
  const { username, password, identity = username } = message;
  const origin = originOf(state, connection, username);
  const waitMs = waitOf(state.throttle, origin, at);
  if (waitMs > 0) return refuse(state, connection, origin, "throttled", at, waitMs);
  const login = { connection, origin, username, password, identity, ...circumstances };
  const queued = enqueue(state.queue, login, slowness(state, at));
  if (queued === undefined) {
    return refuse(state, connection, origin, "busy", at, workMs(state.queue));
  }
  const current = state.connections.get(connection);
  const asking =
    current === undefined ? state : update(state, connection, { ...current, asking: true });
  const { queue, pushedOut } = queued;
  const next = { ...asking, queue };
  if (pushedOut === undefined) return step(next);
  return refuse(next, pushedOut.connection, pushedOut.origin, "busy", at, workMs(queue));
}

/** Starts the next hash, if one may start now; `undefined` otherwise. */
export function startHash(state: AuthState, at: Instant): AuthStep | undefined {
  const isSlow = slowness(state, at);
  const login = nextLogin(state.queue, isSlow, at);
  if (login === undefined) return undefined;
  const { connection, origin, password } = login;
  // While it waited, others may have failed for the same pair or from the same address.
  const waitMs = waitOf(state.throttle, origin, at);
  if (waitMs > 0) {
    const queue = withdraw(state.queue, connection);
    return refuse({ ...state, queue }, connection, origin, "throttled", at, waitMs);
  }
  const record = state.users.get(login.username)?.scrypt ?? state.dummy;
  const { queue, request } = start(state.queue, login, record, isSlow(login), at);
  return step({ ...state, queue }, { type: "hash", request, password, record });
}

/** Ends a login whose hash is done. */
export function hashed(
  state: AuthState,
  request: number,
  matches: boolean | undefined,
  at: Instant,
): AuthStep {
  const finished = finish(state.queue, request, at);
  if (finished === undefined) return step(state);
  const { login, queue } = finished;
  const { connection, origin } = login;
  const next = { ...state, queue };
  if (matches === undefined) {
    return refuse(next, connection, origin, "busy", at, workMs(queue));
  }
  const user = next.users.get(login.username);
  // The file may have changed meanwhile: what counts is what holds now.
  if (!matches || user?.disabled !== false || !isSame(user.scrypt, login.record)) {
    const throttle = afterFailure(next.throttle, origin, at);
    return refuse({ ...next, throttle }, connection, origin, "credentials", at);
  }
  const throttle = afterSuccess(next.throttle, origin);
  return approvePassword({ ...next, throttle }, login, user, at);
}

/** Gives a new ticket for one that still lives. */
export function renew(
  state: AuthState,
  { connection, message, unixSeconds, random }: Asked<{ readonly ticket: string }>,
  at: Instant,
): AuthStep {
  const read = readTicket(message.ticket, { unixSeconds, verify: state.keys.verify });
  const judged = read.ok ? judgeRenewal(state, read.value, unixSeconds) : read.error;
  if (typeof judged !== "string") {
    // A server that was restarted learns again this way who is at home where.
    const throttle = afterRenewal(state.throttle, originOf(state, connection, judged.username));
    const content = { ...judged, unixSeconds, random };
    return approve({ ...state, throttle }, connection, "renewal", content, at);
  }
  const username = read.ok ? read.value.username : "";
  const origin = originOf(state, connection, username);
  return refuse(state, connection, origin, judged, at, undefined, "renewal-refused");
}

function judgeRenewal(
  { users, config }: AuthState,
  { username, identity, authTime }: TicketClaims,
  unixSeconds: number,
): Refusal | Approved {
  // A ticket of another issuer that does not say when its password was given can't be renewed here.
  if (authTime === undefined) return "ticket-invalid";
  const age = unixSeconds - authTime;
  if (age < -editSecondsMax - clockToleranceSeconds) return "ticket-invalid";
  const user = users.get(username);
  if (user?.disabled !== false || authTime < user.passwordSetAt) return "credentials";
  if (age >= config.renewalSeconds) return "ticket-expired";
  if (identity !== username && users.has(identity)) return "identity-reserved";
  return { username, identity, authTime };
}

/** The password was right; the identity may still be unfit. Nobody else hears about identities. */
function approvePassword(
  state: AuthState,
  login: RunningLogin,
  user: UserRecord,
  at: Instant,
): AuthStep {
  const { connection, origin, username, random } = login;
  const identity = asIdentity(login.identity);
  if (identity === undefined) return refuse(state, connection, origin, "identity-invalid", at);
  if (identity !== username && state.users.has(identity)) {
    return refuse(state, connection, origin, "identity-reserved", at);
  }
  const unixSeconds = login.unixSeconds + Math.floor((at - login.receivedAt) / 1000);
  const ahead = user.passwordSetAt - unixSeconds;
  const authTime = ahead > 0 && ahead <= editSecondsMax ? user.passwordSetAt : unixSeconds;
  const content = { username, identity, unixSeconds, authTime, random };
  return approve(state, connection, "login", content, at);
}

function approve(
  state: AuthState,
  connection: ConnectionId,
  event: "login" | "renewal",
  content: Approved & { readonly unixSeconds: number; readonly random: Uint8Array },
  at: Instant,
): AuthStep {
  const { config, keys } = state;
  const { username, identity, authTime } = content;
  const ticketId = encodeBase64Url(content.random);
  const expiresAt = content.unixSeconds + config.ticketSeconds;
  const ticket = signTicket(
    {
      issuer: config.issuer,
      username,
      identity,
      issuedAt: content.unixSeconds,
      expiresAt,
      authTime,
      ticketId,
    },
    keys.sign,
  );
  const message = {
    type: "login",
    approved: "true",
    ticket,
    expires: String(expiresAt),
  } as const;
  return sequence(
    state,
    (s) => answer(s, connection, message, at),
    (s) => report(s, { event, username, identity, ticketid: ticketId }),
  );
}

function refuse(
  state: AuthState,
  connection: ConnectionId,
  origin: Origin,
  reason: Refusal,
  at: Instant,
  retryAfterMs?: number,
  event: "login-refused" | "renewal-refused" = "login-refused",
): AuthStep {
  const refusal = { type: "login", approved: "false", reason } as const;
  const message: AuthReply =
    retryAfterMs === undefined ? refusal : { ...refusal, retryafter: inSeconds(retryAfterMs) };
  const known = state.users.has(origin.username) ? { username: origin.username } : {};
  return sequence(
    state,
    (s) => answer(s, connection, message, at),
    (s) => report(s, { event, reason, address: origin.address, ...known }),
  );
}

/** Names that nobody can have count as one, so that they fill no table. */
function originOf(state: AuthState, connection: ConnectionId, username: string): Origin {
  return {
    username: isUsername(username) ? username : "",
    address: state.connections.get(connection)?.group ?? "",
  };
}

function inSeconds(ms: number): string {
  return String(Math.max(1, Math.ceil(ms / 1000)));
}

function isSame(one: PasswordRecord, other: PasswordRecord): boolean {
  return one.hash === other.hash && one.salt === other.salt;
}
