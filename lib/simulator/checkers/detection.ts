/**
 * I15: no server is suspected because the observer itself was stalled; and none that is heard all
 * the time is suspected at all.
 *
 * @module
 */

import type { ServerId } from "../../base/ids.ts";
import type { Checker, Stepped, Watch } from "./checker.ts";

/** A server that was well for so long has been heard. */
const wellMs = 3_500;

/** Watches over suspicions. */
export function detection(watch: Watch): Checker {
  return {
    promise: "I15",
    stepped: (step) => {
      for (const effect of step.effects) {
        if (effect.type !== "report") continue;
        const { event } = effect;
        if (event.event !== "member-suspect" && event.event !== "member-evicted") continue;
        check(watch, step, event.member, `${event.event}: ${event.reason}`);
      }
    },
  };
}

function check(watch: Watch, { server }: Stepped, member: ServerId, what: string): void {
  watch.looked("I15");
  const { cluster, faults } = watch;
  const other = cluster.processes.get(member);
  if (other?.status !== "running" || other.state.phase === "stopped") return;
  if (cluster.now - other.resumedAt < wellMs || cluster.now - other.startedAt < wellMs) return;
  if (watch.ties.tiedMs(other, server) === 0) return;
  const struck = faults.struck.some(({ fault, endedAt }) => {
    if (endedAt !== undefined && cluster.now - endedAt > wellMs) return false;
    if (fault.kind === "late-timers") return fault.on.includes(member);
    const isAbout = [...fault.on, ...fault.to].includes(member);
    const isPause = fault.kind === "pause" || fault.kind === "clock-jump";
    return isPause ? fault.on.includes(member) : isAbout;
  });
  if (struck) return;
  const stoodMs = Math.round(cluster.now - server.resumedAt);
  watch.complain(
    "I15",
    `${server.id} (back for ${stoodMs} ms) of ${member}, which is well: ${what}`,
  );
}
