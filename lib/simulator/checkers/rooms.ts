/**
 * I2: a room id has at most one owner in the cluster, under the same conditions as an identity.
 *
 * @module
 */

import type { RoomId } from "../../base/ids.ts";
import type { Checker, Stepped, Watch } from "./checker.ts";
import { effective } from "./identities.ts";
import { lists } from "./ties.ts";

const meetMs = 2_300;

/** Watches over room ids. */
export function rooms(watch: Watch): Checker {
  return {
    promise: "I2",
    stepped: (step) => {
      if (step.before.rooms === step.after.rooms) return;
      for (const roomid of step.after.rooms.keys()) {
        if (!step.before.rooms.has(roomid)) created(watch, step, roomid);
      }
    },
    swept: () => duplicates(watch),
  };
}

function created(watch: Watch, { server }: Stepped, roomid: RoomId): void {
  for (const other of watch.cluster.everyProcess) {
    if (other === server) continue;
    watch.looked("I2");
    if (!other.state.rooms.has(roomid)) continue;
    if (lists(server.state, other.state) && lists(other.state, server.state)) {
      const promise = other.status === "running" ? "I2" : "I4";
      watch.complain(promise, `${server.id} gives ${roomid} away, which ${other.id} owns`);
    }
    if (watch.cluster.scenario.partition === "majority" && other.status !== "down") {
      if (effective(other).rooms.has(roomid)) {
        watch.complain("I2", `${roomid} is on ${server.id} and on ${other.id} at once`);
      }
    }
  }
}

function duplicates(watch: Watch): void {
  if (watch.ties.allTiedMs() < meetMs) return;
  const owners = new Map<RoomId, string>();
  for (const { id, state } of watch.cluster.live()) {
    for (const roomid of state.rooms.keys()) {
      watch.looked("I2");
      const known = owners.get(roomid);
      if (known !== undefined) {
        watch.complain("I2", `${roomid} is on ${known} and on ${id}, though all have met`);
      }
      owners.set(roomid, id);
    }
  }
}
