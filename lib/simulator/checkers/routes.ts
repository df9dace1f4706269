/**
 * I3: "once a server has evicted another, it lists no room of it and routes nobody to it; from the
 * moment it suspects it, it hides those rooms and routes nobody new there." Whom a server suspects
 * or has evicted is taken from what it reported, not from the list it routes by.
 *
 * @module
 */

import type { RoomId, ServerId } from "../../base/ids.ts";
import { isPresent } from "../../membership/membership.ts";
import type { ServerEffect, ServerEvent } from "../../server/inputs.ts";
import type { ServerState } from "../../server/state.ts";
import type { ServerProcess } from "../server-process.ts";
import type { Checker, Watch } from "./checker.ts";

const hall = "MainHall-";
/** Silence after which a member must be hidden, with a watch that looks every half second. */
const hiddenMs = 2_700;

/** Watches over routes and lists. */
export function routes(watch: Watch): Checker {
  const hidden = new Map<ServerProcess, Map<string, string>>();
  return {
    promise: "I3",
    stepped: ({ server, before, after, effects }) => {
      const known = hidden.get(server) ?? new Map<string, string>();
      hidden.set(server, known);
      for (const effect of effects) {
        if (effect.type === "report") follow(known, effect.event);
        if (effect.type !== "send") continue;
        const { message } = effect;
        if (message.type === "route") checkRoute(watch, server, after, message.host);
        checkHidden(watch, server, known, message);
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

/** Notes whom a server says to suspect or to have evicted, and of whom it takes that back. */
function follow(hidden: Map<string, string>, event: ServerEvent): void {
  if (!("member" in event)) return;
  const { member } = event;
  switch (event.event) {
    case "member-suspect":
    case "member-evicted":
    case "member-left":
      hidden.set(member, event.event);
      return;
    case "member-alive":
    case "member-joined":
    case "member-replaced":
      hidden.delete(member);
  }
}

/** What clients are shown has nothing in it of those who are hidden. */
function checkHidden(
  watch: Watch,
  server: ServerProcess,
  hidden: ReadonlyMap<string, string>,
  message: Extract<ServerEffect, { type: "send" }>["message"],
): void {
  if (hidden.size === 0) return;
  const shown =
    message.type === "route"
      ? [message.host]
      : message.type === "roomlist"
        ? message.rooms.map((room) => ownerOf(server.state, room))
        : [];
  for (const id of shown) {
    watch.looked("I3");
    const why = hidden.get(id);
    if (why === undefined) continue;
    watch.complain("I3", `${server.id} shows ${message.type} of ${id} after ${why}`);
  }
  if (message.type !== "servers") return;
  for (const { serverid, status } of message.servers) {
    watch.looked("I3");
    const why = hidden.get(serverid);
    const isRight = why === undefined || (why === "member-suspect" && status === "suspect");
    if (!isRight) watch.complain("I3", `${server.id} shows ${serverid} as ${status} after ${why}`);
  }
}

/** The server that a room is on, as this one sees it. */
function ownerOf(state: ServerState, room: string): string {
  if (room.startsWith(hall)) return room.slice(hall.length);
  const isOwn = state.rooms.has(room as RoomId);
  return isOwn ? state.config.serverid : (state.directory.get(room as RoomId)?.server ?? "nobody");
}

function checkRoute(watch: Watch, server: ServerProcess, state: ServerState, host: string): void {
  watch.looked("I3");
  const member = state.membership.get(host as ServerId);
  if (isSilent(watch, server, host)) {
    watch.complain("I3", `${server.id} routes to ${host}, and has not heard it for long`);
  }
  if (member?.status === "alive" && !member.leaving) return;
  const status = member?.status ?? "unknown";
  watch.complain("I3", `${server.id} routes to ${host}, which is ${status} to it`);
}

/** Whether a server must have noticed by now that a member is silent. */
function isSilent(watch: Watch, server: ServerProcess, id: string): boolean {
  const isRested = watch.cluster.now - server.resumedAt > hiddenMs && server.timerLateMs < 10;
  return isRested && watch.silentMs(server, id) > hiddenMs;
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
    const id = ownerOf(state, room);
    const member = state.membership.get(id as ServerId);
    if (isSilent(watch, server, id)) {
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
