/**
 * I16: "a drained server loses no user who follows its route in time, as long as another server
 * stays." So everybody on it is routed before it goes, and whoever follows is taken.
 *
 * @module
 */

import type { Identity } from "../../base/ids.ts";
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
  return {
    promise: "I16",
    stepped: (step) => {
      const { server, before, after } = step;
      checkArrival(watch, step, leavers);
      if (before.phase !== "draining" && after.phase !== "draining") return;
      const told = routed.get(server) ?? new Set<Identity>();
      routed.set(server, told);
      note(watch, step, told, leavers);
      if (before.phase === "draining" && after.phase === "stopped") {
        checkLeft(watch, server, before, told);
      }
    },
  };
}

/** Notes who is routed away, and who changes its mind. */
function note(
  watch: Watch,
  { server, effects }: Stepped,
  told: Set<Identity>,
  leavers: Map<string, Leaver>,
): void {
  let pass: { readonly ticket: string; readonly host: string } | undefined;
  for (const effect of effects) {
    if (effect.type === "send" && effect.message.type === "route") pass = effect.message;
    if (effect.type === "send" && effect.message.type === "endmove") {
      const { identity } = effect.message;
      for (const [ticket, leaver] of leavers) {
        if (leaver.identity === identity && leaver.from === server) leavers.delete(ticket);
      }
    }
    if (effect.type !== "report" || effect.event.event !== "routed") continue;
    const { identity } = effect.event;
    told.add(identity);
    if (pass === undefined) continue;
    const routedAt = watch.cluster.now;
    leavers.set(pass.ticket, { identity, from: server, target: pass.host, routedAt });
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

/** Nobody is left behind while there is somewhere to go. */
function checkLeft(
  watch: Watch,
  server: ServerProcess,
  before: ServerState,
  told: ReadonlySet<Identity>,
): void {
  const { cluster, ties } = watch;
  const stays = cluster.live().some((other) => {
    const { phase, fenced } = other.state;
    const { status, leaving } = before.membership.get(other.id) ?? {};
    const isOpen = status === "alive" && leaving !== true && phase === "serving" && !fenced;
    return other !== server && isOpen && ties.tiedMs(server, other) > reachableMs;
  });
  if (!stays) return;
  for (const [identity, { connection, move }] of before.sessions) {
    watch.looked("I16");
    const isRouted = told.has(identity) || (move !== undefined && move.phase !== "announced");
    const isTwice = cluster.everyProcess.some(
      ({ state }) => state !== server.state && state.sessions.has(identity),
    );
    if (connection === undefined || isRouted || isTwice) continue;
    watch.complain("I16", `${server.id} leaves and has not routed ${identity}`);
  }
}
