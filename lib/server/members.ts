/**
 * The member list in motion: who is told of whom, and what goes with a member that is gone.
 * Source: PROTOCOL.md section 8.
 *
 * @module
 */

import type { ServerId } from "../base/ids.ts";
import { forEach, sequence, step } from "../machine.ts";
import {
  changeMember,
  digest,
  isPresent,
  type Member,
  withMember,
} from "../membership/membership.ts";
import { flag } from "../wire/fields.ts";
import {
  type Introduction,
  type ListedMember,
  listEntriesMax,
  type Members,
} from "../wire/server-messages.ts";
import { dropLocksOf, forgetVoter } from "./claims.ts";
import { forgetRoomsOf } from "./directory.ts";
import { report } from "./effects.ts";
import type { ServerEffect } from "./inputs.ts";
import { changePeer, dialPeer, newPeer } from "./links.ts";
import { bringBackMovers } from "./moves.ts";
import { changeRoster, keepUnknownGhost } from "./quorum.ts";
import type { ServerState, ServerStep } from "./state.ts";

/** This server, as it introduces itself. */
export function ownIntroduction(state: ServerState): Introduction {
  const { serverid, client, peer } = state.config;
  return {
    serverid,
    incarnation: state.incarnation,
    host: client.host,
    clientport: String(client.port),
    peerhost: peer.host,
    peerport: String(peer.port),
  };
}

/** Who introduced itself, as a member. */
export function memberOf(introduction: Introduction): Member {
  return {
    id: introduction.serverid,
    incarnation: introduction.incarnation,
    status: "alive",
    leaving: false,
    client: { host: introduction.host, port: Number(introduction.clientport) },
    peer: { host: introduction.peerhost, port: Number(introduction.peerport) },
  };
}

/** Everybody this server knows, also those it has not reached yet, in parts. */
export function memberList(state: ServerState): Members[] {
  const members: ListedMember[] = [...state.membership.values()]
    .filter(({ status }) => status !== "left")
    .map((member) => ({ ...introductionOf(member), status: statusOf(member) }));
  const isStarting = state.phase === "starting";
  const introducing = new Set([...state.links.values()].map(({ peer }) => peer));
  for (const [serverid, { address }] of state.peers) {
    const isExpected = isStarting || introducing.has(serverid);
    if (state.membership.has(serverid) || !isExpected) continue;
    const { host, port } = address;
    const there = { host, clientport: String(port), peerhost: host, peerport: String(port) };
    members.push({ serverid, incarnation: 0, ...there, status: "introducing" });
  }
  const parts: Members[] = [];
  for (let start = 0; start === 0 || start < members.length; start += listEntriesMax) {
    const end = start + listEntriesMax;
    const last = flag(end >= members.length);
    const { serverid } = state.config;
    parts.push({ type: "members", serverid, members: members.slice(start, end), last });
  }
  return parts;
}

function introductionOf({ id, incarnation, client, peer }: Member): Introduction {
  return {
    serverid: id,
    incarnation,
    host: client.host,
    clientport: String(client.port),
    peerhost: peer.host,
    peerport: String(peer.port),
  };
}

function statusOf({ status, leaving }: Member): ListedMember["status"] {
  if (status === "dead" || status === "left") return "dead";
  return leaving ? "leaving" : status;
}

/**
 * Follows another server's list: whoever is new here is dialled, whoever is dead there is noted.
 */
export function takeMemberList(
  state: ServerState,
  from: ServerId,
  listed: readonly ListedMember[],
): ServerStep {
  const ids = state.phase === "starting" ? listed.map(({ serverid }) => serverid) : [];
  const followed = changeRoster(state, { add: ids });
  const next = forEach<ListedMember, ServerState, ServerEffect>(
    listed,
    followed.state,
    (s, entry) => {
      const { serverid: id } = entry;
      const known = s.membership.get(id);
      if (id === s.config.serverid || isPresent(known)) return step(s);
      if (entry.status === "dead") {
        const dead = { ...memberOf(entry), status: "dead" } as const;
        const isNews = (known?.incarnation ?? 0) < entry.incarnation;
        if (!isNews) return step(s);
        return keepUnknownGhost({ ...s, membership: withMember(s.membership, dead) }, dead);
      }
      const address = { host: entry.peerhost, port: Number(entry.peerport) };
      const peers = s.peers.has(id) ? s.peers : new Map(s.peers).set(id, newPeer(s, id, address));
      const listedBy = entry.status === "alive" ? from : peers.get(id)?.listedBy;
      const listedAt = isYoungersHope(s, from, entry) ? peers.get(id)?.listedAt : s.now;
      return dialPeer(
        changePeer({ ...s, peers }, id, { listedAt: listedAt ?? s.now, listedBy }),
        id,
      );
    },
  );
  return step(next.state, ...followed.effects, ...next.effects);
}

