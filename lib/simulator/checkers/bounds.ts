/**
 * I13: "memory per connection is bounded at every step, also before login and for readers that
 * never read." What hosts keep for them is cut off by the network here, as by the TLS host there;
 * what is looked at is the server's own state, and that nothing of it outlives its connection.
 *
 * @module
 */

import type { ConnectionId } from "../../base/ids.ts";
import type { Client } from "../../server/records.ts";
import type { ServerState } from "../../server/state.ts";
import type { ServerProcess } from "../server-process.ts";
import type { Checker, Watch } from "./checker.ts";

/** What may wait on a connection of a client: the bound, and the line that reaches over it. */
const pausedFrom = 64 * 1024;
const backlogMax = pausedFrom + 8 * 1024 + 64;
/** A connection that has not logged in is closed after 10 s; clocks drift, sweeps come late. */
const loginMs = 10_000 / 0.9 + 1_000;
const partsMax = 1_000;
const listedMax = 12_000;
const beatsMax = 32;
/** Deadlines for each connection, name and member; those of users who came and went besides. */
const deadlinesEach = 40;

/** Watches over what grows. */
export function bounds(watch: Watch): Checker {
  const unknown = new Map<ConnectionId, number>();
  return {
    promise: "I13",
    stepped: ({ server, after, input }) => {
      if (!("connection" in input)) return;
      const client = after.clients.get(input.connection);
      if (client === undefined || client.backlog.isEmpty()) return;
      watch.looked("I13");
      const excess = excessOfClient(client);
      if (excess !== undefined) watch.complain("I13", `${server.id}: ${excess}`);
    },
    swept: () => {
      for (const server of watch.cluster.live()) {
        const excess = excessOf(server.state);
        if (excess !== undefined) watch.complain("I13", `${server.id}: ${excess}`);
        if (server.status === "running") checkConnections(watch, server, unknown);
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

/** No connection is kept that is gone, none half a line too long, none for ever without a login. */
function checkConnections(
  watch: Watch,
  server: ServerProcess,
  unknown: Map<ConnectionId, number>,
): void {
  const { state, id, ends, stillMs } = server;
  const now = watch.cluster.now - stillMs;
  for (const { connection, identity } of state.clients.values()) {
    watch.looked("I13");
    const end = ends.get(connection);
    if (end === undefined) {
      watch.complain("I13", `${id} keeps connection ${connection}, which is gone`);
      continue;
    }
    if (end.pending.length > end.lineMax) {
      watch.complain("I13", `${id} keeps ${end.pending.length} bytes of one line`);
    }
    if (identity !== undefined || end.status !== "open") continue;
    const since = unknown.get(connection) ?? now;
    unknown.set(connection, since);
    if (now - since <= loginMs) continue;
    watch.complain("I13", `${id} keeps ${end.other.host}, which has not logged in`);
  }
  for (const connection of state.links.keys()) {
    if (ends.has(connection)) continue;
    watch.complain("I13", `${id} keeps link ${connection}, which is gone`);
  }
}

function excessOfClient({ backlog, backlogSize, identity, paused }: Client): string | undefined {
  const size = backlog.reduce((sum, line) => sum + line.size, 0);
  if (size !== backlogSize) return `${size} characters wait, and ${backlogSize} are counted`;
  if (size > backlogMax) return `${size} characters wait for ${identity}`;
  const isRead = size > pausedFrom && !paused;
  return isRead ? `${size} characters wait for ${identity}, which is read on` : undefined;
}

function excessOf(state: ServerState): string | undefined {
  const { links, locks, membership, claims, clients, dials, peers, contacts, beats } = state;
  for (const { holdings, members, peer } of links.values()) {
    if (holdings.length > partsMax || members.length > listedMax) return `a list of ${peer} grows`;
  }
  for (const [name, { questions }] of locks) {
    if (questions.length > membership.size + 1) return `${questions.length} ask for ${name}`;
  }
  for (const [name, queue] of claims) {
    const lost = queue.find(({ connection }) => !clients.has(connection));
    if (lost !== undefined) return `a claim of ${name} outlives its connection`;
  }
  if (dials.size > 3 * (peers.size + contacts.size + 1)) return `${dials.size} dials at once`;
  if (beats.length > beatsMax) return `${beats.length} heartbeats are remembered`;
  if (state.suspicions.size > membership.size) return "there are more suspicions than members";
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
