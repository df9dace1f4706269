/**
 * I1: an identity has at most one holder in the cluster. `majority` mode: always. `available` mode:
 * among servers that reach each other, and again within 2 s after parts meet.
 * I4: names of a dead server become free after its eviction, never before.
 *
 * @module
 */

import type { Identity } from "../../base/ids.ts";
import type { Session } from "../../server/records.ts";
import type { ServerState } from "../../server/state.ts";
import { serverMachine } from "../../server/step.ts";
import type { ServerProcess } from "../server-process.ts";
import type { Checker, Stepped, Watch } from "./checker.ts";
import { lists } from "./ties.ts";

/** How long two claims may stand beside each other after parts have met, and a little. */
const meetMs = 2_300;

/** Watches over identities. */
export function identities(watch: Watch): Checker {
  return {
    promise: "I1",
    stepped: (step) => {
      if (step.before.sessions === step.after.sessions) return;
      for (const [identity, session] of step.after.sessions) {
        if (step.before.sessions.get(identity) === session) continue;
        if (!step.before.sessions.has(identity)) gained(watch, step, identity, session);
      }
    },
    swept: () => duplicates(watch),
  };
}

function gained(watch: Watch, step: Stepped, identity: Identity, session: Session): void {
  const { server, effects } = step;
  const isWon = effects.some(
    (effect) =>
      effect.type === "report" &&
      effect.event.event === "login" &&
      effect.event.identity === identity,
  );
  for (const other of watch.cluster.everyProcess) {
    if (other === server) continue;
    const held = other.state.sessions.get(identity);
    watch.looked("I1");
    if (held === undefined || isSameClaim(session, held)) continue;
    const both = lists(server.state, other.state) && lists(other.state, server.state);
    if (isWon && both) {
      const promise = other.status === "running" ? "I1" : "I4";
      const detail = `${server.id} gives ${identity} away, which ${other.id} (${other.status}) holds`;
      watch.complain(promise, detail);
    }
    if (watch.cluster.scenario.partition === "majority" && other.status !== "down") {
      if (effective(other).sessions.has(identity)) {
        watch.complain("I1", `${identity} is on ${server.id} and on ${other.id} at once`);
      }
    }
  }
}

/** What a server's state would be before it does anything else: every deadline comes first. */
export function effective(server: ServerProcess): ServerState {
  const { state } = server;
  return serverMachine.step(state, { type: "tick", at: Math.max(state.now, server.now) }).state;
}

/** A move takes the claim along: both ends of it hold the same. */
function isSameClaim(one: Session, other: Session): boolean {
  return one.claimedAt === other.claimedAt && one.username === other.username;
}

function duplicates(watch: Watch): void {
  if (watch.ties.allTiedMs() < meetMs) return;
  const holders = new Map<Identity, { session: Session; id: string }>();
  for (const { id, state } of watch.cluster.live()) {
    for (const [identity, session] of state.sessions) {
      watch.looked("I1");
      const known = holders.get(identity);
      holders.set(identity, { session, id });
      if (known === undefined || known.session.move || session.move) continue;
      const detail = `${identity} is on ${known.id} and on ${id}, ${meetMs} ms after all have met`;
      watch.complain("I1", detail);
    }
  }
}
