/**
 * I2: "the same for room ids; the room that loses is deleted like any deleted room."
 *
 * @module
 */

import type { RoomId } from "../../base/ids.ts";
import type { Room } from "../../server/records.ts";
import type { ServerState } from "../../server/state.ts";
import type { ServerProcess } from "../server-process.ts";
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
      for (const [roomid, room] of step.before.rooms) {
        if (!step.after.rooms.has(roomid)) deleted(watch, step, room);
      }
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
    const both = lists(server.state, other.state) && lists(other.state, server.state);
    if (both && other.status === "running") {
      watch.complain("I2", `${server.id} gives ${roomid} away, which ${other.id} owns`);
    }
    if (watch.cluster.scenario.partition === "majority" && other.status !== "down") {
      if (effective(other).rooms.has(roomid)) {
        watch.complain("I2", `${roomid} is on ${server.id} and on ${other.id} at once`);
      }
    }
  }
}

/** Whatever a room is deleted for: everybody in it is told and seated, every member is told. */
function deleted(watch: Watch, { server, before, after, input, effects }: Stepped, room: Room) {
  watch.looked("I2");
  const { roomid } = room;
  const sent = effects.filter((effect) => effect.type === "send");
  const told = new Set(
    sent.flatMap(({ message, to }) =>
      message.type === "deleteroom" && "serverid" in message && message.roomid === roomid ? to : [],
    ),
  );
  for (const { connection, phase, peer } of after.links.values()) {
    if (phase !== "open" || after.peers.get(peer)?.link !== connection) continue;
    if (before.links.get(connection)?.phase !== "open" || told.has(connection)) continue;
    watch.complain("I2", `${server.id} deletes ${roomid} and does not tell ${peer}`);
  }
  for (const [identity, connection] of room.members) {
    const isTold = sent.some(
      ({ message, to }) =>
        message.type === "roomchange" && message.identity === identity && to.includes(connection),
    );
    const isSeated = after.sessions.get(identity)?.roomid !== roomid;
    if (isTold && isSeated) continue;
    watch.complain("I2", `${server.id} deletes ${roomid} and leaves ${identity} in it`);
  }
  if (input.type === "peer-message" && input.message.type === "holdings") {
    checkMerge(watch, server, after, room);
  }
}

/** Of two rooms of one id the older stays; equal: that of the smaller server id. */
function checkMerge(watch: Watch, server: ServerProcess, after: ServerState, room: Room): void {
  const winner = after.directory.get(room.roomid);
  // A room goes with its owner as well, who may have lost the name by the same list.
  const isOwned = room.owner !== "" && after.sessions.has(room.owner);
  if (winner === undefined || !isOwned) return;
  watch.looked("I2");
  const isRight =
    winner.claimedAt === room.claimedAt
      ? winner.server < server.id
      : winner.claimedAt < room.claimedAt;
  if (isRight) return;
  watch.complain("I2", `${server.id} lets ${room.roomid} go, which should stay`);
}

/** Two servers that have been tied for so long own no room twice. */
function duplicates(watch: Watch): void {
  const live = watch.cluster.live();
  for (const [index, one] of live.entries()) {
    for (const other of live.slice(index + 1)) {
      if (watch.ties.tiedMs(one, other) < meetMs) continue;
      for (const roomid of one.state.rooms.keys()) {
        watch.looked("I2");
        if (!other.state.rooms.has(roomid)) continue;
        watch.complain("I2", `${roomid} is on ${one.id} and on ${other.id}, though they have met`);
      }
    }
  }
}
