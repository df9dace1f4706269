/**
 * Silence and what follows from it: a silent member is suspected and hidden, probed, and evicted if
 * nobody objects who still hears it. Source: PROTOCOL.md section 8.
 *
 * @module
 */

import type { ServerId } from "../base/ids.ts";
import { sequence, step } from "../machine.ts";
import { type SignsOfLife, verdict } from "../membership/failure-detector.ts";
import { changeMember, isPresent } from "../membership/membership.ts";
import { openLinkTo, report, tellPeer } from "./effects.ts";
import { evict } from "./eviction.ts";
import type { ServerEffect } from "./inputs.ts";
import { changePeer, dialThrough, probePeer } from "./links.ts";
import { isMajority } from "./quorum.ts";
import type { Round, Suspicion } from "./records.ts";
import { type ServerState, type ServerStep, schedule } from "./state.ts";

const noSuspicion: Suspicion = { outcome: undefined, refusals: 0, told: false, round: undefined };

/** Any traffic of a peer shows that it lives, and undoes a suspicion. */
export function heard(state: ServerState, id: ServerId): ServerStep {
  const known = changePeer(state, id, { heardAt: state.now });
  const cleared = known.suspicions.has(id) ? withoutSuspicion(known, id) : known;
  const member = state.membership.get(id);
  if (member?.status !== "suspect") return step(cleared);
  const membership = changeMember(cleared.membership, id, { status: "alive" });
  const { incarnation } = member;
  return step(
    { ...cleared, membership },
    report({ event: "member-alive", member: id, incarnation, reason: "it is heard again" }),
  );
}

/** Whether a member is heard: its link is open and had traffic within the suspect time. */
export function hears(state: ServerState, id: ServerId, incarnation: number): boolean {
  const { heardAt } = state.peers.get(id) ?? { heardAt: Number.NEGATIVE_INFINITY };
  const { suspectMs } = state.config.timing;
  const isSame = state.membership.get(id)?.incarnation === incarnation;
  return isSame && openLinkTo(state, id) !== undefined && state.now - heardAt < suspectMs;
}

/** Begins to watch a member's silence. */
export function watch(state: ServerState, serverid: ServerId, incarnation: number): ServerState {
  const { suspectMs } = state.config.timing;
  return schedule(state, suspectMs, { type: "watch", serverid, incarnation });
}

/** Looks at a member's silence, and again when it could have become worse. */
export function watchDue(state: ServerState, serverid: ServerId, incarnation: number): ServerStep {
  const member = state.membership.get(serverid);
  if (!isPresent(member) || member.incarnation !== incarnation) return step(state);
  const { suspectMs, probeMs, silentMs, stalledMs } = state.config.timing;
  const { heardAt } = signsOf(state, serverid);
  const thresholds = [suspectMs, silentMs, stalledMs].map((ms) => heardAt + ms);
  const next = Math.max(
    state.judgeAt,
    Math.min(state.now + probeMs, ...thresholds.filter((at) => at > state.now)),
  );
  const isSilent = state.now >= heardAt + suspectMs && state.now >= state.judgeAt;
  const wait = isSilent ? next : Math.max(state.judgeAt, heardAt + suspectMs);
  const again = schedule(state, wait - state.now, { type: "watch", serverid, incarnation });
  if (!isSilent) return step(again);
  return sequence<ServerState, ServerEffect>(
    again,
    (s) => suspect(s, serverid, "it is silent"),
    (s) => probePeer(s, serverid),
    (s) => (isAwaited(s, serverid) ? step(s) : askOthers(s, serverid)),
    (s) => assess(s, serverid),
  );
}

/**
 * Whether the present round must not be given up for a new one: somebody has not answered yet and
 * may still do so; or has not in time, which is no veto, and the member is to be judged now.
 */
function isAwaited(state: ServerState, id: ServerId): boolean {
  const round = state.suspicions.get(id)?.round;
  if (round === undefined || isComplete(round)) return false;
  const { timing } = state.config;
  const isOver = state.now >= round.askedAt + timing.vetoMs;
  return !isOver || verdict(signsOf(state, id), timing, state.now) === "gone";
}

/** A dial of a member has failed: one more sign, and the first refusal is reason to hide it. */
export function probeFailed(
  state: ServerState,
  id: ServerId,
  outcome: NonNullable<Suspicion["outcome"]>,
): ServerStep {
  if (!isPresent(state.membership.get(id))) return step(state);
  const known = state.suspicions.get(id) ?? noSuspicion;
  const refusals = outcome === "refused" ? known.refusals + 1 : 0;
  // A probe that TCP has answered tells more than a later one of which a packet was lost.
  const isKnownToStall = known.outcome === "tls-silent" && outcome === "silent";
  const sign = isKnownToStall ? known.outcome : outcome;
  return assess(withSuspicion(state, id, { ...known, outcome: sign, refusals }), id);
}

/** Another member has evicted this one: whoever hears it lets it know, the others ask at once. */
export function evictionTold(state: ServerState, id: ServerId, incarnation: number): ServerStep {
  const member = state.membership.get(id);
  if (!isPresent(member) || member.incarnation !== incarnation) return step(state);
  if (hears(state, id, incarnation)) {
    const { serverid } = state.config;
    const news = { type: "evicted", serverid, evictedid: id, incarnation } as const;
    return step(state, ...tellPeer(state, id, news));
  }
  const known = state.suspicions.get(id) ?? noSuspicion;
  return assess(withSuspicion(state, id, { ...known, told: true }), id);
}

