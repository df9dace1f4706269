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
    stepped: ({ server, before, after, effects }) => {
      if (before.phase !== "draining" && after.phase !== "draining") return;
      const told = routed.get(server) ?? new Set();
      routed.set(server, told);
      for (const effect of effects) {
        if (effect.type === "report" && effect.event.event === "routed") {
          told.add(effect.event.identity);
        }
      }
      if (after.phase !== "stopped" || !isOtherwiseCalm(watch, server)) return;
      const others = watch.cluster.live().filter((each) => each !== server);
      const stays = others.some(({ state }) => state.phase === "serving");
      for (const [identity, { connection, move }] of before.sessions) {
        watch.looked("I16");
        const isRouted = told.has(identity) || (move !== undefined && move.phase !== "announced");
        if (!stays || connection === undefined || isRouted) continue;
        watch.complain("I16", `${server.id} leaves and has not routed ${identity}`);
      }
    },
  };
}

/** Whether nothing but the drain of this server has happened since shortly before it began. */
function isOtherwiseCalm(watch: Watch, server: ServerProcess): boolean {
  const { cluster, faults } = watch;
  const youngest = Math.max(...cluster.everyProcess.map(({ startedAt }) => startedAt));
  if (cluster.now - youngest < 12_000) return false;
  return faults.struck.every(({ fault, endedAt }) => {
    if (fault.kind === "drain" && fault.on[0] === server.id) return true;
    return endedAt !== undefined && cluster.now - endedAt > 14_000;
  });
}
