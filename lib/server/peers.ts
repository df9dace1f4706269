/**
 * What each line of a peer leads to. Only a router, and the guard: a peer speaks for itself alone,
 * and before its introduction about nothing else. Source: PROTOCOL.md section 6.
 *
 * @module
 */

import type { ConnectionId, RoomId, ServerId } from "../base/ids.ts";
import { identityLock, roomLock } from "../lock/lock-table.ts";
import { sequence, step } from "../machine.ts";
import { isPresent } from "../membership/membership.ts";
import type { WireError } from "../wire/codec.ts";
import { flag } from "../wire/fields.ts";
import type {
  Evicted,
  Hearsay,
  LockIdentity,
  LockRoom,
  MoveIdentity,
  PeerError,
  PeerMessage,
} from "../wire/server-messages.ts";
import { contestLost } from "./answering.ts";
import { settleName, voteArrived } from "./claims.ts";
import { disconnectUser } from "./departure.ts";
import { evictionTold, heard, hears, hearsayArrived } from "./detection.ts";
import { report, tellPeer } from "./effects.ts";
import { heartbeatArrived } from "./heartbeats.ts";
import { holdingsOf } from "./holdings.ts";
import type { ServerEffect } from "./inputs.ts";
import { comeBack } from "./introducing.ts";
import {
  holdingsArrived,
  introductionAnswered,
  introductionBegun,
  membersArrived,
} from "./introduction.ts";
import { closeLink, isDirect } from "./links.ts";
import { memberLeaving, memberLeft, memberList, memberRemoved } from "./members.ts";
import { moveAnswered, moveEnded } from "./moves.ts";
import type { Link } from "./records.ts";
import { endMoveAcknowledged, endMoveAsked } from "./reservations.ts";
import type { ServerState, ServerStep } from "./state.ts";
import { attemptReleased, roomDeleted, roomReleased, stampAheadMax, voteAsked } from "./votes.ts";

/** A line of a peer. */
export function peerSaid(
  state: ServerState,
  connection: ConnectionId,
  message: PeerMessage,
  random: Uint8Array,
): ServerStep {
  const link = state.links.get(connection);
  if (link === undefined) return step(state);
  if (message.type === "error") {
    const detail = `it did not take a line: ${message.detail}`;
    return step(state, report({ event: "peer-error", peer: link.peer, detail }));
  }
  if (message.serverid !== link.peer) {
    return cutOff(state, link, `it speaks as ${message.serverid}`);
  }
  return sequence<ServerState, ServerEffect>(
    state,
    (s) => heard(s, link.peer),
    (s) => linkSaid(s, link, message, random),
  );
}

function linkSaid(
  state: ServerState,
  link: Link,
  message: Exclude<PeerMessage, PeerError>,
  random: Uint8Array,
): ServerStep {
  if (!isInPlace(link, message.type)) {
    return cutOff(state, link, `it sends ${message.type} before its introduction`);
  }
  switch (message.type) {
    case "newserver":
      return introductionBegun(state, link, message);
    case "serverreply":
      return introductionAnswered(state, link, message);
    case "members":
      return membersArrived(state, link, message);
    case "holdings":
      return holdingsArrived(state, link, message);
    case "relay":
      return relay(state, link, message.target);
    default:
      return memberSaid(state, link, message, random);
  }
}

/** Whether a message may come at this point of an introduction. */
function isInPlace({ phase, newserver, serverreply }: Link, type: PeerMessage["type"]): boolean {
  if (phase === "open" || type === "newserver" || type === "relay") return true;
  if (type === "serverreply") return phase === "introducing";
  const isList = type === "members" || type === "holdings";
  return isList && (newserver !== undefined || serverreply !== undefined);
}

/** Carries bytes for a member that can't reach another one; one hop, no further. */
function relay(state: ServerState, link: Link, target: ServerId): ServerStep {
  const { connection, peer, phase, newserver } = link;
  const address = state.peers.get(target)?.address;
  const isFresh = phase === "accepted" && newserver === undefined;
  if (!isFresh || !isPresent(state.membership.get(peer))) {
    return cutOff(state, link, "it asks to be relayed and is no member");
  }
  if (address === undefined || !isDirect(state, target)) {
    return closeLink(state, connection, "refused");
  }
  const links = new Map(state.links);
  links.delete(connection);
  return step({ ...state, links }, { type: "splice", connection, address });
}

const listTypes: ReadonlySet<string | undefined> = new Set(["members", "holdings"]);

/**
 * A line of a peer that is no message: it is told, and its link stays if lines can still be read.
 * In the middle of a list it does not: the list would be taken without what that line said.
 */
export function peerMalformed(state: ServerState, link: Link, error: WireError): ServerStep {
  const { newserver, serverreply, holdings } = link;
  const isBegun = newserver !== undefined || serverreply !== undefined || holdings.length > 0;
  const isListing = isBegun || listTypes.has(error.type);
  return sequence<ServerState, ServerEffect>(
    state,
    (s) => complain(s, link, error.reason, error.detail),
    (s) => (error.fatal || isListing ? closeLink(s, link.connection, "malformed") : step(s)),
  );
}

