/**
 * What a user who is in asks about rooms: create, join, delete. Source: PROTOCOL.md section 3.
 *
 * @module
 */

import type { ConnectionId } from "../base/ids.ts";
import { roomLock } from "../lock/lock-table.ts";
import { type Instant, sequence, step } from "../machine.ts";
import { asRoomId, flag } from "../wire/fields.ts";
import { claimName, knownRefusal } from "./claims.ts";
import { findRoom } from "./directory.ts";
import { refuseJoin, refuseRoom, send } from "./effects.ts";
import type { ServerEffect } from "./inputs.ts";
import { claimDeadline } from "./login.ts";
import { announceMove } from "./moves.ts";
import type { Session } from "./records.ts";
import { changeRoom, deleteRoom } from "./seats.ts";
import type { ServerState, ServerStep } from "./state.ts";

/** Claims a room id; the owner of a room can't have a second one. */
export function createRoomAsked(
  state: ServerState,
  session: Session,
  connection: ConnectionId,
  wanted: string,
  readAt: Instant,
): ServerStep {
  const roomid = asRoomId(wanted);
  if (roomid === undefined) {
    return step(state, refuseRoom("createroom", connection, wanted, "room-invalid"));
  }
  const refusal = ownsRoom(state, session) ? "owns-room" : knownRefusal(state, roomLock(roomid));
  if (refusal !== undefined) {
    return step(state, refuseRoom("createroom", connection, roomid, refusal));
  }
  if (state.phase !== "serving") {
    return step(state, refuseRoom("createroom", connection, roomid, "draining"));
  }
  return claimName(state, roomLock(roomid), {
    connection,
    identity: session.identity,
    purpose: { type: "createroom", roomid },
    deadline: claimDeadline(state, readAt),
    ballot: undefined,
    yields: 0,
    askAt: state.now,
  });
}

/** Changes the room, here or by a route; the owner of a room stays with it. */
export function joinAsked(
  state: ServerState,
  session: Session,
  connection: ConnectionId,
  wanted: string,
  readAt: Instant,
): ServerStep {
  const place = findRoom(state, wanted);
  if (place.type === "nowhere") return step(state, refuseJoin(connection, session, "no-such-room"));
  if (wanted === session.roomid) {
    return step(state, refuseJoin(connection, session, "already-there"));
  }
  if (ownsRoom(state, session)) return step(state, refuseJoin(connection, session, "owns-room"));
  return place.type === "here"
    ? changeRoom(state, session, place.room.roomid)
    : announceMove(state, session, connection, place, readAt);
}

/** Deletes the room that its owner is in; everybody goes to the main hall, then the owner hears. */
export function deleteRoomAsked(
  state: ServerState,
  session: Session,
  connection: ConnectionId,
  wanted: string,
): ServerStep {
  const place = findRoom(state, wanted);
  if (place.type === "nowhere") {
    return step(state, refuseRoom("deleteroom", connection, wanted, "no-such-room"));
  }
  if (place.type !== "here" || place.room.owner !== session.identity) {
    return step(state, refuseRoom("deleteroom", connection, wanted, "not-owner"));
  }
  const { roomid } = place.room;
  return sequence<ServerState, ServerEffect>(
    state,
    (s) => deleteRoom(s, roomid),
    (s) => step(s, send(connection, { type: "deleteroom", roomid, approved: flag(true) })),
  );
}

/** An owner is always in its room, so looking at the room one is in is enough. */
function ownsRoom(state: ServerState, session: Session): boolean {
  return state.rooms.get(session.roomid)?.owner === session.identity;
}
