/**
 * The other end of a link is a member: from now on it is asked in every vote, also those under way.
 * Source: PROTOCOL.md section 6.
 *
 * @module
 */

import type { ServerId } from "../base/ids.ts";
import { forEach, sequence, step } from "../machine.ts";
import { isPresent, withMember } from "../membership/membership.ts";
import type { Introduction } from "../wire/server-messages.ts";
import { askInOpenVotes, withdrawGrantsOf } from "./claims.ts";
import { watch } from "./detection.ts";
import { report } from "./effects.ts";
import { gather } from "./gathering.ts";
import type { ServerEffect } from "./inputs.ts";
import { changePeer, closeLink, newPeer, putLink, redialLater, wayTo } from "./links.ts";
import { forgetHoldings, memberOf } from "./members.ts";
import { repeatMoves } from "./moves.ts";
import { changeRoster, keepGhost } from "./quorum.ts";
import type { Link } from "./records.ts";
import { tellMoveEnded } from "./reservations.ts";
import type { ServerState, ServerStep } from "./state.ts";

/** The other end is a member and this connection the link to it; an older link is closed. */
export function welcome(
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
    (s) => (isReplaced ? forgetHoldings(withdrawGrantsOf(s, id), id) : step(s)),
    (s) => changeRoster(s, { add: [id] }),
    (s) => {
      const peers = new Map(s.peers).set(id, {
        ...(s.peers.get(id) ?? newPeer(s, id, member.peer)),
        address: wayTo(s, id, member.peer),
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
        report(
          isReplaced
            ? { event: "member-replaced", member: id, incarnation, reason: "it came anew" }
            : isNew
              ? { event: "member-joined", member: id, incarnation, reason: "it is introduced" }
              : { event: "link-made", member: id, incarnation },
        ),
      );
    },
    (s) => step(putLink(s, { ...link, phase: "open" })),
    (s) => (isNew ? step(watch(s, id, incarnation)) : step(s)),
    (s) => (link.relayed ? step(redialLater(s, id)) : step(s)),
  );
}

/** A link is there, for the first time or anew: what is under way is asked and told again. */
export function linkMade(state: ServerState, id: ServerId): ServerStep {
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
