/**
 * Questions, votes and releases, as they are said between servers. Source: PROTOCOL.md section 7.
 *
 * @module
 */

import { type Attempt, type LockName, lockedName } from "../lock/lock-table.ts";
import { flag } from "../wire/fields.ts";
import type { PeerMessage } from "../wire/server-messages.ts";
import { type ServerState, wallClockOf } from "./state.ts";

/** The question that asks for a vote. */
export function askFor(state: ServerState, name: LockName, { stamp }: Attempt): PeerMessage {
  const { serverid } = state.config;
  const locked = lockedName(name);
  return locked.kind === "identity"
    ? { type: "lockidentity", serverid, identity: locked.identity, stamp }
    : { type: "lockroomid", serverid, roomid: locked.roomid, stamp };
}

/** A vote on somebody's attempt. */
export function voteOn(
  state: ServerState,
  name: LockName,
  attempt: Attempt,
  granted: boolean,
): PeerMessage {
  return { ...askFor(state, name, attempt), locked: flag(granted) } as PeerMessage;
}

/** The end of an own attempt; approved, a room is won. */
export function releaseOf(
  state: ServerState,
  name: LockName,
  { stamp }: Attempt,
  approved: boolean,
): PeerMessage {
  const { serverid } = state.config;
  const locked = lockedName(name);
  if (locked.kind === "identity") {
    return { type: "releaseidentity", serverid, identity: locked.identity, stamp };
  }
  return {
    type: "releaseroomid",
    serverid,
    roomid: locked.roomid,
    stamp,
    approved: flag(approved),
    claimedat: state.rooms.get(locked.roomid)?.claimedAt ?? wallClockOf(state),
    change: state.roomChange,
  };
}
