/**
 * Which operations were under way while which faults were there: a pair that never met was never
 * tested, whatever the number of seeds.
 *
 * @module
 */

import type { ServerEffect } from "../server/inputs.ts";
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
  "route",
  "arrive",
  "come back",
  "logout",
  "message",
  "join cluster",
  "replace",
  "link anew",
  "suspect",
  "evict",
  "leave",
] as const;

/** One of {@link operations}. */
export type Operation = (typeof operations)[number];

/** How long the effects of a fault may last. */
const aftermathMs = 2_500;

/** Counts for each operation and fault. */
export type Ledger = Map<string, number>;

/** The name of a cell of the ledger. */
export function cell(operation: Operation, fault: FaultKind): string {
  return `${operation} × ${fault}`;
}

/** Keeps a ledger of what a cluster does. */
export function keepLedger(ledger: Ledger, faults: Faults): Observer {
  return {
    stepped(_process, _before, _input, made) {
      for (const effect of made.effects) {
        const operation = operationOf(effect);
        if (operation === undefined) continue;
        for (const fault of faults.recent(aftermathMs)) {
          const key = cell(operation, fault);
          ledger.set(key, (ledger.get(key) ?? 0) + 1);
        }
      }
    },
  };
}

const reported: Readonly<Record<string, Operation>> = {
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
  "member-evicted": "evict",
  "member-left": "leave",
};

function operationOf(effect: ServerEffect): Operation | undefined {
  if (effect.type === "report") return reported[effect.event.event];
  if (effect.type !== "send") return undefined;
  const { message } = effect;
  if (message.type === "message") return "message";
  if (message.type === "createroom" && message.approved === "false") return "create refused";
  const isBack =
    message.type === "roomchange" &&
    message.former.startsWith("MainHall-") &&
    message.roomid.startsWith("MainHall-");
  return isBack ? "come back" : undefined;
}

/** Pairs that can't meet, and why. */
const impossible: Readonly<Record<string, string>> = {};

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

/** Pairs that never met, those that can't left out. */
export function ledgerGaps(ledger: Ledger): string[] {
  return operations
    .flatMap((operation) => faultKinds.map((fault) => cell(operation, fault)))
    .filter((key) => !ledger.has(key) && !(key in impossible));
}
