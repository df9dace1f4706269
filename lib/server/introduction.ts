/**
 * Introductions: what two servers tell each other before anything else on a link, and from when on a
 * server is a member. From the answer on, a newcomer is asked in every vote, also those under way.
 * Source: PROTOCOL.md section 6.
 *
 * @module
 */

import type { ConnectionId, ServerId } from "../base/ids.ts";
import { forEach, sequence, step } from "../machine.ts";
import { isPresent, withMember } from "../membership/membership.ts";
import {
  type Holdings,
  type Introduction,
  type IntroductionRefusal,
  type Members,
  type NewServer,
  protocolVersion,
  type ServerReply,
} from "../wire/server-messages.ts";
import { askInOpenVotes } from "./claims.ts";
import { watch } from "./detection.ts";
import { openLinkTo, report, tellPeer } from "./effects.ts";
import { renew } from "./eviction.ts";
import { gather, giveUp } from "./gathering.ts";
import { holdingsOf, takeHoldings } from "./holdings.ts";
import type { ServerEffect } from "./inputs.ts";
import { changePeer, closeLink, newPeer, putLink, redialLater } from "./links.ts";
import { forgetMember, memberList, memberOf, ownIntroduction, takeMemberList } from "./members.ts";
import { repeatMoves } from "./moves.ts";
import { changeRoster, keepGhost, mayGrow } from "./quorum.ts";
import { tellMoveEnded } from "./reservations.ts";
import { type Link, type ServerState, type ServerStep, schedule, wallClockOf } from "./state.ts";

/** How far a wall clock may be ahead: a higher incarnation is not believed. */
const incarnationAheadMax = 24 * 60 * 60 * 1_000;
/** Parts of one list; more is no list of a cluster that could work. */
const partsMax = 1_000;

/** Introduces this server over a connection; what it holds follows at once. */
export function introduce(state: ServerState, link: Link): ServerStep {
  const { connection, peer } = link;
  const number = state.nextNumber;
  const known = state.membership.get(peer);
  const message: NewServer = {
    type: "newserver",
    ...ownIntroduction(state),
    version: protocolVersion,
    partition: state.config.partition,
    sequence: number,
    evicted: known?.status === "dead" ? known.incarnation : 0,
  };
  const isKnown = isPresent(known) && state.peers.get(peer)?.knownAs === state.incarnation;
  const parts = [message, ...holdingsOf(state, !isKnown)];
  return step(
    { ...state, nextNumber: number + 1 },
    ...parts.map((part): ServerEffect => ({ type: "send", to: [connection], message: part })),
  );
}

/**
 * This server is known as evicted, or was here before under a higher incarnation: it comes back under
 * a still higher one, and everybody is told over the links there are.
 */
export function comeBack(state: ServerState, evicted: number): ServerStep {
  if (evicted < state.incarnation) return step(state);
  const floor = { ...state, incarnation: Math.max(state.incarnation, evicted) };
  return sequence<ServerState, ServerEffect>(floor, renew, (s) => {
    const open = [...s.links.values()].filter(({ phase }) => phase === "open");
    return forEach(open, s, introduce);
  });
}

/** Keeps the first part of an introduction until its holdings are complete. */
export function introductionBegun(
  state: ServerState,
  link: Link,
  newserver: NewServer,
): ServerStep {
  return step(putLink(state, { ...link, newserver, holdings: [] }));
}

/** The other end has answered: it is a member once its lists are complete, or it refused. */
export function introductionAnswered(
  state: ServerState,
  link: Link,
  answer: ServerReply,
): ServerStep {
  if (answer.approved === "true") {
    return step(putLink(state, { ...link, serverreply: answer, holdings: [], members: [] }));
  }
  const { peer: member, connection } = link;
  const { reason, incarnation, detail } = answer;
  const isFinal = ["version", "mode", "id-taken"].includes(reason);
  return sequence<ServerState, ServerEffect>(
    state,
    (s) => step(s, report({ event: "introduction-refused", member, detail })),
    (s) => closeLink(s, connection, "refused"),
    (s) => (isFinal ? step(s) : comeBack(s, incarnation)),
    (s) =>
      isFinal && s.phase === "starting" && s.config.mustJoin
        ? giveUp(s, `${member} refused: ${detail}`)
        : step(s),
  );
}

