/**
 * I3: once a server has evicted another, it lists no room of it and routes nobody to it; from the
 * moment it suspects it, it hides those rooms and routes nobody new there.
 *
 * @module
 */

import type { ServerId } from "../../base/ids.ts";
import { isPresent } from "../../membership/membership.ts";
import type { ServerState } from "../../server/state.ts";
import type { ServerProcess } from "../server-process.ts";
import type { Checker, Watch } from "./checker.ts";

const hall = "MainHall-";
/** Silence after which a member must be hidden, with a watch that looks every half second. */
const hiddenMs = 2_700;

/** Watches over routes and lists. */
export function routes(watch: Watch): Checker {
  return {
    promise: "I3",
    stepped: ({ server, before, after, effects }) => {
      for (const effect of effects) {
        if (effect.type !== "send") continue;
        const { message } = effect;
        if (message.type === "route") checkRoute(watch, server.id, after, message.host);
        if (message.type !== "roomlist") continue;
        // A list may be older than the last thing that changed in its step.
        const isOld = effects.some(
          (each) =>
            each.type === "report" &&
            ["room-deleted", "member-evicted", "member-left"].includes(each.event.event),
        );
        if (!isOld) checkList(watch, server, after, message.rooms);
      }
      if (before.membership !== after.membership || before.directory !== after.directory) {
        checkDirectory(watch, after);
      }
    },
  };
}

function checkRoute(watch: Watch, id: string, state: ServerState, host: string): void {
  watch.looked("I3");
  const member = state.membership.get(host as ServerId);
  if (member?.status === "alive" && !member.leaving) return;
  watch.complain("I3", `${id} routes to ${host}, which is ${member?.status ?? "unknown"} to it`);
}

function checkList(
  watch: Watch,
  server: ServerProcess,
  state: ServerState,
  listed: readonly string[],
): void {
  if (new Set(listed).size !== listed.length) {
    watch.complain("I3", `${state.config.serverid} lists a room twice: ${listed.join(" ")}`);
  }
  for (const room of listed) {
    watch.looked("I3");
    if (state.rooms.has(room as never)) continue;
    const id = room.startsWith(hall)
      ? room.slice(hall.length)
      : state.directory.get(room as never)?.server;
    const member = state.membership.get(id as ServerId);
    const isRested = watch.cluster.now - server.resumedAt > hiddenMs && server.timerLateMs < 10;
    if (isRested && watch.silentMs(server, `${id}`) > hiddenMs) {
      watch.complain("I3", `${server.id} lists ${room}, and has not heard ${id} for long`);
    }
    if (member?.status === "alive" && !member.leaving) continue;
    const status = member?.leaving === true ? "leaving" : (member?.status ?? "unknown");
    watch.complain("I3", `${state.config.serverid} lists ${room} of ${id}, which is ${status}`);
  }
}

function checkDirectory(watch: Watch, state: ServerState): void {
  for (const [roomid, { server }] of state.directory) {
    watch.looked("I3");
    if (isPresent(state.membership.get(server))) continue;
    watch.complain("I3", `${state.config.serverid} keeps ${roomid} of ${server}, no member of it`);
  }
}
