/**
 * Another server has introduced itself completely: refuse it, ask an older incarnation first, or
 * take it as a member and answer. Source: PROTOCOL.md section 6.
 *
 * @module
 */

import type { ConnectionId, ServerId } from "../base/ids.ts";
import { forEach, sequence, step } from "../machine.ts";
import { isPresent } from "../membership/membership.ts";
import {
  type IntroductionRefusal,
  type NewServer,
  protocolVersion,
  type ServerReply,
} from "../wire/server-messages.ts";
import { openLinkTo, report, tellPeer } from "./effects.ts";
import { hasJoined } from "./gathering.ts";
import { holdingsOf, takeHoldings } from "./holdings.ts";
import type { ServerEffect } from "./inputs.ts";
import { comeBack, incarnationAheadMax } from "./introducing.ts";
import { closeLink, putLink } from "./links.ts";
import { memberList, ownIntroduction } from "./members.ts";
import { mayGrow } from "./quorum.ts";
import type { Link } from "./records.ts";
import { type ServerState, type ServerStep, schedule, wallClockOf } from "./state.ts";
import { linkMade, welcome } from "./welcoming.ts";

/** Decides on an introduction that is complete. */
export function answer(state: ServerState, link: Link, newserver: NewServer): ServerStep {
  const { peer: id, connection } = link;
  const refusal = refusalOf(state, newserver);
  if (refusal !== undefined) return refuse(state, link, ...refusal);
  if (!hasJoined(state)) return closeLink(state, connection, "refused");
  const known = state.membership.get(id);
  const isReplacing = isPresent(known) && known.incarnation < newserver.incarnation;
  const current = openLinkTo(state, id);
  if (isReplacing && current !== undefined && current !== connection) {
    return contest(state, link, known.incarnation);
  }
  if (isOvertaken(state, link, newserver)) return closeLink(state, connection, "duplicate-link");
  return sequence<ServerState, ServerEffect>(
    state,
    (s) => comeBack(s, newserver.evicted),
    (s) => approve(s, link, newserver),
  );
}

/**
 * Both ends dialled at the same time: the link dialled by the smaller id stays. An introduction
 * that was sent before the one which made the present link is late, not new.
 */
function isOvertaken(state: ServerState, link: Link, newserver: NewServer): boolean {
  if (link.phase === "open") return false;
  const { peer: id } = link;
  const isDialling = [...state.links.values()].some(
    (other) => other.peer === id && other.phase === "introducing",
  );
  if (isDialling && state.config.serverid < id) return true;
  const isSame = state.membership.get(id)?.incarnation === newserver.incarnation;
  const current = openLinkTo(state, id);
  return isSame && current !== undefined && newserver.sequence <= peerSequence(state, id);
}

function peerSequence(state: ServerState, id: ServerId): number {
  return state.peers.get(id)?.sequence ?? 0;
}

function refusalOf(
  state: ServerState,
  { version, partition, incarnation, serverid: id }: NewServer,
): [IntroductionRefusal, string, number] | undefined {
  const known = state.membership.get(id);
  const highest = known?.incarnation ?? 0;
  if (version !== protocolVersion) {
    const detail = `this cluster speaks version ${protocolVersion}, ${id} speaks ${version}`;
    return ["version", detail, highest];
  }
  if (partition !== state.config.partition) {
    const own = state.config.partition;
    return ["mode", `this cluster runs in ${own} mode, ${id} in ${partition} mode`, highest];
  }
  if (incarnation > wallClockOf(state) + incarnationAheadMax) {
    return ["incarnation", `the clock of ${id} is more than a day ahead`, highest];
  }
  if (known?.status === "dead" && incarnation <= highest) {
    return ["evicted", `${id} was evicted and must come back anew`, highest];
  }
  if (!mayGrow(state, id)) {
    return ["no-quorum", "the roster grows only while all of it is reachable", highest];
  }
  if (incarnation >= highest) return undefined;
  return openLinkTo(state, id) === undefined
    ? ["incarnation", `${id} was here before under incarnation ${highest}`, highest]
    : ["id-taken", `a server with the id ${id} is a member already`, highest];
}

function refuse(
  state: ServerState,
  { connection, peer: member }: Link,
  reason: IntroductionRefusal,
  detail: string,
  incarnation: number,
): ServerStep {
  const { serverid } = state.config;
  const approved = "false" as const;
  const message = { type: "serverreply", approved, serverid, reason, detail, incarnation } as const;
  return sequence<ServerState, ServerEffect>(
    state,
    (s) =>
      step(
        s,
        { type: "send", to: [connection], message },
        report({ event: "introduction-refused", member, detail }),
      ),
    (s) => closeLink(s, connection, "refused"),
  );
}

/** Somebody claims to replace a member that there is a link to: that one is asked first. */
function contest(state: ServerState, link: Link, incarnation: number): ServerStep {
  const { serverid } = state.config;
  const { contestMs } = state.config.timing;
  const { connection, peer: suspectid } = link;
  const contested = putLink(state, { ...link, phase: "contested" });
  return step(
    schedule(contested, contestMs, { type: "contested", connection }),
    ...tellPeer(state, suspectid, { type: "hearsay", serverid, suspectid, incarnation }),
  );
}

/** The older incarnation has answered: the newcomer took an id that is in use. */
export function contestLost(state: ServerState, id: ServerId): ServerStep {
  const contested = [...state.links.values()].filter(
    (link) => link.peer === id && link.phase === "contested",
  );
  const highest = state.membership.get(id)?.incarnation ?? 0;
  const detail = `a server with the id ${id} is a member already, and it answers`;
  return forEach(contested, state, (s, link) => refuse(s, link, "id-taken", detail, highest));
}

/** The older incarnation has not answered: the newer one takes its place. */
export function contestWon(state: ServerState, connection: ConnectionId): ServerStep {
  const link = state.links.get(connection);
  if (link?.phase !== "contested" || link.newserver === undefined) return step(state);
  return approve(state, link, link.newserver);
}

function approve(state: ServerState, link: Link, newserver: NewServer): ServerStep {
  const { connection, peer: id, holdings } = link;
  const known = state.membership.get(id);
  const isSame = isPresent(known) && known.incarnation === newserver.incarnation;
  // It may have evicted this server meanwhile: then it has forgotten what it knew of it.
  const knowsNames = isSame && state.peers.get(id)?.knownAs === state.incarnation;
  const whole: Link = { ...link, holdings: [], members: [], newserver: undefined };
  return sequence<ServerState, ServerEffect>(
    state,
    (s) => welcome(s, whole, newserver),
    (s) => {
      const sequenceNumber = s.nextNumber;
      const reply: ServerReply = {
        type: "serverreply",
        ...ownIntroduction(s),
        approved: "true",
        sequence: sequenceNumber,
      };
      const parts = [reply, ...memberList(s), ...holdingsOf(s, !knowsNames)];
      return step(
        { ...s, nextNumber: sequenceNumber + 1 },
        ...parts.map((part): ServerEffect => ({ type: "send", to: [connection], message: part })),
      );
    },
    (s) => takeHoldings(s, id, holdings),
    (s) => linkMade(s, id),
  );
}
