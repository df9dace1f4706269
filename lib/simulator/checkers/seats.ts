/**
 * I7: "a user who is in is in exactly one room on exactly one server." And of I14, that a move
 * waits for its target only while that can't answer.
 *
 * @module
 */

import type { ServerState } from "../../server/state.ts";
import type { ServerProcess } from "../server-process.ts";
import type { Checker, Watch } from "./checker.ts";

/** Long enough for every answer that waits for nothing. */
const answerMs = 1_200;

/** Watches over seats. */
export function seats(watch: Watch): Checker {
  const seen = new Map<string, number>();
  return {
    promise: "I7",
    stepped: ({ before, after }) => {
      if (before.sessions === after.sessions && before.rooms === after.rooms) return;
      watch.looked("I7");
      const wrong = wrongSeat(after);
      if (wrong !== undefined) watch.complain("I7", `${after.config.serverid}: ${wrong}`);
    },
    swept: () => {
      for (const server of watch.cluster.live()) checkMoves(watch, server, seen);
    },
  };
}

/** A move waits for its target only while that can't answer. */
function checkMoves(watch: Watch, server: ServerProcess, seen: Map<string, number>): void {
  const { now, processes } = watch.cluster;
  for (const [identity, { move }] of server.state.sessions) {
    if (move === undefined || move.phase === "routed") continue;
    const key = `${server.id}@${server.startedAt} ${identity} ${move.number} ${move.phase}`;
    const since = seen.get(key) ?? now;
    seen.set(key, since);
    const target = processes.get(move.target);
    if (target === undefined || now - since < answerMs) continue;
    watch.looked("I14");
    if (watch.ties.tiedMs(server, target) < answerMs || target.state.announced.has(identity))
      continue;
    if (watch.faults.recent(answerMs).size > 0) continue;
    watch.complain("I14", `${identity} on ${server.id} waits for ${target.id}: ${move.phase}`);
  }
}

function wrongSeat(state: ServerState): string | undefined {
  let seated = 0;
  for (const [identity, { connection, roomid, move }] of state.sessions) {
    const isAway = move !== undefined && move.phase !== "announced";
    if (isAway) continue;
    const seat = state.rooms.get(roomid)?.members.get(identity);
    if (connection === undefined) return `${identity} is in and has no connection`;
    if (seat !== connection) return `${identity} should be in ${roomid}`;
    if (state.clients.get(connection)?.identity !== identity) {
      return `the connection of ${identity} is somebody else's`;
    }
    seated++;
  }
  let members = 0;
  for (const { members: inside, owner, roomid } of state.rooms.values()) {
    members += inside.size;
    if (owner !== "" && !inside.has(owner)) return `${owner} owns ${roomid} and is not in it`;
  }
  return members === seated ? undefined : `${members} seats are taken by ${seated} users`;
}
