/**
 * Connections to peers: who is dialled and when again, and which connection is the link.
 * Source: PROTOCOL.md section 6.
 *
 * @module
 */

import type { ConnectionId, ServerId } from "../base/ids.ts";
import { draw } from "../base/prng.ts";
import { step } from "../machine.ts";
import { type Address, formatAddress } from "../wire/fields.ts";
import { report } from "./effects.ts";
import type { CloseReason } from "./inputs.ts";
import {
  type Dial,
  type Link,
  type Peer,
  type ServerState,
  type ServerStep,
  schedule,
} from "./state.ts";

/** A peer that nothing is known of but where it listens. */
export function newPeer(address: Address, state: ServerState): Peer {
  return {
    address,
    link: undefined,
    dial: undefined,
    failures: 0,
    sequence: 0,
    roomChange: 0,
    heardAt: state.now,
    heartbeat: 0,
    knownAs: 0,
  };
}

/** The state with something changed about a peer that is known. */
export function changePeer(state: ServerState, id: ServerId, change: Partial<Peer>): ServerState {
  const peer = state.peers.get(id);
  if (peer === undefined) return state;
  return { ...state, peers: new Map(state.peers).set(id, { ...peer, ...change }) };
}

/** Dials a server that there is no link to, unless it is being dialled already. */
export function dialPeer(state: ServerState, serverid: ServerId): ServerStep {
  const peer = state.peers.get(serverid);
  if (peer === undefined || peer.link !== undefined || peer.dial !== undefined) return step(state);
  const dialling = changePeer(state, serverid, { dial: state.nextNumber });
  return dial(dialling, { serverid, address: peer.address });
}

/** Dials an address where any member may answer. */
export function dialContact(state: ServerState, address: Address): ServerStep {
  const isWanted = state.contacts.has(formatAddress(address));
  return isWanted ? dial(state, { serverid: undefined, address }) : step(state);
}

function dial(state: ServerState, to: Dial): ServerStep {
  const number = state.nextNumber;
  const dials = new Map(state.dials).set(number, to);
  const effect = { type: "dial", dial: number, ...to } as const;
  return step({ ...state, nextNumber: number + 1, dials }, effect);
}

/** Dials again after a pause that grows with every failure and is jittered. */
export function redialLater(state: ServerState, serverid: ServerId): ServerState {
  const peer = state.peers.get(serverid);
  if (peer === undefined) return state;
  const { redialMinMs, redialMaxMs } = state.config.timing;
  const { value, prng } = draw(state.prng);
  const longestMs = Math.min(redialMaxMs, redialMinMs * 2 ** peer.failures);
  const delayMs = redialMinMs + (longestMs - redialMinMs) * value;
  const failed = changePeer({ ...state, prng }, serverid, { failures: peer.failures + 1 });
  return schedule(failed, delayMs, { type: "redial", serverid });
}

/** A connection over which nothing has been said yet. */
export function newLink(connection: ConnectionId, peer: ServerId, dialled: boolean): Link {
  return {
    connection,
    peer,
    dialled,
    phase: dialled ? "introducing" : "accepted",
    newserver: undefined,
    serverreply: undefined,
    holdings: [],
    members: [],
  };
}

/** The state with this link in it. */
export function putLink(state: ServerState, link: Link): ServerState {
  return { ...state, links: new Map(state.links).set(link.connection, link) };
}

/** Ends a connection to a peer; what it still says is not listened to. */
export function closeLink(
  state: ServerState,
  connection: ConnectionId,
  reason: CloseReason,
): ServerStep {
  const lost = linkLost(state, connection);
  return step(lost.state, ...lost.effects, { type: "close", connection, reason });
}

/** A connection to a peer is gone; if it was the link, it is made anew. */
export function linkLost(state: ServerState, connection: ConnectionId): ServerStep {
  const link = state.links.get(connection);
  if (link === undefined) return step(state);
  const links = new Map(state.links);
  links.delete(connection);
  const peer = state.peers.get(link.peer);
  if (peer?.link !== connection) {
    const gone = { ...state, links };
    return step(link.dialled ? redialLater(gone, link.peer) : gone);
  }
  const unlinked = changePeer({ ...state, links }, link.peer, { link: undefined });
  const { incarnation } = state.membership.get(link.peer) ?? { incarnation: 0 };
  return step(
    redialLater(unlinked, link.peer),
    report({ event: "link-lost", member: link.peer, incarnation }),
  );
}
