/**
 * The connections of clients: one request after another, what waits meanwhile, and the bounds on
 * it. What a request means is not known here. Source: PROTOCOL.md section 1.
 *
 * @module
 */

import type { ConnectionId } from "../base/ids.ts";
import { type Instant, step } from "../machine.ts";
import type { CloseReason, ServerEffect } from "./inputs.ts";
import type { Activity, Client, Line } from "./records.ts";
import { noLines, type ServerState, type ServerStep, schedule } from "./state.ts";

/** Characters that may wait on one connection before it is not read on. */
export const backlogSizeMax: number = 64 * 1024;

/** Lines that wait are refused a moment after the one in hand had to end: that keeps the order. */
export const overdueAfterMs: number = 1;

/** How far ahead of its rate a client may run: it can save up so much silence. */
const paceBurstMs = 1_000;

/** Takes a new connection; it has to log in within its time. */
export function clientOpened(state: ServerState, connection: ConnectionId): ServerStep {
  const client: Client = {
    connection,
    identity: undefined,
    activity: { type: "idle" },
    backlog: noLines,
    backlogSize: 0,
    paused: false,
    paceAt: Number.NEGATIVE_INFINITY,
  };
  const opened = { ...state, clients: state.clients.set(connection, client) };
  return step(schedule(opened, state.config.timing.loginMs, { type: "login", connection }));
}

/** Puts a line behind those that wait; it is served at once if there are none. */
export function lineArrived(
  state: ServerState,
  connection: ConnectionId,
  content: Line["content"],
  size: number,
): ServerStep {
  const client = state.clients.get(connection);
  if (client === undefined || client.activity.type === "closing") return step(state);
  const backlogSize = client.backlogSize + size;
  const pause = backlogSize > backlogSizeMax && !client.paused;
  const waits = client.activity.type !== "idle" || state.phase === "starting";
  const next = put(state, {
    ...client,
    backlog: client.backlog.push({ content, size, readAt: state.now }),
    backlogSize,
    paused: client.paused || pause,
  });
  const effects: ServerEffect[] = pause ? [{ type: "pause", connection }] : [];
  if (!waits) return { state: serveSoon(next, connection), effects };
  const first = client.backlog.isEmpty();
  return {
    state: first
      ? schedule(next, state.config.timing.requestMs + overdueAfterMs, {
          type: "overdue",
          connection,
        })
      : next,
    effects,
  };
}

/** Takes the next line of a client, if it may have one now. */
export function takeLine(
  state: ServerState,
  connection: ConnectionId,
): { readonly line: Line | undefined; readonly step: ServerStep } {
  const client = state.clients.get(connection);
  const line = client?.backlog.first();
  if (client?.activity.type !== "idle" || line === undefined || state.phase === "starting") {
    return { line: undefined, step: step(state) };
  }
  const dueAt = paceOf(state, client, line);
  if (dueAt - state.now > paceBurstMs) {
    const paced = changeClient(state, connection, { activity: { type: "paced" } });
    const waitMs = dueAt - state.now - paceBurstMs;
    return { line: undefined, step: step(schedule(paced, waitMs, { type: "pace", connection })) };
  }
  const backlogSize = client.backlogSize - line.size;
  const resume = client.paused && backlogSize <= backlogSizeMax / 2;
  const next = put(state, {
    ...client,
    backlog: client.backlog.shift(),
    backlogSize,
    paused: client.paused && !resume,
    paceAt: dueAt,
  });
  return { line, step: step(next, ...(resume ? [{ type: "resume", connection } as const] : [])) };
}

/** When the client would be due after this line, if it kept to its rate. */
function paceOf(state: ServerState, client: Client, line: Line): Instant {
  const rate = state.config.messageRate;
  if (rate === 0 || line.content.request?.type !== "message") return client.paceAt;
  return Math.max(client.paceAt, state.now) + 1_000 / rate;
}

/**
 * Lets a client that ran ahead of its rate go on. Waiting for that does not make a line overdue.
 */
export function endPace(state: ServerState, connection: ConnectionId): ServerStep {
  const client = state.clients.get(connection);
  if (client?.activity.type !== "paced") return step(state);
  const backlog = client.backlog.map((line) => ({ ...line, readAt: state.now }));
  return step(becomeIdle(put(state, { ...client, backlog }), connection));
}

/** The client waits for nothing any longer: its next line may be taken. */
export function becomeIdle(state: ServerState, connection: ConnectionId): ServerState {
  const client = state.clients.get(connection);
  if (client === undefined || client.activity.type === "closing") return state;
  return serveSoon(put(state, { ...client, activity: { type: "idle" } }), connection);
}

/** The client waits for something: its later lines wait behind it. */
export function waitFor(
  state: ServerState,
  connection: ConnectionId,
  activity: Activity,
): ServerState {
  const waiting = changeClient(state, connection, { activity });
  const head = waiting.clients.get(connection)?.backlog.first();
  if (head === undefined) return waiting;
  const delayMs = head.readAt + state.config.timing.requestMs + overdueAfterMs - state.now;
  return schedule(waiting, Math.max(0, delayMs), { type: "overdue", connection });
}

/** Ends a connection once everything sent to it has gone out; nothing it still says counts. */
export function closeClient(
  state: ServerState,
  connection: ConnectionId,
  reason: CloseReason,
): ServerStep {
  const client = state.clients.get(connection);
  if (client === undefined || client.activity.type === "closing") return step(state);
  const closing = put(state, {
    ...client,
    activity: { type: "closing" },
    backlog: noLines,
    backlogSize: 0,
  });
  return step(closing, { type: "close", connection, reason });
}

/** Everybody whose lines waited for the server itself. */
export function serveAll(state: ServerState): ServerState {
  const waiting = [...state.clients.values()].filter(({ backlog }) => !backlog.isEmpty());
  return { ...state, unserved: [...state.unserved, ...waiting.map((c) => c.connection)] };
}

/** The state with something changed about a client that is there. */
export function changeClient(
  state: ServerState,
  connection: ConnectionId,
  change: Partial<Client>,
): ServerState {
  const client = state.clients.get(connection);
  return client === undefined ? state : put(state, { ...client, ...change });
}

function serveSoon(state: ServerState, connection: ConnectionId): ServerState {
  return { ...state, unserved: [...state.unserved, connection] };
}

function put(state: ServerState, client: Client): ServerState {
  return { ...state, clients: state.clients.set(client.connection, client) };
}
