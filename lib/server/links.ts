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
import type { Dial, Link, Peer } from "./records.ts";
import { type ServerState, type ServerStep, schedule } from "./state.ts";

/**
 * Where to dial a server: as the own servers file says, for that is the way from here; else as
 * told.
 */
export function wayTo({ config }: ServerState, id: ServerId, told: Address): Address {
  return config.contacts.find(({ serverid }) => serverid === id)?.address ?? told;
}

/** A peer that nothing is known of but where it listens. */
export function newPeer(state: ServerState, id: ServerId, told: Address): Peer {
  return {
    address: wayTo(state, id, told),
    link: undefined,
    dial: undefined,
    failures: 0,
    linkedAt: state.now,
    sequence: 0,
    roomChange: 0,
    heardAt: state.now,
    heartbeat: 0,
    knownAs: 0,
    acknowledgedAt: Number.NEGATIVE_INFINITY,
    listedAt: state.now,
    listedBy: undefined,
    users: 0,
  };
}

/** The state with something changed about a peer that is known. */
export function changePeer(state: ServerState, id: ServerId, change: Partial<Peer>): ServerState {
  const peer = state.peers.get(id);
  if (peer === undefined) return state;
  return { ...state, peers: new Map(state.peers).set(id, { ...peer, ...change }) };
}

/** Dials a server that there is no link to. */
export function dialPeer(state: ServerState, serverid: ServerId): ServerStep {
  return isDirect(state, serverid) ? step(state) : probePeer(state, serverid);
}

/** Whether there is a link to a server that does not run through a third one. */
export function isDirect(state: ServerState, serverid: ServerId): boolean {
  const link = state.peers.get(serverid)?.link;
  return link !== undefined && state.links.get(link)?.relayed === false;
}

/** Dials a server through a third one that hears it. */
export function dialThrough(state: ServerState, serverid: ServerId, third: ServerId): ServerStep {
  const peer = state.peers.get(serverid);
  const via = state.peers.get(third);
  const isDialling = [...state.dials.values()].some(
    (other) => other.serverid === serverid && other.via !== undefined,
  );
  if (peer === undefined || via === undefined || isDialling || isIntroducing(state, serverid)) {
    return step(state);
  }
  const through = { serverid: third, address: via.address };
  return dial(state, { serverid, address: peer.address, via: through });
}

function isIntroducing(state: ServerState, serverid: ServerId): boolean {
  return [...state.links.values()].some(
    ({ peer, phase }) => peer === serverid && phase === "introducing",
  );
}

/**
 * Dials a server, also beside a link that has fallen silent, unless it is being dialled already.
 */
export function probePeer(state: ServerState, serverid: ServerId): ServerStep {
  const peer = state.peers.get(serverid);
  if (peer === undefined || peer.dial !== undefined || isIntroducing(state, serverid)) {
    return step(state);
  }
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
  const delayMs = Math.max(redialMinMs, longestMs * (0.5 + 0.5 * value));
  const failed = changePeer({ ...state, prng }, serverid, { failures: peer.failures + 1 });
  return schedule(failed, delayMs, { type: "redial", serverid });
}

/** A connection over which nothing has been said yet. */
export function newLink(
  connection: ConnectionId,
  peer: ServerId,
  { dialled, relayed = false }: { readonly dialled: boolean; readonly relayed?: boolean },
): Link {
  return {
    connection,
    peer,
    dialled,
    relayed,
    phase: dialled ? "introducing" : "accepted",
    newserver: undefined,
    serverreply: undefined,
    holdings: [],
    members: [],
  };
}

/** A new connection; nobody takes for ever to introduce itself over it. */
export function openLink(state: ServerState, link: Link): ServerState {
  const { connection } = link;
  const { introduceMs } = state.config.timing;
  return schedule(putLink(state, link), introduceMs, { type: "introduced", connection });
}

/** An introduction has taken too long. */
export function introductionOverdue(state: ServerState, connection: ConnectionId): ServerStep {
  const link = state.links.get(connection);
  return link === undefined || link.phase === "open"
    ? step(state)
    : closeLink(state, connection, "login-timeout");
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
  const peer = state.links.get(connection)?.peer;
  const { state: forgotten, effects } = forgetLink(state, connection);
  const next = peer === undefined ? forgotten : redialLater(forgotten, peer);
  return step(next, ...effects, { type: "close", connection, reason });
}

/**
 * A connection to a peer is gone. If it was the link, a dial tells at once whether the other end
 * still lives, and the pauses after that begin anew: what had failed while the link was being made
 * is no matter. Only a link that never lasts is not made anew at once.
 */
export function linkLost(state: ServerState, connection: ConnectionId): ServerStep {
  const link = state.links.get(connection);
  if (link === undefined) return step(state);
  const { link: current, linkedAt } = state.peers.get(link.peer) ?? {};
  const lost = forgetLink(state, connection);
  if (current !== connection) {
    return step(link.dialled ? redialLater(lost.state, link.peer) : lost.state, ...lost.effects);
  }
  const lasted = linkedAt !== undefined && state.now - linkedAt >= state.config.timing.probeMs;
  if (!lasted) return step(redialLater(lost.state, link.peer), ...lost.effects);
  const dialling = dialPeer(changePeer(lost.state, link.peer, { failures: 0 }), link.peer);
  return step(dialling.state, ...lost.effects, ...dialling.effects);
}

function forgetLink(state: ServerState, connection: ConnectionId): ServerStep {
  const link = state.links.get(connection);
  if (link === undefined) return step(state);
  const links = new Map(state.links);
  links.delete(connection);
  if (state.peers.get(link.peer)?.link !== connection) return step({ ...state, links });
  const unlinked = changePeer({ ...state, links }, link.peer, { link: undefined });
  const { incarnation } = state.membership.get(link.peer) ?? { incarnation: 0 };
  return step(unlinked, report({ event: "link-lost", member: link.peer, incarnation }));
}
