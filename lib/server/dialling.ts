/**
 * Connections to peers as they come up: a dial that ended, or a peer that connected.
 * Source: PROTOCOL.md section 6.
 *
 * @module
 */

import type { ConnectionId, ServerId } from "../base/ids.ts";
import { sequence, step } from "../machine.ts";
import { isPresent } from "../membership/membership.ts";
import { type Address, formatAddress } from "../wire/fields.ts";
import { heard, probeFailed } from "./detection.ts";
import { openLinkTo, report } from "./effects.ts";
import type { DialOutcome, ServerEffect } from "./inputs.ts";
import { introduce } from "./introducing.ts";
import {
  changePeer,
  dialThrough,
  isDirect as isDirectlyLinked,
  newLink,
  newPeer,
  openLink,
  redialLater,
} from "./links.ts";
import type { Dial } from "./records.ts";
import { type ServerState, type ServerStep, schedule } from "./state.ts";

/** A dial has ended: in a connection over which this server introduces itself, or not. */
export function dialled(state: ServerState, number: number, outcome: DialOutcome): ServerStep {
  const target = state.dials.get(number);
  if (target === undefined) return step(state);
  const dials = new Map(state.dials);
  dials.delete(number);
  const { serverid, address } = target;
  const isDirect = target.via === undefined;
  const ended =
    serverid === undefined || !isDirect
      ? { ...state, dials }
      : changePeer({ ...state, dials }, serverid, { dial: undefined });
  if (outcome.type !== "link") return isDirect ? dialFailed(ended, target, outcome) : step(ended);
  const { connection, certificateId: id } = outcome;
  const isSelf = id === state.config.serverid;
  const known = serverid === undefined ? withoutContact(ended, address) : ended;
  if (isSelf) return step(known, { type: "close", connection, reason: "duplicate-link" });
  const peers = known.peers.has(id)
    ? known.peers
    : new Map(known.peers).set(id, newPeer(known, id, address));
  const isLinked = peers.get(id)?.link !== undefined;
  const isSuspect = known.membership.get(id)?.status === "suspect";
  const isBetter = isDirect && !isDirectlyLinked(known, id);
  if (isLinked && !isSuspect && !isBetter) {
    return step(known, { type: "close", connection, reason: "duplicate-link" });
  }
  return sequence<ServerState, ServerEffect>(
    { ...known, peers },
    (s) => heard(s, id),
    (s) => {
      const link = newLink(connection, id, { dialled: true, relayed: !isDirect });
      return introduce(openLink(s, link), link);
    },
  );
}

function withoutContact(state: ServerState, address: Address): ServerState {
  const contacts = new Map(state.contacts);
  contacts.delete(formatAddress(address));
  return { ...state, contacts };
}

function dialFailed(
  state: ServerState,
  { serverid, address }: Dial,
  outcome: Exclude<DialOutcome, { type: "link" }>,
): ServerStep {
  const detail = "detail" in outcome ? `${outcome.type}: ${outcome.detail}` : outcome.type;
  const failed = report({ event: "dial-failed", address: formatAddress(address), detail });
  if (serverid === undefined) {
    const { redialMaxMs } = state.config.timing;
    const retry = { type: "redial-contact", address } as const;
    return step(schedule(state, redialMaxMs / 4, retry), failed);
  }
  const isNews = state.peers.get(serverid)?.failures === 0;
  return sequence<ServerState, ServerEffect>(
    redialLater(state, serverid),
    (s) => (isNews ? step(s, failed) : step(s)),
    (s) => probeFailed(s, serverid, outcome.type),
    (s) => throughWhoListsIt(s, serverid),
  );
}

/** Who is no member here, but alive for another one, is reached through that one. */
function throughWhoListsIt(state: ServerState, serverid: ServerId): ServerStep {
  const third = state.peers.get(serverid)?.listedBy;
  if (third === undefined || isPresent(state.membership.get(serverid))) return step(state);
  return openLinkTo(state, third) === undefined ? step(state) : dialThrough(state, serverid, third);
}

/** A peer has connected; it has to introduce itself. */
export function peerOpened(state: ServerState, connection: ConnectionId, id: ServerId): ServerStep {
  if (id === state.config.serverid) {
    return sequence<ServerState, ServerEffect>(
      state,
      (s) =>
        step(s, report({ event: "peer-error", peer: id, detail: "it has this server's own id" })),
      (s) => step(s, { type: "close", connection, reason: "refused" }),
    );
  }
  return step(openLink(state, newLink(connection, id, { dialled: false })));
}
