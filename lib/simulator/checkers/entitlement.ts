/**
 * I11: "no session without a valid ticket of that account; a move pass works once, in its time, for
 * its identity, on its server." What a client showed is compared with what servers gave out.
 *
 * @module
 */

import type { ConnectionId, Identity } from "../../base/ids.ts";
import type { ServerProcess } from "../server-process.ts";
import type { Checker, Stepped, Watch } from "./checker.ts";

const passMs = 10_000;
/** The instants of a process are its own; rounding is all that may differ. */
const slackMs = 1;

interface Pass {
  readonly identity: Identity;
  readonly server: ServerProcess;
  readonly givenAt: number;
  used: boolean;
}

/** Watches over who comes in. */
export function entitlement(watch: Watch): Checker {
  const passes = new Map<string, Pass>();
  return {
    promise: "I11",
    stepped: (step) => {
      const { server, after, effects } = step;
      let admitted: ConnectionId | undefined;
      for (const effect of effects) {
        if (effect.type === "send" && effect.message.type === "newidentity") [admitted] = effect.to;
        if (effect.type === "send" && effect.message.type === "moveidentity") {
          const { message } = effect;
          if (message.approved !== "true" || message.pass === undefined) continue;
          const { pass, identity } = message;
          if (passes.has(pass)) continue;
          passes.set(pass, { identity, server, givenAt: after.now, used: false });
        }
        if (effect.type !== "report") continue;
        const { event } = effect;
        if (event.event === "login") checkTicket(watch, step, event, admitted);
        if (event.event === "arrived") checkPass(watch, step, event.identity, passes);
      }
    },
  };
}

function checkTicket(
  watch: Watch,
  { server }: Stepped,
  { identity, username }: { readonly identity: Identity; readonly username: string },
  connection: ConnectionId | undefined,
): void {
  watch.looked("I11");
  const ticket = watch.cluster.ticketsShown.get(`${connection}`);
  if (ticket?.identity === identity && ticket.username === username) return;
  watch.complain("I11", `${server.id} lets ${identity} in as ${username} without its ticket`);
}

function checkPass(
  watch: Watch,
  { server, after, input }: Stepped,
  identity: Identity,
  passes: ReadonlyMap<string, Pass>,
): void {
  watch.looked("I11");
  const isDirect = input.type === "request" && input.request.type === "movejoin";
  const shown = isDirect
    ? input.request.ticket
    : shownOn(watch, after.sessions.get(identity)?.connection);
  const pass = shown === undefined ? undefined : passes.get(shown);
  if (pass === undefined || pass.identity !== identity || pass.server !== server) {
    watch.complain("I11", `${identity} arrives on ${server.id} without a pass for that`);
    return;
  }
  if (pass.used) watch.complain("I11", `${identity} arrives on ${server.id} with a used pass`);
  const ageMs = after.now - pass.givenAt;
  if (ageMs > passMs + slackMs) {
    watch.complain("I11", `${identity} arrives on ${server.id} with a pass ${ageMs} ms old`);
  }
  pass.used = true;
}

function shownOn(watch: Watch, connection: ConnectionId | undefined): string | undefined {
  const talk = connection === undefined ? undefined : watch.cluster.talks.get(connection);
  for (const { request } of talk?.conversation.pending ?? []) {
    if (request !== "nonsense" && request.type === "movejoin") return request.ticket;
  }
  return undefined;
}
