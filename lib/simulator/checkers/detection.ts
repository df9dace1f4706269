/**
 * I15: "no server is suspected because the observer itself was stalled." Neither is one that is
 * heard all the time, and none is evicted sooner than the table of cluster.md section 4 says.
 *
 * @module
 */

import type { ServerId } from "../../base/ids.ts";
import type { Checker, Stepped, Watch } from "./checker.ts";

/** Silence without which nobody who lives is evicted: of a lost host, of one that stands still. */
const silentMs = 3_600;
const stalledMs = 7_300;
/** Silence of a member that another one has evicted. */
const suspectMs = 1_350;
/** A probe that found nobody counts for so long. */
const probedMs = 2_500;
/** Who has heard both ends for so long objects to the eviction of one by the other. */
const vetoMs = 3_000;

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
        const what = `${event.event}: ${event.reason}`;
        check(watch, step, event.member, what);
        if (event.event === "member-evicted") checkPatience(watch, step, event.member, what);
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
  if (watch.ties.linkedMs(other, server) < wellMs) return;
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

/** Who lives is not evicted in a hurry, nor as long as somebody both reach still hears it. */
function checkPatience(watch: Watch, step: Stepped, member: ServerId, what: string): void {
  const { server, before } = step;
  const { cluster } = watch;
  const other = cluster.processes.get(member);
  if (other === undefined || other.status === "down") return;
  if (cluster.now - other.startedAt < 12_000 || other.state.phase !== "serving") return;
  const silenceMs = watch.silentMs(server, member);
  const isTold = what.includes("by another");
  const stands = other.status === "paused" && !cluster.network.isCut(server.host, other.host);
  const wasCut = watch.faults.struck.some(({ fault: { kind, on, to }, endedAt }) => {
    if (endedAt !== undefined && cluster.now - endedAt > probedMs) return false;
    const isAbout = on.includes(member) || to.includes(member);
    return isAbout && (kind.startsWith("cut") || kind === "stall" || kind === "firewall");
  });
  const hasStood = stands && !wasCut && cluster.now - other.pausedAt > silentMs;
  const leastMs = isTold ? suspectMs : hasStood ? stalledMs : silentMs;
  if (silenceMs < leastMs && !wasRefused(watch, server.host, member)) {
    const silence = `${Math.round(silenceMs)} ms after it heard it`;
    watch.complain("I15", `${server.id} evicts ${member}, which lives, ${silence}: ${what}`);
  }
  if (isTold || other.status === "paused") return;
  for (const third of cluster.live()) {
    if (third === server || third === other) continue;
    // Who has come back meanwhile is heard, but nobody hears what it was before.
    const known = third.state.membership.get(member)?.incarnation;
    if (known !== before.membership.get(member)?.incarnation) continue;
    const isBetween =
      watch.ties.tiedMs(server, third) > vetoMs && watch.ties.tiedMs(third, other) > vetoMs;
    if (!isBetween || watch.faults.recent(vetoMs).has("slow")) continue;
    if (watch.silentMs(third, member) > 1_000 || watch.silentMs(server, third.id) > 1_000) continue;
    watch.complain("I15", `${server.id} evicts ${member}, though ${third.id} hears both: ${what}`);
  }
}

/** Whether a probe between these hosts may have been refused on its way, now or shortly before. */
function wasRefused(watch: Watch, one: string, other: string): boolean {
  return watch.faults.struck.some(({ fault: { kind, on, to }, endedAt }) => {
    if (kind !== "firewall") return false;
    if (endedAt !== undefined && watch.cluster.now - endedAt > probedMs) return false;
    return [one, other].every((host) => on.includes(host) || to.includes(host));
  });
}