/** Somebody has said whether it hears a suspect; through one who does, a link can run. */
export function hearsayArrived(
  state: ServerState,
  from: ServerId,
  id: ServerId,
  isHeard: boolean,
): ServerStep {
  const suspicion = state.suspicions.get(id);
  if (suspicion?.round === undefined || !suspicion.round.asked.has(from)) return step(state);
  const answers = new Map(suspicion.round.answers).set(from, isHeard);
  const round = { ...suspicion.round, answers };
  const known = withSuspicion(state, id, { ...suspicion, round });
  return sequence<ServerState, ServerEffect>(
    known,
    (s) => (isHeard ? dialThrough(s, id, from) : step(s)),
    (s) => assess(s, id),
  );
}

/** Judges a member by all the signs there are. */
export function assess(state: ServerState, id: ServerId): ServerStep {
  const member = state.membership.get(id);
  if (!isPresent(member) || state.now < state.judgeAt) return step(state);
  const thought = verdict(signsOf(state, id), state.config.timing, state.now);
  if (thought === "alive") return step(state);
  return sequence<ServerState, ServerEffect>(
    state,
    (s) => suspect(s, id, reasonOf(s, id)),
    (s) => (s.suspicions.get(id)?.round === undefined ? askOthers(s, id) : step(s)),
    (s) => (thought === "gone" ? decide(s, id) : step(s)),
  );
}

function suspect(state: ServerState, id: ServerId, reason: string): ServerStep {
  const member = state.membership.get(id);
  if (member?.status !== "alive") return step(state);
  const known = withSuspicion(state, id, state.suspicions.get(id) ?? noSuspicion);
  const { incarnation } = member;
  return step(
    { ...known, membership: changeMember(state.membership, id, { status: "suspect" }) },
    report({ event: "member-suspect", member: id, incarnation, reason }),
  );
}

/** Asks everybody who is heard whether they hear the suspect; they have a short time to object. */
function askOthers(state: ServerState, suspectid: ServerId): ServerStep {
  const suspicion = state.suspicions.get(suspectid) ?? noSuspicion;
  const { incarnation } = state.membership.get(suspectid) ?? { incarnation: 0 };
  const asked = [...state.membership.values()]
    .filter((other) => other.id !== suspectid && hears(state, other.id, other.incarnation))
    .map(({ id }) => id);
  const round: Round = { askedAt: state.now, asked: new Set(asked), answers: new Map() };
  const { serverid, timing } = state.config;
  const question = { type: "hearsay", serverid, suspectid, incarnation } as const;
  const asking = withSuspicion(state, suspectid, { ...suspicion, round });
  return step(
    schedule(asking, timing.vetoMs, { type: "veto", serverid: suspectid }),
    ...asked.flatMap((other) => tellPeer(state, other, question)),
  );
}

/** Evicts a member that is gone, unless somebody objects or may still object. */
function decide(state: ServerState, id: ServerId): ServerStep {
  const round = state.suspicions.get(id)?.round;
  if (round === undefined) return step(state);
  const { vetoMs } = state.config.timing;
  const isVetoed = [...round.answers.values()].includes(true);
  const isOver = state.now >= round.askedAt + vetoMs;
  if (isVetoed) return isOver ? askOthers(state, id) : step(state);
  if (!isComplete(round) && !isOver) return step(state);
  if (isMajority(state, round.answers.size + 1)) return evict(state, id, reasonOf(state, id));
  return isOver ? askOthers(state, id) : step(state);
}

function isComplete({ asked, answers }: Round): boolean {
  return [...asked].every((other) => answers.has(other));
}

function signsOf(state: ServerState, id: ServerId): SignsOfLife {
  const { outcome, refusals, told } = state.suspicions.get(id) ?? noSuspicion;
  const { heardAt } = state.peers.get(id) ?? { heardAt: state.now };
  return { heardAt, linked: openLinkTo(state, id) !== undefined, probe: outcome, refusals, told };
}

function reasonOf(state: ServerState, id: ServerId): string {
  const { probe, heardAt, told, linked } = signsOf(state, id);
  const silence = `silent for ${Math.round(state.now - heardAt)} ms`;
  if (told) return `${silence}, and evicted by another member`;
  if (probe === "refused") return linked ? `${silence}, refuses` : "its link closed, it refuses";
  if (probe === "tls-silent") return `${silence}, connects but stands still`;
  return probe === undefined ? silence : `${silence}, a probe said ${probe}`;
}

function withoutSuspicion(state: ServerState, id: ServerId): ServerState {
  const suspicions = new Map(state.suspicions);
  suspicions.delete(id);
  return { ...state, suspicions };
}

function withSuspicion(state: ServerState, id: ServerId, suspicion: Suspicion): ServerState {
  return { ...state, suspicions: new Map(state.suspicions).set(id, suspicion) };
}

/** A heartbeat that is later than this part of its interval tells that its server stood still. */
const lateShare = 0.1;

/**
 * This server has stood still itself: only its judgements of others move by the gap, never a limit
 * on its own rights. After more than an interval nobody is judged before what waited has been read.
 */
export function allowForOwnStall(state: ServerState): ServerState {
  const { heartbeatMs, suspectMs } = state.config.timing;
  const gapMs = state.now - state.beatDueAt;
  if (gapMs <= heartbeatMs * lateShare) return state;
  const peers = new Map(
    [...state.peers].map(([id, peer]) => [
      id,
      { ...peer, heardAt: Math.min(state.now, peer.heardAt + gapMs) },
    ]),
  );
  const allowed = { ...state, peers, beatDueAt: state.now };
  if (gapMs <= heartbeatMs) return allowed;
  const suspicions = new Map(
    [...state.suspicions].map(([id, known]) => [id, { ...known, round: undefined, refusals: 0 }]),
  );
  return {
    ...allowed,
    suspicions,
    judgeAt: state.now + heartbeatMs,
    stoodStillAt: gapMs > suspectMs ? state.now : state.stoodStillAt,
  };
}
