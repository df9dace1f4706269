/**
 * Which room is where, and what a client may see of it: own rooms, main halls, and the rooms of
 * members that are heard. Source: PROTOCOL.md sections 3 and 8.
 *
 * @module
 */

import type { RoomId, ServerId } from "../base/ids.ts";
import { isPresent, isRoutable, type Member } from "../membership/membership.ts";
import type { ClientReply, ListedServer } from "../wire/client-messages.ts";
import { mainHallOf } from "../wire/fields.ts";
import { changePeer } from "./links.ts";
import type { RemoteRoom, Room } from "./records.ts";
import type { ServerState } from "./state.ts";

/** Where a room is: here, on a member, or nowhere. */
export type RoomPlace =
  | { readonly type: "here"; readonly room: Room }
  | { readonly type: "member"; readonly roomid: RoomId; readonly member: Member }
  | { readonly type: "nowhere" };

/** Finds a room by what a client calls it. */
export function findRoom(state: ServerState, roomid: string): RoomPlace {
  const room = state.rooms.get(roomid as RoomId);
  if (room !== undefined) return { type: "here", room };
  const remote = state.directory.get(roomid as RoomId);
  const member =
    remote === undefined ? hallKeeper(state, roomid) : state.membership.get(remote.server);
  return isPresent(member)
    ? { type: "member", roomid: roomid as RoomId, member }
    : { type: "nowhere" };
}

function hallKeeper(state: ServerState, roomid: string): Member | undefined {
  const prefix = mainHallOf("" as ServerId);
  if (!roomid.startsWith(prefix)) return undefined;
  return state.membership.get(roomid.slice(prefix.length) as ServerId);
}

/** All rooms a client may go to. */
export function listRooms(state: ServerState): ClientReply {
  const rooms = [...state.rooms.keys()];
  for (const member of state.membership.values()) {
    if (isRoutable(member)) rooms.push(mainHallOf(member.id));
  }
  for (const [roomid, { server }] of state.directory) {
    if (isRoutable(state.membership.get(server))) rooms.push(roomid);
  }
  return { type: "roomlist", rooms };
}

/** All servers a client may know of. */
export function listServers(state: ServerState): ClientReply {
  const { serverid, client } = state.config;
  const own: ListedServer = {
    serverid,
    host: client.host,
    port: String(client.port),
    status: state.phase === "draining" ? "leaving" : "alive",
  };
  const others = [...state.membership.values()].filter(isPresent).map(
    (member): ListedServer => ({
      serverid: member.id,
      host: member.client.host,
      port: String(member.client.port),
      status: member.status === "suspect" ? "suspect" : member.leaving ? "leaving" : "alive",
    }),
  );
  return { type: "servers", servers: [own, ...others] };
}

/**
 * Records a room of a member. One that is recorded for another member stays with whoever claimed it
 * first: both will hear of each other and one of them deletes it. If that is the one recorded here,
 * the other's is the room; so the list of whoever is left out here is asked for again.
 */
export function recordRoom(state: ServerState, roomid: RoomId, room: RemoteRoom): ServerState {
  const known = state.directory.get(roomid);
  const isShared = known !== undefined && known.server !== room.server;
  if (!isShared) return { ...state, directory: state.directory.set(roomid, room) };
  const [kept, leftOut] = isEarlier(room, known) ? [room, known] : [known, room];
  const recorded = { ...state, directory: state.directory.set(roomid, kept) };
  return changePeer(recorded, leftOut.server, { roomChange: incompleteChange });
}

/** No change has this number: whoever is known up to it is asked for its rooms again. */
const incompleteChange = -1;

/** Of two claims to one room the older stays; of two equally old ones that of the smaller id. */
export function isEarlier(one: RemoteRoom, other: RemoteRoom): boolean {
  return one.claimedAt === other.claimedAt
    ? one.server < other.server
    : one.claimedAt < other.claimedAt;
}

/** Forgets a room, if it is recorded for that member. */
export function forgetRoom(state: ServerState, roomid: RoomId, server: ServerId): ServerState {
  if (state.directory.get(roomid)?.server !== server) return state;
  return { ...state, directory: state.directory.delete(roomid) };
}

/** Forgets all rooms of a member. */
export function forgetRoomsOf(state: ServerState, server: ServerId): ServerState {
  const directory = state.directory.filter((room) => room.server !== server);
  return { ...state, directory };
}
