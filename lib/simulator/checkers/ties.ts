/**
 * Who is tied to whom: two servers that list each other under their present incarnations and have
 * an open link, and since when. What is promised "among servers that reach each other" is promised
 * to those.
 *
 * @module
 */

import { isPresent } from "../../membership/membership.ts";
import type { ServerState } from "../../server/state.ts";
import type { Cluster } from "../cluster.ts";
import type { ServerProcess } from "../server-process.ts";

/** Whether one server counts the other, under its present incarnation, as a member. */
export function lists(one: ServerState, other: ServerState): boolean {
  const member = one.membership.get(other.config.serverid);
  return isPresent(member) && member.incarnation === other.incarnation;
}

/** Whether one server has an open link to the other. */
function isLinked(one: ServerState, other: ServerState): boolean {
  const link = one.peers.get(other.config.serverid)?.link;
  return link !== undefined && one.links.get(link)?.phase === "open";
}

/** Keeps account of all ties. */
export class Ties {
  readonly #cluster: Cluster;
  readonly #since = new Map<string, number>();

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
  }

  /** Follows a step of a server. */
  stepped(server: ServerProcess, before: ServerState): void {
    const { state } = server;
    const isSame =
      before.membership === state.membership &&
      before.links === state.links &&
      before.incarnation === state.incarnation;
    if (isSame) return;
    for (const other of this.#cluster.processes.values()) {
      if (other === server) continue;
      const key = keyOf(server, other);
      const isTied =
        lists(state, other.state) &&
        lists(other.state, state) &&
        isLinked(state, other.state) &&
        isLinked(other.state, state);
      if (!isTied) this.#since.delete(key);
      else if (!this.#since.has(key)) this.#since.set(key, this.#cluster.now);
    }
  }

  /** For how long two processes have been tied, whoever stood still meanwhile. */
  linkedMs(one: ServerProcess, other: ServerProcess): number {
    const since = this.#since.get(keyOf(one, other));
    if (since === undefined || this.#cluster.network.isCut(one.host, other.host)) return 0;
    return this.#cluster.now - since;
  }

  /** For how long two processes have been tied, nothing between them and neither standing still. */
  tiedMs(one: ServerProcess, other: ServerProcess): number {
    const since = this.#since.get(keyOf(one, other));
    if (since === undefined || one.status !== "running" || other.status !== "running") return 0;
    if (this.#cluster.network.isCut(one.host, other.host)) return 0;
    return this.#cluster.now - Math.max(since, one.resumedAt, other.resumedAt);
  }

  /** For how long all live servers have been tied to each other. */
  allTiedMs(): number {
    const live = this.#cluster.live();
    let least = Number.POSITIVE_INFINITY;
    for (const [index, one] of live.entries()) {
      if (one.status !== "running") return 0;
      for (const other of live.slice(index + 1)) {
        least = Math.min(least, this.tiedMs(one, other));
      }
    }
    return least;
  }
}

function keyOf(one: ServerProcess, other: ServerProcess): string {
  return one.id < other.id
    ? `${one.id}@${one.startedAt} ${other.id}@${other.startedAt}`
    : `${other.id}@${other.startedAt} ${one.id}@${one.startedAt}`;
}