/** One part of a list of members. */
export function membersArrived(state: ServerState, link: Link, part: Members): ServerStep {
  const isOpen = link.phase === "open" && link.serverreply === undefined;
  if (isOpen) return takeMemberList(state, part.members);
  if (link.members.length > partsMax * 10) return closeLink(state, link.connection, "malformed");
  return step(putLink(state, { ...link, members: [...link.members, ...part.members] }));
}

/** One part of what the other end holds; the last one completes what was begun on this link. */
export function holdingsArrived(state: ServerState, link: Link, part: Holdings): ServerStep {
  const { connection, peer, newserver, serverreply } = link;
  if (link.holdings.length >= partsMax) return closeLink(state, connection, "malformed");
  const holdings = [...link.holdings, part];
  if (part.last === "false") return step(putLink(state, { ...link, holdings }));
  const whole: Link = {
    ...link,
    holdings: [],
    members: [],
    newserver: undefined,
    serverreply: undefined,
  };
  if (newserver !== undefined) return answer(state, { ...whole, newserver, holdings }, newserver);
  if (serverreply === undefined) return takeHoldings(putLink(state, whole), peer, holdings);
  return sequence<ServerState, ServerEffect>(
    state,
    (s) => welcome(s, whole, serverreply),
    (s) => takeMemberList(s, link.members),
    (s) => takeHoldings(s, peer, holdings),
    (s) => linkMade(s, peer),
  );
}

/** Decides on an introduction that is complete. */
function answer(state: ServerState, link: Link, newserver: NewServer): ServerStep {
  const { peer: id, connection } = link;
  const refusal = refusalOf(state, newserver);
  if (refusal !== undefined) return refuse(state, link, ...refusal);
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
 * Both ends dialled at the same time: the link dialled by the smaller id stays. An introduction that
 * was sent before the one which made the present link is late, not new.
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
  const knowsNames = isPresent(known) && known.incarnation === newserver.incarnation;
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

/** The other end is a member and this connection the link to it; an older link is closed. */
function welcome(
  state: ServerState,
  link: Link,
  introduction: Introduction & { readonly sequence: number },
): ServerStep {
  const { peer: id, connection } = link;
  const { incarnation } = introduction;
  const known = state.membership.get(id);
  const isReplaced = isPresent(known) && known.incarnation < incarnation;
  const isNew = !isPresent(known) || isReplaced;
  const member = { ...memberOf(introduction), leaving: !isNew && known.leaving };
  const others = [...state.links.values()].filter(
    (other) => other.peer === id && other.connection !== connection && other.phase !== "accepted",
  );
  return sequence<ServerState, ServerEffect>(
    state,
    (s) =>
      forEach(others, s, (current, other) =>
        closeLink(current, other.connection, "duplicate-link"),
      ),
    (s) => (isReplaced ? keepGhost(s, id) : step(s)),
    (s) => (isReplaced ? forgetMember(s, id) : step(s)),
    (s) => changeRoster(s, { add: [id] }),
    (s) => {
      const peers = new Map(s.peers).set(id, {
        ...(s.peers.get(id) ?? newPeer(member.peer, s)),
        address: member.peer,
        link: connection,
      });
      const membership = withMember(s.membership, member);
      return step(
        changePeer({ ...s, peers, membership }, id, {
          failures: 0,
          linkedAt: s.now,
          sequence: introduction.sequence,
          heardAt: s.now,
          knownAs: s.incarnation,
        }),
        report({
          event: isReplaced ? "member-replaced" : isNew ? "member-joined" : "link-made",
          member: id,
          incarnation,
        }),
      );
    },
    (s) => step(putLink(s, { ...link, phase: "open" })),
    (s) => (isNew ? step(watch(s, id, incarnation)) : step(s)),
    (s) => (link.relayed ? step(redialLater(s, id)) : step(s)),
  );
}

/** A link is there, for the first time or anew: what is under way is asked and told again. */
function linkMade(state: ServerState, id: ServerId): ServerStep {
  return sequence<ServerState, ServerEffect>(
    state,
    (s) => askInOpenVotes(s, id),
    (s) => repeatMoves(s, id),
    (s) => {
      const ended = [...s.endedMoves.values()].filter(({ from }) => from === id);
      return step(s, ...ended.flatMap((move) => tellMoveEnded(s, move)));
    },
    gather,
  );
}
