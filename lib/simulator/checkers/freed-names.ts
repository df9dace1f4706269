/**
 * I4: "names of a dead server become free after its eviction or its replacement by a newer
 * incarnation, never before." That they do become free is seen where somebody is refused one.
 *
 * @module
 */

import type { Identity, RoomId } from "../../base/ids.ts";
import type { ServerState } from "../../server/state.ts";
import type { ServerProcess } from "../server-process.ts";
import type { Checker, Watch } from "./checker.ts";
import { lists } from "./ties.ts";

/** A name of either kind. */
export type Name =
  | { readonly kind: "identity"; readonly name: Identity }
  | { readonly kind: "room"; readonly name: RoomId };

/** Watches over the names of those who are silent or dead. */
export function freedNames(watch: Watch): Checker {
  return {
    promise: "I4",
    stepped: ({ server, effects }) => {
      for (const effect of effects) {
        if (effect.type !== "report") continue;
        const { event } = effect;
        if (event.event === "login") {
          won(watch, server, { kind: "identity", name: event.identity });
        } else if (event.event === "room-created") {
          won(watch, server, { kind: "room", name: event.roomid });
        }
      }
    },
  };
}

/** A server has won a name: whoever it still counts on, though it is silent, does not have it. */
function won(watch: Watch, server: ServerProcess, name: Name): void {
  for (const other of watch.cluster.everyProcess) {
    if (other === server || other.status === "running") continue;
    const counts = lists(server.state, other.state) && lists(other.state, server.state);
    const has = isHolder(other.state, name);
    if (!counts && !has) continue;
    watch.looked("I4");
    if (!counts || !has) continue;
    const who = `${other.id} (${other.status}) holds and was not evicted`;
    watch.complain("I4", `${server.id} gives ${name.name} away, which ${who}`);
  }
}

/** Somebody was refused a name: it must not be for the sake of a server that is evicted. */
export function checkRefused(watch: Watch, server: ServerProcess, name: Name): boolean {
  const { everyProcess } = watch.cluster;
  const holders = everyProcess.filter(({ state }) => isHolder(state, name));
  const dead = holders.filter((holder) => isBuried(watch, holder));
  if (dead.length > 0) watch.looked("I4");
  if (dead.length === 0 || dead.length < holders.length) return holders.length > 0;
  const isRecorded = watch.cluster.live().some(({ state }) => isRecordedIn(state, name));
  if (isRecorded) return true;
  const of = dead.map(({ id }) => id).join(" ");
  watch.complain("I4", `${server.id} refuses ${name.name}, which was of ${of}, evicted long ago`);
  return true;
}

/** Whether a process is down and no live server counts on it any longer. */
function isBuried({ cluster }: Watch, gone: ServerProcess): boolean {
  if (gone.status !== "down") return false;
  return cluster.live().every(({ state }) => {
    const { incarnation } = gone.state;
    const isGhost = [...state.ghosts].some((ghost) => ghost.startsWith(`${gone.id}@`));
    const known = state.membership.get(gone.id);
    const isKnown = (known?.incarnation ?? 0) >= incarnation;
    return isKnown && !isGhost && !lists(state, gone.state);
  });
}

function isHolder(state: ServerState, { kind, name }: Name): boolean {
  return kind === "room"
    ? state.rooms.has(name)
    : state.sessions.has(name) || state.reservations.has(name);
}

function isRecordedIn(state: ServerState, { kind, name }: Name): boolean {
  return kind === "room" && state.directory.has(name);
}
