/**
 * I16: "a drained server loses no user who follows its route in time, as long as another server
 * stays." So everybody on it is routed before it goes, and whoever follows is taken.
 *
 * @module
 */

import type { ConnectionId, Identity } from "../../base/ids.ts";
import type { ServerState } from "../../server/state.ts";
import type { ServerProcess } from "../server-process.ts";
import type { Checker, Stepped, Watch } from "./checker.ts";

/** Who could be routed to for so long must have been. */
const reachableMs = 4_000;
/** In time: a pass lives 10 s, and clocks may drift. */
const inTimeMs = 9_000;
/** What befell the target so shortly before may have cost it the reservation. */
const troubleMs = 14_000;

/** A user on the way from a server that drains. */
interface Leaver {
  readonly identity: Identity;
  readonly from: ServerProcess;
  readonly target: string;
  readonly routedAt: number;
}

/** Watches over servers that leave. */
export function drains(watch: Watch): Checker {
  const routed = new Map<ServerProcess, Set<Identity>>();
  const leavers = new Map<string, Leaver>();
  // As of the last sweep: in the step in which a server goes, its ties are gone already.
  const reachable = new Map<ServerProcess, readonly ServerProcess[]>();
  return {
    promise: "I16",
    swept: () => {
      for (const server of watch.cluster.live()) reachable.set(server, reachedBy(watch, server));
    },
    stepped: (step) => {
      const { server, before, after } = step;
      checkArrival(watch, step, leavers);
      const told = routed.get(server) ?? new Set<Identity>();
      routed.set(server, told);
      if (before.phase !== "draining" && after.phase === "draining") {
        // Routes of earlier moves count only while those last.
        for (const identity of told) {
          if (before.sessions.get(identity)?.move === undefined) told.delete(identity);
        }
      }
      note(watch, step, told, leavers);
      if (before.phase !== "stopped" && after.phase === "stopped") {
        checkLeft(watch, server, before, told, reachable.get(server) ?? []);
      }
    },
  };
}

/** Notes who is routed away, as its client is told, and who changes its mind. */
function note(
  watch: Watch,
  { server, before, effects }: Stepped,
  told: Set<Identity>,
  leavers: Map<string, Leaver>,
): void {
  for (const effect of effects) {
    if (effect.type === "send" && effect.message.type === "route") {
      const identity = before.clients.get(effect.to[0] as ConnectionId)?.identity;
      if (identity === undefined) continue;
      told.add(identity);
      const { ticket, host } = effect.message;
      const routedAt = watch.cluster.now;
      if (before.phase !== "draining") continue;
      leavers.set(ticket, { identity, from: server, target: host, routedAt });
    }
    if (effect.type === "send" && effect.message.type === "endmove") {
      const { identity } = effect.message;
      for (const [ticket, leaver] of leavers) {
        if (leaver.identity === identity && leaver.from === server) leavers.delete(ticket);
      }
    }
  }
}

/** Whoever shows its pass in time is let in. */
function checkArrival(
  watch: Watch,
  { server, input, effects }: Stepped,
  leavers: Map<string, Leaver>,
): void {
  if (input.type !== "request" || input.request.type !== "movejoin") return;
  const { connection, request } = input;
  const leaver = leavers.get(request.ticket ?? "");
  if (leaver?.identity !== request.identity || leaver.target !== server.id) return;
  const answer = effects.find(
    (effect) =>
      effect.type === "send" &&
      effect.message.type === "serverchange" &&
      effect.to.includes(connection),
  );
  if (answer?.type !== "send" || answer.message.type !== "serverchange") return;
  leavers.delete(request.ticket ?? "");
  if (watch.cluster.now - leaver.routedAt > inTimeMs) return;
  if (watch.faults.hasTroubled([server.id, leaver.from.id], troubleMs, ["drain"])) return;
  watch.looked("I16");
  if (answer.message.approved === "true") return;
  const from = `follows the route of ${leaver.from.id}, which drains`;
  watch.complain("I16", `${leaver.identity} ${from}, and is not taken by ${server.id}`);
}

/** Who has been tied to a server for long. */
function reachedBy({ cluster, ties }: Watch, server: ServerProcess): ServerProcess[] {
  return cluster.live().filter((other) => {
    return other !== server && ties.tiedMs(server, other) > reachableMs;
  });
}

/** Nobody is left behind while there is somewhere to go. */
function checkLeft(
  watch: Watch,
  server: ServerProcess,
  before: ServerState,
  told: ReadonlySet<Identity>,
  reachable: readonly ServerProcess[],
): void {
  const { cluster } = watch;
  const stays = reachable.some((other) => {
    const { phase, fenced } = other.state;
    const { status, leaving } = before.membership.get(other.id) ?? {};
    const isOpen = status === "alive" && leaving !== true && phase === "serving" && !fenced;
    return isOpen && other.status === "running" && !cluster.network.isCut(server.host, other.host);
  });
  if (!stays) return;
  for (const [identity, { connection }] of before.sessions) {
    watch.looked("I16");
    const isRouted = told.has(identity);
    const isTwice = cluster.everyProcess.some(
      ({ state }) => state !== server.state && state.sessions.has(identity),
    );
    if (connection === undefined || isRouted || isTwice) continue;
    watch.complain("I16", `${server.id} leaves and has not routed ${identity}`);
  }
}
