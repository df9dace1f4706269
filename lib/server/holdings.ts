/**
 * What a server holds, as told to a peer at every introduction, and what is done with what a peer
 * holds. When two parts of a cluster meet, a name may be held twice: both sides apply the same rule
 * and one lets go. Source: PROTOCOL.md sections 6 and 8.
 *
 * @module
 */

import type { ServerId } from "../base/ids.ts";
import { dropAttemptsOf, identityLock, lockedName, roomLock } from "../lock/lock-table.ts";
import { forEach, sequence, step } from "../machine.ts";
import { asIdentity, asRoomId, flag } from "../wire/fields.ts";
import {
  type HeldIdentity,
  type HeldRoom,
  type Holdings,
  listEntriesMax,
  type OpenAttempt,
} from "../wire/server-messages.ts";
import { openBallots, settleName } from "./claims.ts";
import { endConnection } from "./departure.ts";
import { forgetRoomsOf, isEarlier, recordRoom } from "./directory.ts";
import type { ServerEffect } from "./inputs.ts";
import { changePeer } from "./links.ts";
import type { Session } from "./records.ts";
import { endReservation } from "./reservations.ts";
import { deleteRoom } from "./seats.ts";
import type { ServerState, ServerStep } from "./state.ts";

/** Everything this server holds, in parts; identities only for a peer that has to learn them. */
export function holdingsOf(state: ServerState, withIdentities: boolean): Holdings[] {
  const rooms = [...state.rooms.values()]
    .filter(({ owner }) => owner !== "")
    .map(({ roomid, claimedAt }): HeldRoom => ({ roomid, claimedat: claimedAt }));
  const holders = withIdentities
    ? [...state.sessions.values(), ...state.reservations.values()]
    : [];
  const identities = holders.map(
    ({ identity, username, claimedAt }): HeldIdentity => ({
      identity,
      username,
      claimedat: claimedAt,
    }),
  );
  const attempts = openBallots(state).map(([name, { attempt }]): OpenAttempt => {
    const locked = lockedName(name);
    return locked.kind === "identity"
      ? { kind: "identity", name: locked.identity, stamp: attempt.stamp }
      : { kind: "room", name: locked.roomid, stamp: attempt.stamp };
  });
  const entries = Math.max(1, rooms.length, identities.length, attempts.length);
  const parts: Holdings[] = [];
  for (let start = 0; start < entries; start += listEntriesMax) {
    const end = start + listEntriesMax;
    parts.push({
      type: "holdings",
      serverid: state.config.serverid,
      change: state.roomChange,
      rooms: rooms.slice(start, end),
      identities: identities.slice(start, end),
      attempts: attempts.slice(start, end),
      last: flag(end >= entries),
    });
  }
  return parts;
}

/** Takes what a member holds instead of what was known of it. */
export function takeHoldings(
  state: ServerState,
  server: ServerId,
  parts: readonly Holdings[],
): ServerStep {
  const rooms = parts.flatMap((part) => part.rooms);
  const identities = parts.flatMap((part) => part.identities);
  const attempts = parts.flatMap((part) => part.attempts);
  const change = parts.at(-1)?.change ?? 0;
  return sequence<ServerState, ServerEffect>(
    changePeer(forgetRoomsOf(state, server), server, { roomChange: change }),
    (s) => forEach(rooms, s, (current, room) => meetRoom(current, server, room)),
    (s) => forEach(identities, s, (current, held) => meetIdentity(current, server, held)),
    (s) => keepAttempts(s, server, attempts),
  );
}

function meetRoom(
  state: ServerState,
  server: ServerId,
  { roomid, claimedat }: HeldRoom,
): ServerStep {
  const theirs = { server, claimedAt: claimedat };
  const own = state.rooms.get(roomid);
  if (own === undefined) return step(recordRoom(state, roomid, theirs));
  const ours = { server: state.config.serverid, claimedAt: own.claimedAt };
  if (isEarlier(ours, theirs)) return step(state);
  const lost = deleteRoom(state, roomid);
  return step(recordRoom(lost.state, roomid, theirs), ...lost.effects);
}

/** A mover is held by both ends of its move, and only its target decides. */
function meetIdentity(state: ServerState, server: ServerId, theirs: HeldIdentity): ServerStep {
  const { serverid } = state.config;
  const mover = state.reservations.get(theirs.identity);
  if (mover !== undefined && mover.from !== server) {
    const isKept = keepsIdentity(serverid, mover, server, theirs);
    return isKept ? step(state) : endReservation(state, mover);
  }
  const ours = state.sessions.get(theirs.identity);
  if (ours === undefined || ours.move?.target === server) return step(state);
  if (keepsIdentity(serverid, ours, server, theirs)) return step(state);
  return ours.connection === undefined
    ? step({ ...state, sessions: state.sessions.delete(ours.identity) })
    : endConnection(state, ours.connection, "lost-name");
}

/**
 * Of two claims of one user the newer stays, of two users' the older; equal times: the smaller id.
 */
function keepsIdentity(
  here: ServerId,
  ours: Pick<Session, "username" | "claimedAt">,
  there: ServerId,
  theirs: HeldIdentity,
): boolean {
  if (ours.claimedAt === theirs.claimedat) return here < there;
  const isOlder = ours.claimedAt < theirs.claimedat;
  return ours.username === theirs.username ? !isOlder : isOlder;
}

/** Drops what is locked for a member's attempts that it no longer names. */
function keepAttempts(
  state: ServerState,
  server: ServerId,
  attempts: readonly OpenAttempt[],
): ServerStep {
  const open = new Set<string>();
  for (const { kind, name, stamp } of attempts) {
    const id = kind === "identity" ? asIdentity(name) : asRoomId(name);
    if (id === undefined) continue;
    const lock = kind === "identity" ? identityLock(id as never) : roomLock(id as never);
    open.add(`${stamp} ${lock}`);
  }
  const { table, names } = dropAttemptsOf(state.locks, server, (name, stamp) =>
    open.has(`${stamp} ${name}`),
  );
  return forEach(names, { ...state, locks: table }, settleName);
}
