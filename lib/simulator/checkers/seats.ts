/**
 * I7: a user who is in is in exactly one room on exactly one server.
 *
 * @module
 */

import type { ServerState } from "../../server/state.ts";
import type { Checker, Watch } from "./checker.ts";

/** Watches over seats. */
export function seats(watch: Watch): Checker {
  return {
    promise: "I7",
    stepped: ({ before, after }) => {
      if (before.sessions === after.sessions && before.rooms === after.rooms) return;
      watch.looked("I7");
      const wrong = wrongSeat(after);
      if (wrong !== undefined) watch.complain("I7", `${after.config.serverid}: ${wrong}`);
    },
  };
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
