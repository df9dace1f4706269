/**
 * Which operations were under way while which faults were there: a pair that never met was never
 * tested, whatever the number of seeds. What can hardly meet is named, with the reason.
 *
 * @module
 */

import { isPresent } from "../membership/membership.ts";
import type { ServerEffect, ServerEvent, ServerInput } from "../server/inputs.ts";
import type { ServerState, ServerStep } from "../server/state.ts";
import type { Observer } from "./cluster.ts";
import type { Faults } from "./faults.ts";
import { type FaultKind, faultKinds } from "./scenario.ts";

/** What servers do for clients and for each other. */
export const operations = [
  "login",
  "login refused",
  "create",
  "create refused",
  "delete",
  "message",
  "route",
  "arrive",
  "arrive refused",
  "come back",
  "logout",
  "busy",
  "no-quorum",
  "bad line",
  "denial",
  "yield",
  "lease over",
  "merge",
  "join cluster",
  "replace",
  "contest",
  "link anew",
  "relay",
  "suspect",
  "alive again",
  "veto",
  "evict",
  "ghost",
  "return",
  "fence",
  "fence lifted",
  "leaving",
  "leave",
] as const;

/** One of {@link operations}. */
export type Operation = (typeof operations)[number];

/** How long a fault counts after its end: a silent host is evicted after 4 s. */
const aftermathMs = 4_000;

/** Counts for each operation and fault. */
export type Ledger = Map<string, number>;

/** The name of a cell of the ledger. */
export function cell(operation: Operation, fault: FaultKind): string {
  return `${operation} × ${fault}`;
}

/** Keeps a ledger of what a cluster does. */
export function keepLedger(ledger: Ledger, faults: Faults): Observer {
  return {
    stepped(_process, before, input, made) {
      const done = operationsOf(before, input, made);
      if (done.length === 0) return;
      for (const fault of faults.recent(aftermathMs)) {
        for (const operation of done) {
          const key = cell(operation, fault);
          ledger.set(key, (ledger.get(key) ?? 0) + 1);
        }
      }
    },
  };
}

function operationsOf(before: ServerState, input: ServerInput, made: ServerStep): Operation[] {
  const done: Operation[] = [];
  for (const effect of made.effects) {
    const operation = operationOf(effect);
    if (operation !== undefined) done.push(operation);
  }
  const after = made.state;
  if (before.claims !== after.claims && hasYielded(before, input, after)) done.push("yield");
  if (before.locks !== after.locks && hasLeaseEnded(before, after)) done.push("lease over");
  if (before.sessions !== after.sessions && hasComeBack(before, after)) done.push("come back");
  if (before.links !== after.links && hasContest(before, after)) done.push("contest");
  if (before.ghosts.size < after.ghosts.size) done.push("ghost");
  if (before.incarnation < after.incarnation) done.push("return");
  if (input.type === "peer-message" && input.message.type === "holdings") {
    const lost = made.effects.some(
      (effect) => effect.type === "report" && effect.event.event === "room-deleted",
    );
    if (lost) done.push("merge");
  }
  return done;
}

/** An own attempt has given way to an older one; its claim still waits. */
function hasYielded(before: ServerState, input: ServerInput, after: ServerState): boolean {
  if (input.type !== "peer-message" || !("stamp" in input.message)) return false;
  for (const [name, [claim]] of before.claims) {
    const now = after.claims.get(name)?.[0];
    if (claim?.ballot === undefined || now?.connection !== claim.connection) continue;
    if (now.ballot === undefined) return true;
  }
  return false;
}

/** A voter has forgotten a lock that its asker never released. */
function hasLeaseEnded(before: ServerState, after: ServerState): boolean {
  for (const [name, { lock }] of before.locks) {
    if (lock?.lease === undefined || lock.lease > after.now) continue;
    const now = after.locks.get(name)?.lock;
    const isSame = now?.attempt.stamp === lock.attempt.stamp && now.lease === lock.lease;
    if (!isSame && isPresent(after.membership.get(lock.attempt.asker))) return true;
  }
  return false;
}

