/**
 * What each line of a client leads to. Only a router: the conversations are in their own files.
 * Source: PROTOCOL.md section 3.
 *
 * @module
 */

import type { ConnectionId, RoomId } from "../base/ids.ts";
import { forEach, sequence, step } from "../machine.ts";
import type { ClientReply, ClientRequest } from "../wire/client-messages.ts";
import { claimOverdue } from "./claims.ts";
import { changeClient, closeClient, overdueAfterMs, takeLine } from "./clients.ts";
import { refuseLogin } from "./conclusions.ts";
import { endConnection, sessionOf } from "./departure.ts";
import { listRooms, listServers } from "./directory.ts";
import { refuseJoin, refuseRoom, send, sendError } from "./effects.ts";
import type { ServerEffect } from "./inputs.ts";
import { loginAsked } from "./login.ts";
import { announcementOverdue } from "./moves.ts";
import type { Client, Line, Session } from "./records.ts";
import { moverArrived, refuseMover } from "./reservations.ts";
import { createRoomAsked, deleteRoomAsked, joinAsked } from "./rooms.ts";
import { endSession } from "./seats.ts";
import { audienceOf, type ServerState, type ServerStep, schedule } from "./state.ts";

/** Serves everybody whose next line may be taken, until each of them waits for something. */
export function serveClients(state: ServerState): ServerStep {
  let current = state;
  const effects: ServerEffect[] = [];
  const run = (next: ServerStep) => {
    current = next.state;
    for (const effect of next.effects) effects.push(effect);
  };
  while (current.unserved.length > 0) {
    const connections = new Set(current.unserved);
    current = { ...current, unserved: [] };
    for (const connection of connections) {
      for (;;) {
        const taken = takeLine(current, connection);
        run(taken.step);
        if (taken.line === undefined) break;
        run(serveLine(current, connection, taken.line));
      }
    }
  }
  return { state: current, effects };
}

function serveLine(state: ServerState, connection: ConnectionId, line: Line): ServerStep {
  const client = state.clients.get(connection);
  if (client === undefined) return step(state);
  const { error, request } = line.content;
  if (error !== undefined) {
    const answered = step(state, ...sendError(connection, error.reason, error.detail));
    return error.fatal
      ? sequence(
          answered.state,
          () => answered,
          (s) => endConnection(s, connection, "malformed"),
        )
      : answered;
  }
  if (request.type === "newidentity" || request.type === "movejoin") {
    if (client.identity !== undefined) {
      return step(state, ...sendError(connection, "already-logged-in", "you are logged in"));
    }
    return request.type === "newidentity"
      ? loginAsked(state, client, request, line.readAt)
      : moverArrived(state, client, request);
  }
  const session = sessionOf(state, connection);
  return session === undefined
    ? step(state, ...sendError(connection, "login-required", `log in before ${request.type}`))
    : serveUser(state, session, connection, request, line);
}

function serveUser(
  state: ServerState,
  session: Session,
  connection: ConnectionId,
  request: Exclude<ClientRequest, { type: "newidentity" | "movejoin" }>,
  { readAt }: Line,
): ServerStep {
  switch (request.type) {
    case "message":
      return say(state, session, connection, request.content);
    case "list":
      return step(state, send(connection, listRooms(state)));
    case "who":
      return step(state, send(connection, roomContents(state, session.roomid)));
    case "servers":
      return step(state, send(connection, listServers(state)));
    case "createroom":
      return createRoomAsked(state, session, connection, request.roomid, readAt);
    case "join":
      return joinAsked(state, session, connection, request.roomid, readAt);
    case "deleteroom":
      return deleteRoomAsked(state, session, connection, request.roomid);
    case "quit":
      return sequence(
        state,
        (s) => endSession(s, session, "quit"),
        (s) => closeClient(s, connection, "quit"),
      );
  }
}