/** A peer that does what no server does is told, and its link closed. */
function cutOff(state: ServerState, link: Link, detail: string): ServerStep {
  return sequence<ServerState, ServerEffect>(
    state,
    (s) => complain(s, link, "malformed", detail),
    (s) => closeLink(s, link.connection, "malformed"),
  );
}

function complain(
  state: ServerState,
  { connection, peer }: Link,
  reason: string,
  detail: string,
): ServerStep {
  const { serverid } = state.config;
  return step(
    state,
    { type: "send", to: [connection], message: { type: "error", serverid, reason, detail } },
    report({ event: "peer-error", peer, detail }),
  );
}

type MemberMessage = Exclude<
  PeerMessage,
  { type: "newserver" | "serverreply" | "members" | "holdings" | "relay" | "error" }
>;

function memberSaid(
  state: ServerState,
  link: Link,
  message: MemberMessage,
  random: Uint8Array,
): ServerStep {
  const { peer } = link;
  switch (message.type) {
    case "lockidentity":
    case "lockroomid":
      return voting(state, link, message);
    case "releaseidentity":
      return attemptReleased(state, identityLock(message.identity), {
        asker: peer,
        stamp: message.stamp,
      });
    case "releaseroomid":
      return roomReleased(state, message);
    case "deleteroom":
      return roomDeleted(state, peer, message.roomid, message.change);
    case "moveidentity":
      return moving(state, link, message, random);
    case "endmove":
      return message.acknowledged === "true"
        ? endMoveAcknowledged(state, peer, message.move)
        : endMoveAsked(state, peer, message.identity, message.move);
    case "moveended":
      return moveEnded(state, peer, message.identity, message.move, message.arrived === "true");
    case "heartbeat":
      return heartbeatArrived(state, peer, message);
    case "askrooms":
      return step(
        state,
        ...holdingsOf(state, false).flatMap((part) => tellPeer(state, peer, part)),
      );
    case "askmembers":
      return step(state, ...memberList(state).flatMap((part) => tellPeer(state, peer, part)));
    case "leave":
      return memberLeft(state, peer);
    case "hearsay":
      return hearsay(state, link, message);
    case "leaving":
      return memberLeaving(state, peer);
    case "evicted":
      return evicted(state, message);
    case "removed":
      return memberRemoved(state, message.evictedid, message.incarnation);
    case "disconnect":
      return disconnectUser(state, message.username);
  }
}

function voting(state: ServerState, link: Link, message: LockIdentity | LockRoom): ServerStep {
  const { peer } = link;
  const { stamp, locked } = message;
  const isIdentity = message.type === "lockidentity";
  const name = isIdentity ? identityLock(message.identity) : roomLock(message.roomid);
  if (locked === undefined) {
    const isTooFar = stamp > state.clock + stampAheadMax;
    if (isTooFar) return cutOff(state, link, `its clock is ${stamp - state.clock} ahead`);
    return voteAsked(state, name, { asker: peer, stamp });
  }
  const held = isIdentity ? "identity-in-use" : "room-exists";
  const refusal = locked === "true" ? undefined : (message.reason ?? held);
  return voteArrived(state, peer, name, stamp, refusal);
}

function moving(
  state: ServerState,
  link: Link,
  message: MoveIdentity,
  random: Uint8Array,
): ServerStep {
  const { peer } = link;
  if (message.approved !== undefined) return moveAnswered(state, peer, message);
  const { identity, username, claimedat, move, former, roomid } = message;
  const wish = {
    identity,
    username,
    claimedAt: claimedat,
    from: peer,
    move,
    former: former as RoomId,
    roomid: roomid as RoomId,
    pass: Array.from(random, (byte) => byte.toString(16).padStart(2, "0")).join(""),
  };
  return settleName(
    { ...state, announced: state.announced.set(identity, wish) },
    identityLock(identity),
  );
}

/** Somebody was evicted: this server itself, or a member that it may still hear. */
function evicted(state: ServerState, { evictedid, incarnation }: Evicted): ServerStep {
  return evictedid === state.config.serverid
    ? comeBack(state, incarnation)
    : evictionTold(state, evictedid, incarnation);
}

/** Asked about itself, a server shows that it lives; an answer about itself ends a contest. */
function hearsay(state: ServerState, link: Link, message: Hearsay): ServerStep {
  const { serverid } = state.config;
  if (message.heard === undefined) {
    const { suspectid, incarnation } = message;
    const isHeard =
      suspectid === serverid
        ? incarnation === state.incarnation
        : hears(state, suspectid, incarnation);
    const reply = { ...message, serverid, heard: flag(isHeard) };
    return step(state, ...tellPeer(state, link.peer, reply));
  }
  const isHeard = message.heard === "true";
  if (message.suspectid !== link.peer) {
    return hearsayArrived(state, link.peer, message.suspectid, isHeard);
  }
  return isHeard ? contestLost(state, link.peer) : step(state);
}
