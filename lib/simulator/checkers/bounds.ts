/**
 * I13: memory per connection is bounded at every step, also before login and for readers that never
 * read.
 *
 * @module
 */

import type { ServerState } from "../../server/state.ts";
import type { Checker, Watch } from "./checker.ts";

/** What may wait on a connection of a client: the bound, and the line that reaches over it. */
const backlogMax = 64 * 1024 + 8 * 1024 + 64;
const partsMax = 1_000;
const listedMax = 12_000;
/** Deadlines for each connection, name and member; those of users who came and went besides. */
const deadlinesEach = 40;

/** Watches over what grows. */
export function bounds(watch: Watch): Checker {
  return {
    promise: "I13",
    swept: () => {
      for (const { state, id, ends } of watch.cluster.live()) {
        const excess = excessOf(state);
        if (excess !== undefined) watch.complain("I13", `${id}: ${excess}`);
        for (const end of ends.values()) {
          watch.looked("I13");
          if (end.waiting <= end.waitingMax) continue;
          watch.complain("I13", `${end.waiting} bytes wait at ${id} for ${end.other.host}`);
        }
      }
    },
    finished: () => {
      for (const { state, id } of watch.cluster.live()) {
        watch.looked("I13");
        const things = state.clients.size + state.peers.size + state.sessions.size + 4;
        const count = deadlinesOf(state);
        const lately = 30 * watch.cluster.users.length;
        if (count <= deadlinesEach * things + lately) continue;
        watch.complain("I13", `${id} keeps ${count} deadlines for ${things} things`);
      }
    },
  };
}

function excessOf(state: ServerState): string | undefined {
  for (const { backlogSize, identity } of state.clients.values()) {
    if (backlogSize > backlogMax) return `${backlogSize} characters wait for ${identity}`;
  }
  for (const { holdings, members, peer } of state.links.values()) {
    if (holdings.length > partsMax || members.length > listedMax) return `a list of ${peer} grows`;
  }
  for (const [name, { questions }] of state.locks) {
    if (questions.length > state.membership.size + 1) return `${questions.length} ask for ${name}`;
  }
  return state.unserved.length > 0 ? "somebody is not served between steps" : undefined;
}

function deadlinesOf({ deadlines }: ServerState): number {
  let count = 0;
  const waiting = [deadlines.root];
  for (let node = waiting.pop(); node !== undefined; node = waiting.pop()) {
    count++;
    for (let rest = node.children; rest !== undefined; rest = rest.tail) waiting.push(rest.head);
  }
  return count;
}