/**
 * Whether a list only says whom a younger server hopes to reach itself. Two newcomers that took
 * that for news would keep each other waiting for somebody who is long gone.
 */
function isYoungersHope(state: ServerState, from: ServerId, { status }: ListedMember): boolean {
  if (status !== "introducing") return false;
  const theirs = state.membership.get(from)?.incarnation ?? 0;
  return theirs === state.incarnation ? from > state.config.serverid : theirs > state.incarnation;
}

/** What the member list comes down to; members that see the same have the same. */
export function membersDigest(state: ServerState): string {
  const { serverid: id } = state.config;
  const others = [...state.membership.values()].filter(isPresent);
  return digest([...others, { id, incarnation: state.incarnation }]);
}

/**
 * Forgets what a member had here: its rooms and its locks; users who were on their way there are
 * back. Reservations for its movers stay until their time, and how its moves ended until it knows:
 * it may come back, and holds their names until then.
 */
export function forgetHoldings(state: ServerState, id: ServerId): ServerStep {
  const isOthers = (entry: { readonly from: ServerId }) => entry.from !== id;
  return sequence<ServerState, ServerEffect>(
    {
      ...changePeer(forgetRoomsOf(state, id), id, { roomChange: 0, knownAs: 0, heartbeat: 0 }),
      announced: state.announced.filter(isOthers),
    },
    (s) => dropLocksOf(s, id),
    (s) => bringBackMovers(s, id),
  );
}

/** Forgets a member that is gone, and that its vote was needed. */
export function forgetMember(state: ServerState, id: ServerId): ServerStep {
  return sequence<ServerState, ServerEffect>(
    state,
    (s) => forgetHoldings(s, id),
    (s) => forgetVoter(s, id),
  );
}

/** A member drains: nobody is sent there any longer, but it still votes. */
export function memberLeaving(state: ServerState, id: ServerId): ServerStep {
  return step({ ...state, membership: changeMember(state.membership, id, { leaving: true }) });
}

/** An admin has removed a dead member for good: it is not dialled and not listed any longer. */
export function memberRemoved(state: ServerState, id: ServerId, incarnation: number): ServerStep {
  const member = state.membership.get(id);
  if (member?.status !== "dead" || member.incarnation > incarnation) return step(state);
  const peers = new Map(state.peers);
  peers.delete(id);
  const reason = "an admin has removed it";
  const event = { event: "member-left", member: id, incarnation: member.incarnation } as const;
  return sequence<ServerState, ServerEffect>(
    {
      ...withoutMovesOf(state, id),
      membership: changeMember(state.membership, id, { status: "left" }),
      peers,
    },
    (s) => step(s, report({ ...event, reason })),
    (s) => changeRoster(s, { remove: id }),
  );
}

/** A member has said that it goes: it is not dialled again and takes part in nothing. */
export function memberLeft(state: ServerState, id: ServerId): ServerStep {
  const member = state.membership.get(id);
  if (!isPresent(member)) return step(state);
  const { incarnation } = member;
  const peers = new Map(state.peers);
  peers.delete(id);
  return sequence<ServerState, ServerEffect>(
    {
      ...withoutMovesOf(state, id),
      membership: changeMember(state.membership, id, { status: "left" }),
      peers,
    },
    (s) => forgetMember(s, id),
    (s) =>
      step(s, report({ event: "member-left", member: id, incarnation, reason: "it has left" })),
    (s) => changeRoster(s, { remove: id }),
  );
}

/** Nobody is left to be told how moves from there ended. */
function withoutMovesOf(state: ServerState, id: ServerId): ServerState {
  return { ...state, endedMoves: state.endedMoves.filter(({ from }) => from !== id) };
}
