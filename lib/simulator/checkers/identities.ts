/**
 * I1: "an identity has at most one holder in the cluster: a session, a mover on its way, or a claim
 * under vote. `majority` mode: always. `available` mode: among servers that reach each other
 * directly or through one third, and again within 2 s after parts meet: of two claims by one
 * username the newer stays, otherwise the older; the other is told and closed."
 *
 * @module
 */

import type { Identity } from "../../base/ids.ts";
import { identityLock } from "../../lock/lock-table.ts";
import type { Reservation, Session } from "../../server/records.ts";
import type { ServerState } from "../../server/state.ts";
import { serverMachine } from "../../server/step.ts";
import { harmless } from "../faults.ts";
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
      checkLoser(watch, step);
      if (step.before.reservations !== step.after.reservations) checkReserved(watch, step);
      if (step.before.sessions === step.after.sessions) return;
      for (const [identity, session] of step.after.sessions) {
        if (step.before.sessions.get(identity) === session) continue;
        if (!step.before.sessions.has(identity)) gained(watch, step, identity, session);
        if (isSeated(session)) checkSeats(watch, step, identity, session);
      }
    },
    swept: () => duplicates(watch),
  };
}

/** A name that is locked for somebody's attempt is not kept for a mover before that has ended. */
function checkReserved(watch: Watch, { server, before, after }: Stepped): void {
  for (const identity of after.reservations.keys()) {
    if (before.reservations.has(identity)) continue;
    watch.looked("I1");
    const lock = after.locks.get(identityLock(identity))?.lock;
    if (lock === undefined || lock.attempt.asker === server.id) continue;
    const { asker } = lock.attempt;
    watch.complain("I1", `${server.id} keeps ${identity} for a mover, locked for ${asker}`);
  }
}

function isSeated({ connection, move }: Session): boolean {
  return connection !== undefined && move === undefined;
}

/** I7: both ends of a move know one claim, but only one of them has the user in a room. */
function checkSeats(watch: Watch, { server }: Stepped, identity: Identity, session: Session): void {
  for (const other of watch.cluster.live()) {
    if (other === server || watch.ties.linkedMs(server, other) < 1_000) continue;
    watch.looked("I7");
    const held = other.state.sessions.get(identity);
    if (held === undefined || !isSeated(held) || !isSameClaim(session, held)) continue;
    watch.complain("I7", `${identity} sits on ${server.id} and on ${other.id}`);
  }
}

/** Of two claims by one user the newer stays, otherwise the older; equal: the smaller id. */
function checkLoser(watch: Watch, step: Stepped): void {
  const { server, before, effects } = step;
  for (const effect of effects) {
    if (effect.type !== "close" || effect.reason !== "lost-name") continue;
    const { connection } = effect;
    const lost = [...before.sessions.values()].find((each) => each.connection === connection);
    if (lost === undefined) continue;
    const rivals = watch.cluster.everyProcess.flatMap(({ id, state }) => {
      const session = state.sessions.get(lost.identity) ?? state.reservations.get(lost.identity);
      return session === undefined || id === server.id ? [] : [{ id, session }];
    });
    watch.looked("I1");
    // Who is on its way is told where it arrives: it is refused there.
    const isAway = lost.move !== undefined && lost.move.phase !== "announced";
    if (!isAway) checkTold(watch, step, connection, lost.identity);
    const isRight = rivals.some(({ id, session }) => {
      if (session.claimedAt === lost.claimedAt) return id < server.id;
      return session.username === lost.username
        ? session.claimedAt > lost.claimedAt
        : session.claimedAt < lost.claimedAt;
    });
    if (rivals.length === 0 || isRight) continue;
    watch.complain("I1", `${server.id} lets ${lost.identity} go, whose claim should stay`);
  }
}