/** What somebody says, for everybody else in the room. */
function say(
  state: ServerState,
  { identity, roomid }: Session,
  connection: ConnectionId,
  content: string,
): ServerStep {
  const room = state.rooms.get(roomid);
  if (room === undefined || room.members.size < 2) return step(state);
  const message: ClientReply = { type: "message", identity, content };
  return step(state, { type: "send", to: audienceOf(room.members), except: connection, message });
}

function roomContents(state: ServerState, roomid: RoomId): ClientReply {
  const room = state.rooms.get(roomid);
  const identities = [...(room?.members.keys() ?? [])];
  return { type: "roomcontents", roomid, identities, owner: room?.owner ?? "" };
}

/**
 * Requests that have waited too long behind something else are refused, in their order; what was
 * said is kept.
 */
export function refuseOverdue(state: ServerState, connection: ConnectionId): ServerStep {
  return sequence<ServerState, ServerEffect>(
    state,
    (s) => refuseUnderWay(s, connection),
    (s) => refuseWaiting(s, connection),
  );
}

/** What the others wait behind was read before them: so its time is over as well. */
function refuseUnderWay(state: ServerState, connection: ConnectionId): ServerStep {
  const client = state.clients.get(connection);
  if (client === undefined || !client.backlog.some((line) => isOverdue(state, line))) {
    return step(state);
  }
  const { activity, identity } = client;
  if (activity.type === "claiming") return claimOverdue(state, activity.name, connection);
  if (activity.type === "verifying") return refuseLogin(state, connection, "busy");
  return activity.type === "announcing" && identity !== undefined
    ? announcementOverdue(state, identity, activity.move)
    : step(state);
}

function isOverdue(state: ServerState, { readAt, content }: Line): boolean {
  const { requestMs } = state.config.timing;
  return readAt + requestMs <= state.now && content.request?.type !== "message";
}

function refuseWaiting(state: ServerState, connection: ConnectionId): ServerStep {
  const client = state.clients.get(connection);
  if (client === undefined || isServed(state, client)) return step(state);
  const { requestMs } = state.config.timing;
  const overdue = client.backlog.filter((line) => isOverdue(state, line));
  const backlog = client.backlog.filterNot((line) => isOverdue(state, line));
  const backlogSize = backlog.reduce((size, line) => size + line.size, 0);
  const next = backlog.find(({ readAt }) => readAt + requestMs > state.now);
  return sequence<ServerState, ServerEffect>(
    changeClient(state, connection, { backlog, backlogSize }),
    (s) => forEach(overdue, s, (current, line) => refuseLine(current, connection, line)),
    (s) =>
      step(
        next === undefined
          ? s
          : schedule(s, next.readAt + requestMs + overdueAfterMs - s.now, {
              type: "overdue",
              connection,
            }),
      ),
  );
}

function isServed(state: ServerState, { activity }: Client): boolean {
  if (activity.type === "paced" || activity.type === "closing") return true;
  return activity.type === "idle" && state.phase !== "starting";
}

function refuseLine(state: ServerState, connection: ConnectionId, line: Line): ServerStep {
  const client = state.clients.get(connection);
  const { request, error } = line.content;
  if (client === undefined) return step(state);
  if (error !== undefined) return serveLine(state, connection, line);
  const session = sessionOf(state, connection);
  if (session === undefined) {
    if (request.type === "newidentity") return refuseLogin(state, connection, "busy");
    if (request.type === "movejoin") return refuseMover(state, client, "busy");
  } else if (request.type === "join" && session.move === undefined) {
    return step(state, refuseJoin(connection, session, "busy"));
  } else if (request.type === "createroom" || request.type === "deleteroom") {
    return step(state, refuseRoom(request.type, connection, request.roomid, "busy"));
  } else if (request.type === "quit") {
    return endConnection(state, connection, "quit");
  }
  return step(state, ...sendError(connection, "busy", `${request.type} had to wait too long`));
}