/** Somebody who was routed sits here again. */
function hasComeBack(before: ServerState, after: ServerState): boolean {
  for (const [identity, { move }] of before.sessions) {
    if (move === undefined || move.phase === "announced") continue;
    const now = after.sessions.get(identity);
    if (now !== undefined && now.move === undefined) return true;
  }
  return false;
}

/** Somebody claims to replace an older incarnation, which is asked. */
function hasContest(before: ServerState, after: ServerState): boolean {
  for (const [connection, { phase }] of after.links) {
    if (phase === "contested" && before.links.get(connection)?.phase !== phase) return true;
  }
  return false;
}

const reported: Readonly<Partial<Record<ServerEvent["event"], Operation>>> = {
  login: "login",
  "login-refused": "login refused",
  "room-created": "create",
  "room-deleted": "delete",
  routed: "route",
  arrived: "arrive",
  logout: "logout",
  "member-joined": "join cluster",
  "member-replaced": "replace",
  "link-made": "link anew",
  "member-suspect": "suspect",
  "member-alive": "alive again",
  "member-evicted": "evict",
  "member-left": "leave",
  "quorum-lost": "fence",
  "quorum-regained": "fence lifted",
  draining: "leaving",
  "client-error": "bad line",
  "peer-error": "bad line",
};

function operationOf(effect: ServerEffect): Operation | undefined {
  if (effect.type === "report") return reported[effect.event.event];
  if (effect.type === "splice") return "relay";
  if (effect.type === "close") return effect.reason === "lost-name" ? "merge" : undefined;
  if (effect.type !== "send") return undefined;
  const { message } = effect;
  if ("reason" in message && message.reason === "busy") return "busy";
  if ("reason" in message && message.reason === "no-quorum") return "no-quorum";
  switch (message.type) {
    case "message":
      return "message";
    case "createroom":
      return message.approved === "false" ? "create refused" : undefined;
    case "serverchange":
      return message.approved === "false" ? "arrive refused" : undefined;
    case "lockidentity":
    case "lockroomid":
      return message.locked === "false" ? "denial" : undefined;
    case "hearsay":
      return message.heard === "true" ? "veto" : undefined;
    default:
      return undefined;
  }
}

/** Pairs that hardly meet, and why. One that was met all the same is pointed out. */
export const exceptions: Readonly<Record<string, string>> = {};

/** The ledger as a table: a line for each operation, a column for each fault. */
export function ledgerTable(ledger: Ledger): string {
  const width = 9;
  const head = faultKinds.map((fault) => fault.slice(0, width - 1).padStart(width)).join("");
  const lines = operations.map((operation) => {
    const counts = faultKinds.map((fault) => ledger.get(cell(operation, fault)) ?? 0);
    return operation.padEnd(16) + counts.map((count) => String(count).padStart(width)).join("");
  });
  return [`${" ".repeat(16)}${head}`, ...lines].join("\n");
}

/**
 * Operations and faults that are too seldom for all of their pairs to meet in fewer than
 * {@link seedsForSeldom} seeds, and why: chance decides whether the rarest come in 500.
 */
export const seldom: Readonly<Partial<Record<Operation | FaultKind, string>>> = {
  "lease over": "an asker must be cut off, or stand still, for 6 s in the middle of a vote",
  merge: "two parts must have given one name away, and meet again",
  contest: "a newer process must come while the older one under its id is not known to be dead",
  leaving: "a server is told to leave in few runs, and once",
  remove: "an admin removes a server in few runs, and only after it is gone for good",
};
/** From so many seeds on, those must have met every fault, too. */
export const seedsForSeldom: number = 5_000;

/** Pairs that so many seeds should have met and have not, those that are excepted left out. */
export function ledgerGaps(ledger: Ledger, seeds: number = seedsForSeldom): string[] {
  return everyPair()
    .filter((pair) => seeds >= seedsForSeldom || !pair.some((each) => each in seldom))
    .map(([operation, fault]) => cell(operation, fault))
    .filter((key) => !ledger.has(key) && !(key in exceptions));
}

/** Pairs that were met although they are excepted. */
export function metExceptions(ledger: Ledger): string[] {
  return Object.keys(exceptions).filter((key) => ledger.has(key));
}

function everyPair(): (readonly [Operation, FaultKind])[] {
  return operations.flatMap((operation) => faultKinds.map((fault) => [operation, fault] as const));
}
