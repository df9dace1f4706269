/**
 * I9: "an evicted server can't vote or relay, and its names don't count, until it has come back
 * under a higher incarnation; after standing still it comes back without names."
 *
 * @module
 */

import { identityLock, roomLock } from "../../lock/lock-table.ts";
import { isPresent } from "../../membership/membership.ts";
import type { ServerState } from "../../server/state.ts";
import { serverMachine } from "../../server/step.ts";
import type { Checker, Stepped, Watch } from "./checker.ts";

/** A gap that a server must notice, and for how long it must remember it. */
const stoodStillMs = 2_400;
const rememberedMs = 8_000;

/** Watches over those who were evicted. */
export function outcasts(watch: Watch): Checker {
  return {
    promise: "I9",
    stepped: (step) => {
      const { before, after } = step;
      if (before.claims !== after.claims) checkVote(watch, step);
      if (before.membership !== after.membership || before.links !== after.links) {
        checkLinks(watch, after);
      }
      if (before.claims !== after.claims || before.membership !== after.membership) {
        checkVoters(watch, after);
      }
      if (before.incarnation !== after.incarnation) checkReturn(watch, step);
      if (before.membership !== after.membership) checkKnown(watch, step);
      checkRelays(watch, step);
    },
  };
}

function checkLinks(watch: Watch, state: ServerState): void {
  for (const { phase, peer, connection } of state.links.values()) {
    if (phase !== "open" || state.peers.get(peer)?.link !== connection) continue;
    watch.looked("I9");
    if (isPresent(state.membership.get(peer))) continue;
    watch.complain("I9", `${state.config.serverid} has an open link to ${peer}, no member of it`);
  }
}

/** Nobody is taken for less than it was known as; who was evicted comes under a higher one. */
function checkKnown(watch: Watch, { server, before, after }: Stepped): void {
  for (const [id, member] of after.membership) {
    const known = before.membership.get(id);
    if (known === undefined || known === member) continue;
    watch.looked("I9");
    const isBack = known.status === "dead" && isPresent(member);
    const least = known.incarnation + (isBack ? 1 : 0);
    if (member.incarnation >= least) continue;
    const what = `${id} under ${member.incarnation} after ${known.incarnation}`;
    watch.complain("I9", `${server.id} takes ${what} (${known.status})`);
  }
}

function checkVoters(watch: Watch, state: ServerState): void {
  const { serverid } = state.config;
  for (const [name, [claim]] of state.claims) {
    if (claim?.ballot === undefined) continue;
    const { voters, granted } = claim.ballot;
    watch.looked("I9");
    for (const id of voters) {
      const counts = isPresent(state.membership.get(id)) || state.ghosts.has(id);
      if (!counts) watch.complain("I9", `${serverid} waits for ${id}, no member, about ${name}`);
    }
    for (const member of state.membership.values()) {
      if (!isPresent(member) || voters.has(member.id)) continue;
      watch.complain("I1", `${serverid} does not ask ${member.id} about ${name}`);
    }
    for (const id of granted) {
      if (!voters.has(id)) watch.complain("I9", `${serverid} counts a vote of ${id} on ${name}`);
    }
  }
}

/** A vote counts for the attempt that it was given to, and for no other. */
function checkVote(watch: Watch, { server, before, after, input }: Stepped): void {
  if (input.type !== "peer-message") return;
  const { message } = input;
  if (message.type !== "lockidentity" && message.type !== "lockroomid") return;
  if (message.locked === undefined) return;
  const name =
    message.type === "lockidentity" ? identityLock(message.identity) : roomLock(message.roomid);
  // A time that is over, its own or the fence, may have ended it before the vote was looked at.
  const due = serverMachine.step(before, { type: "tick", at: after.now }).state;
  const claim = due.claims.get(name)?.[0];
  const attempt = claim?.ballot?.attempt;
  if (attempt === undefined || attempt.stamp === message.stamp) return;
  watch.looked("I9");
  const ballot = after.claims.get(name)?.[0]?.ballot;
  const isNew = !claim?.ballot?.granted.has(message.serverid);
  const isCounted = ballot === undefined || (isNew && ballot.granted.has(message.serverid));
  if (!isCounted) return;
  const which = `${message.stamp} for ${attempt.stamp}`;
  watch.complain("I9", `${server.id} counts a vote of ${message.serverid} on ${name}: ${which}`);
}

/** Nothing is carried for somebody who is no member, nor by one. */
function checkRelays(watch: Watch, { server, before, after, effects }: Stepped): void {
  for (const effect of effects) {
    if (effect.type === "splice") {
      watch.looked("I9");
      const asker = before.links.get(effect.connection)?.peer;
      if (asker !== undefined && isPresent(before.membership.get(asker))) continue;
      watch.complain("I9", `${server.id} carries bytes for ${asker}, no member of it`);
    }
    if (effect.type === "dial" && effect.via !== undefined) {
      watch.looked("I9");
      const { serverid } = effect.via;
      if (isPresent(after.membership.get(serverid))) continue;
      watch.complain("I9", `${server.id} wants ${serverid} to relay, no member of it`);
    }
  }
}

function checkReturn(watch: Watch, { server, before, after }: Stepped): void {
  watch.looked("I9");
  if (after.incarnation < before.incarnation) {
    watch.complain("I9", `the incarnation of ${server.id} goes back`);
  }
  const sinceMs = watch.cluster.now - server.resumedAt;
  if (server.longestPauseMs < stoodStillMs || sinceMs > rememberedMs) return;
  const held = [...after.sessions.values()].filter(({ connection }) => connection !== undefined);
  if (held.length === 0 && after.rooms.size === 1) return;
  const names = held.map(({ identity }) => identity).join(" ");
  watch.complain("I9", `${server.id} stood still, was evicted and comes back with ${names}`);
}