/** Who loses its name hears so before its connection ends. */
function checkTold(
  watch: Watch,
  { server, effects }: Stepped,
  connection: Session["connection"] & number,
  identity: Identity,
): void {
  const isTold = effects.some(
    (effect) =>
      effect.type === "send" &&
      effect.to.includes(connection) &&
      effect.message.type === "roomchange" &&
      effect.message.identity === identity &&
      effect.message.roomid === "",
  );
  if (!isTold) watch.complain("I1", `${server.id} closes on ${identity} without a word`);
}

function gained(watch: Watch, step: Stepped, identity: Identity, session: Session): void {
  const { server, effects } = step;
  const isWon = effects.some(
    (effect) =>
      effect.type === "report" &&
      effect.event.event === "login" &&
      effect.event.identity === identity,
  );
  if (isWon) checkAsked(watch, server, identity);
  for (const other of watch.cluster.everyProcess) {
    if (other === server) continue;
    const held = other.state.sessions.get(identity);
    watch.looked("I1");
    if (held === undefined || isSameClaim(session, held)) continue;
    const both = lists(server.state, other.state) && lists(other.state, server.state);
    if (isWon && both && other.status === "running") {
      watch.complain("I1", `${server.id} gives ${identity} away, which ${other.id} holds`);
    }
    if (watch.cluster.scenario.partition === "majority" && other.status !== "down") {
      if (effective(other).sessions.has(identity)) {
        watch.complain("I1", `${identity} is on ${server.id} and on ${other.id} at once`);
      }
    }
  }
}

const calmMs = 14_000;

/** While only joins disturb the cluster, whoever takes clients has asked all others who do. */
function checkAsked(watch: Watch, server: ServerProcess, identity: Identity): void {
  const { cluster, faults } = watch;
  if (cluster.now < calmMs) {
    if (faults.struck.some(({ fault }) => !harmless.has(fault.kind))) return;
  } else if (!faults.isQuiet(calmMs)) return;
  for (const other of cluster.live()) {
    if (other === server || other.state.phase !== "serving") continue;
    watch.looked("I1");
    if (server.state.membership.has(other.id)) continue;
    watch.complain("I1", `${server.id} gives ${identity} away and does not know ${other.id}`);
  }
}

/** What a server's state would be before it does anything else: every deadline comes first. */
export function effective(server: ServerProcess): ServerState {
  const { state } = server;
  return serverMachine.step(state, { type: "tick", at: Math.max(state.now, server.now) }).state;
}

/** A move takes the claim along: both ends of it hold the same. */
function isSameClaim(
  one: Pick<Session, "claimedAt" | "username">,
  other: Pick<Session, "claimedAt" | "username">,
): boolean {
  return one.claimedAt === other.claimedAt && one.username === other.username;
}

/** Two servers that have been tied for longer than that hold no name twice. */
function duplicates(watch: Watch): void {
  const live = watch.cluster.live();
  for (const [index, one] of live.entries()) {
    for (const other of live.slice(index + 1)) {
      if (watch.ties.tiedMs(one, other) < meetMs) continue;
      for (const [identity, session] of one.state.sessions) {
        watch.looked("I1");
        const held = other.state.sessions.get(identity) ?? moverOf(watch, other, identity);
        if (held === undefined || isMoving(session) || isMoving(held)) continue;
        if ("pass" in held && isSameClaim(session, held)) continue;
        const where = `${one.id} and on ${other.id}, ${meetMs} ms after they have met`;
        watch.complain("I1", `${identity} is on ${where}`);
      }
    }
  }
}

function isMoving(holder: Session | Reservation): boolean {
  return "pass" in holder ? false : holder.move !== undefined;
}

/**
 * A mover on its way to here, if its client has the pass. Without one, as after a crash of the
 * server it comes from, a reservation is nobody's and ends with its time (cluster.md section 6).
 */
function moverOf(watch: Watch, server: ServerProcess, identity: Identity): Reservation | undefined {
  const reservation = server.state.reservations.get(identity);
  if (reservation === undefined) return undefined;
  const from = watch.cluster.processes.get(reservation.from)?.state.sessions.get(identity);
  const isOut = from?.move?.number === reservation.move && from.move.phase !== "announced";
  return isOut ? reservation : undefined;
}
