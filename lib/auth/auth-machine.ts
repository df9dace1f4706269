/**
 * The authentication server as a machine: it settles what is due, takes the input, and then goes on
 * until no line and no hash can be taken. The conversations are in `login.ts`.
 *
 * @module
 */

import { insert, smallestKey, takeSmallest } from "../base/heap.ts";
import type { ConnectionId } from "../base/ids.ts";
import { type Instant, type Machine, sequence, step } from "../machine.ts";
import type { WireError } from "../wire/codec.ts";
import type { AuthEffect, AuthInput } from "./auth-inputs.ts";
import {
  type AuthState,
  type AuthStep,
  close,
  forget,
  type Line,
  open,
  report,
  send,
  slowness,
  update,
} from "./auth-state.ts";
import { queueDeadline } from "./hash-queue.ts";
import { askPassword, hashed, renew, startHash } from "./login.ts";
import { forgetUsers } from "./throttle.ts";
import { dummyPassword } from "./users.ts";

/** Lines may be as short as `{}`, and each costs more memory here than on the wire. */
const linesMax = 256;

/**
 * The authentication server. PROTOCOL.md section 4.
 *
 * @example
 * ```ts
 * const state = createAuth(authStandard, users, { sign, verify }, 0);
 * const { effects } = authMachine.step(state, { type: "tick", at: 0 });
 * ```
 */
export const authMachine: Machine<AuthState, AuthInput, AuthEffect> = {
  step(state, input) {
    return sequence(
      { ...state, at: input.at },
      (s) => closeIdle(s, input.at),
      (s) => take(s, input),
      (s) => goOn(s, input.at),
    );
  },

  nextDeadline(state) {
    const idle = smallestKey(state.idle);
    const slow = queueDeadline(state.queue, slowness(state, state.at));
    return idle === undefined || (slow !== undefined && slow < idle) ? slow : idle;
  },
};

function take(state: AuthState, input: AuthInput): AuthStep {
  switch (input.type) {
    case "tick":
      return step(state);
    case "opened":
      return open(state, input.connection, input.address, input.at);
    case "received": {
      const { connection, message, size, at: receivedAt, unixSeconds, random } = input;
      const line = { message, size, receivedAt, unixSeconds, random } as const;
      return addLine(state, connection, { type: "request", ...line });
    }
    case "malformed":
      return addLine(state, input.connection, { type: "error", error: input.error, size: 0 });
    case "closed":
      return step(forget(state, input.connection));
    case "hashed":
      return hashed(state, input.request, input.matches, input.at);
    case "users-changed": {
      const { users } = input;
      const throttle = forgetUsers(state.throttle, users);
      return step({ ...state, users, dummy: dummyPassword(users), throttle });
    }
    case "keys-changed":
      return step({ ...state, keys: input.keys });
  }
}

/** Closes the connections that asked for nothing in time, a heap entry each. */
function closeIdle(state: AuthState, at: Instant): AuthStep {
  let current = state;
  const effects: AuthEffect[] = [];
  for (let due = smallestKey(current.idle); due !== undefined && due <= at; ) {
    const taken = takeSmallest(current.idle);
    if (taken === undefined) break;
    const { value: id, rest } = taken;
    const connection = current.connections.get(id);
    current = { ...current, idle: rest };
    if (connection !== undefined && (connection.asking || connection.deadline > at)) {
      const next = connection.asking ? at + state.config.idleMs : connection.deadline;
      current = { ...current, idle: insert(rest, next, id) };
    } else if (connection !== undefined) {
      const closed = close(current, id, "login-timeout");
      current = closed.state;
      effects.push(...closed.effects);
    }
    due = smallestKey(current.idle);
  }
  return { state: current, effects };
}

/** Puts a line behind those that wait; a host that is told to pause sends little more. */
function addLine(state: AuthState, id: ConnectionId, line: Line): AuthStep {
  const connection = state.connections.get(id);
  if (connection === undefined) return step(state);
  if (connection.backlog.length >= 4 * linesMax) return giveUp(state, id);
  const backlog = [...connection.backlog, line];
  const bytes = backlog.reduce((sum, each) => sum + each.size, 0);
  const full = bytes > state.config.backlogBytesMax || backlog.length > linesMax;
  const next = update(state, id, { ...connection, backlog, paused: full || connection.paused });
  const ready = connection.asking ? next : { ...next, ready: [...next.ready, id] };
  return full && !connection.paused ? step(ready, { type: "pause", connection: id }) : step(ready);
}

/** Who sends so much ahead was told to pause long ago, or sends lines of two bytes. */
function giveUp(state: AuthState, id: ConnectionId): AuthStep {
  const detail = "too many requests at once; wait for the answers";
  return sequence(
    state,
    (s) => send(s, id, { type: "error", reason: "busy", detail }),
    (s) => close(s, id, "busy"),
  );
}

/** Takes lines and starts hashes until neither is possible. Ends, as each round uses one up. */
function goOn(state: AuthState, at: Instant): AuthStep {
  let current = state;
  const effects: AuthEffect[] = [];
  for (;;) {
    const next = nextLine(current, at) ?? startHash(current, at);
    if (next === undefined) return { state: current, effects };
    current = next.state;
    effects.push(...next.effects);
  }
}

function nextLine(state: AuthState, at: Instant): AuthStep | undefined {
  const [id, ...others] = state.ready;
  if (id === undefined) return undefined;
  const connection = state.connections.get(id);
  const [line, ...backlog] = connection?.backlog ?? [];
  const rest = { ...state, ready: others };
  if (connection === undefined || connection.asking || line === undefined) return step(rest);
  const go = connection.paused && backlog.length === 0;
  const paused = connection.paused && !go;
  return sequence(
    update(rest, id, { ...connection, backlog, paused }),
    (s) => takeLine(s, id, line, at),
    (s) => (go && s.connections.has(id) ? step(s, { type: "resume", connection: id }) : step(s)),
  );
}

function takeLine(state: AuthState, id: ConnectionId, line: Line, at: Instant): AuthStep {
  if (line.type === "error") return answerError(state, id, line.error);
  const { message, receivedAt, unixSeconds, random } = line;
  const asked = { connection: id, receivedAt, unixSeconds, random };
  return "ticket" in message
    ? renew(state, { ...asked, message }, at)
    : askPassword(state, { ...asked, message }, at);
}

/** What is malformed is no request: it does not keep a connection from being idle. */
function answerError(state: AuthState, id: ConnectionId, error: WireError): AuthStep {
  const { reason, detail, fatal } = error;
  const connection = state.connections.get(id);
  if (connection === undefined) return step(state);
  const event = { event: "client-error", connection: id, reason, detail } as const;
  const more = connection.backlog.length > 0 ? [...state.ready, id] : state.ready;
  return sequence(
    { ...update(state, id, { ...connection, complained: true }), ready: more },
    (s) => send(s, id, { type: "error", reason, detail }),
    (s) => (connection.complained ? step(s) : report(s, event)),
    (s) => (fatal ? close(s, id, "malformed") : step(s)),
  );
}
