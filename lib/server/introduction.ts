/**
 * Introductions as they arrive, part by part: what two servers tell each other before anything else
 * on a link. Source: PROTOCOL.md section 6.
 *
 * @module
 */

import { sequence, step } from "../machine.ts";
import type {
  Holdings,
  Introduction,
  Members,
  NewServer,
  ServerReply,
} from "../wire/server-messages.ts";
import { answer } from "./answering.ts";
import { report } from "./effects.ts";
import { giveUp } from "./gathering.ts";
import { takeHoldings } from "./holdings.ts";
import type { ServerEffect } from "./inputs.ts";
import { comeBack } from "./introducing.ts";
import { closeLink, putLink } from "./links.ts";
import { takeMemberList } from "./members.ts";
import type { Link } from "./records.ts";
import type { ServerState, ServerStep } from "./state.ts";
import { linkMade, welcome } from "./welcoming.ts";

/** Parts of one list; more is no list of a cluster that could work. */
const partsMax = 1_000;

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

/**
 * Whether a server answers under an incarnation that was evicted or replaced: it has not heard of
 * that yet. It will when it introduces itself, for then it is refused.
 */
function isPast(state: ServerState, { serverid, incarnation }: Introduction): boolean {
  const known = state.membership.get(serverid);
  if (known === undefined) return false;
  return (
    incarnation < known.incarnation ||
    (known.status === "dead" && incarnation === known.incarnation)
  );
}

/** One part of a list of members. */
export function membersArrived(state: ServerState, link: Link, part: Members): ServerStep {
  const isOpen = link.phase === "open" && link.serverreply === undefined;
  if (isOpen) return takeMemberList(state, link.peer, part.members);
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
  // Looked at only now: another one may have told of an eviction while the parts came.
  if (isPast(state, serverreply)) return closeLink(state, connection, "refused");
  return sequence<ServerState, ServerEffect>(
    state,
    (s) => welcome(s, whole, serverreply),
    (s) => takeMemberList(s, peer, link.members),
    (s) => takeHoldings(s, peer, holdings),
    (s) => linkMade(s, peer),
  );
}
