/**
 * I16: a drained server loses no user who follows its route in time, as long as another server
 * stays.
 *
 * @module
 */

import type { Identity } from "../../base/ids.ts";
import type { ServerProcess } from "../server-process.ts";
import type { Checker, Watch } from "./checker.ts";

/** Watches over servers that leave while nothing else happens. */
export function drains(watch: Watch): Checker {
  const routed = new Map<ServerProcess, Set<Identity>>();
  return {
    promise: "I16",
    stepped: ({ process, before, after, effects }) => {
      if (before.phase !== "draining" && after.phase !== "draining") return;
      const told = routed.get(process) ?? new Set();
      routed.set(process, told);
      for (const effect of effects) {
        if (effect.type === "report" && effect.event.event === "routed") {
          told.add(effect.event.identity);
        }
      }
      if (after.phase !== "stopped" || !isOtherwiseCalm(watch, process)) return;
      const others = watch.cluster.live().filter((each) => each !== process);
      const stays = others.some(({ state }) => state.phase === "serving");
      for (const [identity, { connection }] of before.sessions) {
        watch.looked("I16");
        if (!stays || connection === undefined || told.has(identity)) continue;
        watch.complain("I16", `${process.id} leaves and has not routed ${identity}`);
      }
    },
  };
}

/** Whether nothing but the drain of this server has happened since shortly before it began. */
function isOtherwiseCalm(watch: Watch, process: ServerProcess): boolean {
  const { cluster, faults } = watch;
  const youngest = Math.max(...cluster.everyProcess.map(({ startedAt }) => startedAt));
  if (cluster.now - youngest < 12_000) return false;
  return faults.struck.every(({ fault, endedAt }) => {
    if (fault.kind === "drain" && fault.on[0] === process.id) return true;
    return endedAt !== undefined && cluster.now - endedAt > 14_000;
  });
}
