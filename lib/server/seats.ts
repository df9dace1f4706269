/**
 * Who sits where: a user who is in is in exactly one room. Every change is announced to everybody
 * whom it concerns, the user included. Source: PROTOCOL.md section 3.
 *
 * @module
 */

import { assert } from "../base/assert.ts";
import type { ConnectionId, Identity, RoomId } from "../base/ids.ts";
import { sequence, step } from "../machine.ts";
import type { Refusal } from "../wire/client-messages.ts";
import { mainHallOf } from "../wire/fields.ts";
import { changeClient } from "./clients.ts";
import { report, roomChange, tellPeers } from "./effects.ts";
import type { Room, Session } from "./records.ts";
import { audienceOf, type ServerState, type ServerStep } from "./state.ts";

/** The main hall of this server. */
export function hallOf(state: ServerState): Room {
  return roomOf(state, mainHallOf(state.config.serverid));
}

/** A room that is there for sure. */
function roomOf(state: ServerState, roomid: RoomId): Room {
  const room = state.rooms.get(roomid);
  assert(room !== undefined, `room ${roomid} is gone while somebody is in it`);
  return room;
}

/** Gives a user a seat; `former` is the room it comes from, `""` at login. */
export function admit(
  state: ServerState,
  session: Session & { readonly connection: ConnectionId },
  former: RoomId | "",
): ServerStep {
  const { identity, connection, roomid } = session;
  const seated = withSeat(state, session, connection);
  const admitted = changeClient(seated, connection, { identity });
  const audience = audienceOf(roomOf(admitted, roomid).members);
  return step(admitted, roomChange(audience, session, former, roomid));
}

/** Moves a user to another room of this server. */
export function changeRoom(state: ServerState, session: Session, roomid: RoomId): ServerStep {
  const { connection } = session;
  assert(connection !== undefined, "a user in a room has a connection");
  const { roomid: former } = session;
  const left = withoutSeat(state, session);
  const moved = withSeat(left, { ...session, roomid }, connection);
  const audience = [
    ...audienceOf(roomOf(left, former).members),
    ...audienceOf(roomOf(moved, roomid).members),
  ];
  return step(moved, roomChange(audience, session, former, roomid));
}

/** Takes a routed mover out of its room; it keeps its session, and the others are told. */
export function leaveForRoute(state: ServerState, session: Session, target: RoomId): ServerStep {
  const left = withoutSeat(state, session);
  const audience = audienceOf(roomOf(left, session.roomid).members);
  const moving = { ...session, roomid: target };
  return step(
    { ...left, sessions: left.sessions.set(session.identity, moving) },
    roomChange(audience, session, session.roomid, target),
  );
}

/** Why a server ends a session that might as well go on elsewhere, in the words of a refusal. */
const temporary: ReadonlyMap<string, Refusal> = new Map([
  ["shutdown", "draining"],
  ["no-quorum", "no-quorum"],
  ["evicted", "busy"],
]);

/** Ends a session: the room hears the farewell, and an owner's room goes with its owner. */
export function endSession(state: ServerState, session: Session, reason: string): ServerStep {
  const { identity, roomid } = session;
  const room = roomOf(state, roomid);
  const left = withoutSeat(state, session);
  const gone: ServerState = { ...left, sessions: left.sessions.delete(identity) };
  return sequence<ServerState, ServerStep["effects"][number]>(
    gone,
    (s) =>
      step(
        s,
        roomChange(audienceOf(room.members), session, roomid, "", temporary.get(reason)),
        report({ event: "logout", identity, reason }),
      ),
    (s) => (room.owner === identity ? deleteRoom(s, roomid) : step(s)),
  );
}

/** Opens a room that this server has won. */
export function openRoom(
  state: ServerState,
  roomid: RoomId,
  owner: Identity,
  claimedAt: number,
): ServerStep {
  const room: Room = { roomid, owner, claimedAt, members: hallOf(state).members.clear() };
  return step(
    { ...state, rooms: state.rooms.set(roomid, room), roomChange: state.roomChange + 1 },
    report({ event: "room-created", roomid, owner }),
  );
}

/** Deletes a room of this server: everybody in it goes to the main hall, every server is told. */
export function deleteRoom(state: ServerState, roomid: RoomId): ServerStep {
  const room = roomOf(state, roomid);
  const hall = hallOf(state);
  const audience = [...audienceOf(room.members), ...audienceOf(hall.members)];
  const identities = [...room.members.keys()];
  const change = state.roomChange + 1;
  const next: ServerState = {
    ...state,
    roomChange: change,
    rooms: state.rooms
      .delete(roomid)
      .set(hall.roomid, { ...hall, members: hall.members.merge(room.members) }),
    sessions: state.sessions.withMutations((sessions) => {
      for (const identity of identities) {
        sessions.update(identity, (s) => s && { ...s, roomid: hall.roomid });
      }
    }),
  };
  const { serverid } = state.config;
  return step(
    next,
    ...identities.map((identity) => roomChange(audience, { identity }, roomid, hall.roomid)),
    ...tellPeers(next, { type: "deleteroom", serverid, roomid, change }),
    report({ event: "room-deleted", roomid }),
  );
}

function withSeat(state: ServerState, session: Session, connection: ConnectionId): ServerState {
  const room = roomOf(state, session.roomid);
  const members = room.members.set(session.identity, connection);
  return {
    ...state,
    sessions: state.sessions.set(session.identity, session),
    rooms: state.rooms.set(room.roomid, { ...room, members }),
  };
}

function withoutSeat(state: ServerState, session: Session): ServerState {
  const room = roomOf(state, session.roomid);
  const members = room.members.delete(session.identity);
  return { ...state, rooms: state.rooms.set(room.roomid, { ...room, members }) };
}
