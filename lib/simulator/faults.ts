/**
 * What each fault does to a cluster, and how it is mended: by itself after its time, or earlier
 * when everything heals.
 *
 * @module
 */

import type { ServerId } from "../base/ids.ts";
import { askAsAdmin } from "./admin-orders.ts";
import { garble } from "./bad-bytes.ts";
import type { Cluster } from "./cluster.ts";
import { DeafClient } from "./deaf-client.ts";
import { lie } from "./lying-peer.ts";
import { Random } from "./random.ts";
import type { Fault, FaultKind } from "./scenario.ts";

/** A fault that was struck: what it has to do with whom, and until when. */
export interface Struck {
  readonly fault: Fault;
  readonly since: number;
  /** When it was over, if it is. */
  endedAt: number | undefined;
}

/** Faults that come between no two servers, and make none late. */
export const harmless: ReadonlySet<FaultKind> = new Set<FaultKind>([
  "join",
  "auth-down",
  "slow-reader",
  "never-reads",
  "lose-client",
  "disconnect",
  "clock-jump",
]);

/** Strikes and mends; keeps a record of both. */
export class Faults {
  readonly struck: Struck[] = [];
  readonly #cluster: Cluster;
  readonly #open = new Map<Struck, () => void>();
  #isOver = false;

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
  }

  /** Plans all faults of a scenario. */
  plan(faults: readonly Fault[]): void {
    for (const fault of faults) this.#cluster.agenda.plan(fault.at, () => this.#strike(fault));
  }

  /** Mends everything at once, and nothing strikes any longer. */
  heal(): void {
    this.#isOver = true;
    for (const [struck, mend] of [...this.#open]) this.#end(struck, mend);
    for (const id of this.#cluster.processes.keys()) this.#cluster.jump(id, 0);
  }

  /** Whether a fault of another kind has struck these hosts, or was mended, within so many ms. */
  hasTroubled(
    hosts: readonly string[],
    withinMs: number,
    except: readonly FaultKind[] = [],
  ): boolean {
    const { now } = this.#cluster;
    return this.struck.some(({ fault, endedAt }) => {
      if (harmless.has(fault.kind) || except.includes(fault.kind)) return false;
      if (endedAt !== undefined && now - endedAt > withinMs) return false;
      return [...fault.on, ...fault.to].some((host) => hosts.includes(host));
    });
  }

  /** Whether nothing came between servers, or made one late, within so many ms. */
  isQuiet(withinMs: number): boolean {
    return [...this.recent(withinMs)].every((kind) => harmless.has(kind));
  }

  /** Kinds of faults that are there or were within so many ms. */
  recent(withinMs: number): Set<FaultKind> {
    const { now } = this.#cluster;
    const kinds = new Set<FaultKind>();
    for (const { fault, endedAt } of this.struck) {
      if (endedAt === undefined || now - endedAt <= withinMs) kinds.add(fault.kind);
    }
    return kinds;
  }

  #strike(fault: Fault): void {
    if (this.#isOver) return;
    const { kind, ms, on, to } = fault;
    this.#cluster.trace?.(`--- ${kind} ${on.join(",")} ${to.join(",")} for ${ms}`);
    const mend = this.#effectOf(fault);
    if (mend === "nothing") return;
    const struck: Struck = { fault, since: this.#cluster.now, endedAt: undefined };
    this.struck.push(struck);
    if (mend === undefined) {
      struck.endedAt = this.#cluster.now;
      return;
    }
    this.#open.set(struck, mend);
    this.#cluster.after(ms, () => this.#end(struck, mend));
  }

  #end(struck: Struck, mend: () => void): void {
    if (!this.#open.delete(struck)) return;
    struck.endedAt = this.#cluster.now;
    const { kind, on, to } = struck.fault;
    this.#cluster.trace?.(`--- end of ${kind} ${on.join(",")} ${to.join(",")}`);
    mend();
  }

  /** What mends it; `undefined` if nothing has to, `"nothing"` if it could not even strike. */
  #effectOf(fault: Fault): (() => void) | undefined | "nothing" {
    const cluster = this.#cluster;
    const { kind, ms, on, to } = fault;
    const [id = ""] = on;
    const server = cluster.processes.get(id);
    switch (kind) {
      case "crash":
      case "lose-host":
        return this.#crash(fault);
      case "pause":
        if (server?.status !== "running") return "nothing";
        server.pause();
        return () => server.resume();
      case "cut":
      case "cut-one-way":
      case "stall":
      case "firewall":
      case "break":
      case "slow":
        return this.#troubleNetwork(fault);
      case "late-timers":
        if (server === undefined) return "nothing";
        server.timerLateMs = 350;
        return () => {
          server.timerLateMs = 2;
        };
      case "clock-jump":
        cluster.jump(id, ms % 2 === 0 ? ms * 1_000 : -ms * 1_000);
        return undefined;
      case "join":
        if (server !== undefined) return "nothing";
        cluster.startServer(id, to[0] ?? "s1");
        cluster.serverIds = [...cluster.serverIds, id];
        return undefined;
      case "drain":
        if (server?.status !== "running") return "nothing";
        server.take({ type: "command", command: "drain" });
        cluster.serverIds = cluster.serverIds.filter((other) => other !== id);
        return undefined;
      case "auth-down":
        cluster.isAuthDown = true;
        return () => {
          cluster.isAuthDown = false;
        };
      case "lying-peer":
        this.#again(400, (round) => lie(cluster, id, fault.at + round));
        return undefined;
      case "malformed":
        this.#again(200, (round) => garble(cluster, id, fault.at + round));
        return undefined;
      case "remove":
        return this.#remove(fault);
      case "slow-reader":
      case "never-reads":
      case "lose-client":
      case "disconnect":
        return this.#troubleUser(fault);
    }
  }

  #again(everyMs: number, run: (round: number) => void): void {
    for (let round = 0; round < 4; round++) this.#cluster.after(everyMs * round, () => run(round));
  }

  #isComingBack(id: string): boolean {
    return [...this.#open.keys()].some(({ fault: { kind, on } }) => {
      return (kind === "crash" || kind === "lose-host") && on[0] === id;
    });
  }

  /** Only who is gone for good may be removed; it may not be known as dead everywhere yet. */
  #remove({ on, to }: Fault): undefined | "nothing" {
    const cluster = this.#cluster;
    const [id = ""] = on;
    const isGone = cluster.processes.get(id)?.status === "down" && !this.#isComingBack(id);
    const server = cluster.processes.get(to[0] ?? "");
    if (!isGone || server?.status !== "running") return "nothing";
    askAsAdmin(server, { type: "remove", serverid: id as ServerId });
    return undefined;
  }

  #crash({ kind, ms, on }: Fault): (() => void) | undefined | "nothing" {
    const cluster = this.#cluster;
    const [id = ""] = on;
    const server = cluster.processes.get(id);
    const isLeaving = server?.state.phase === "draining" || server?.state.phase === "stopped";
    if (server === undefined || server.status === "down" || isLeaving) return "nothing";
    cluster.crash(id, kind === "lose-host");
    if (ms === 0) {
      cluster.serverIds = cluster.serverIds.filter((other) => other !== id);
      return undefined;
    }
    return () => {
      const contact = server.config.mustJoin ? (cluster.live()[0]?.id ?? "s1") : undefined;
      cluster.startServer(id, contact);
    };
  }

  #troubleNetwork(fault: Fault): (() => void) | undefined {
    const cluster = this.#cluster;
    const { kind, ms, on, to } = fault;
    const [id = ""] = on;
    switch (kind) {
      case "cut":
      case "stall":
        return this.#cut(fault, true);
      case "cut-one-way":
        return this.#cut(fault, false);
      case "firewall": {
        this.#break(fault);
        const mend = this.#cut(fault, true);
        cluster.network.refuse(on, to, true);
        return () => {
          cluster.network.refuse(on, to, false);
          mend();
        };
      }
      case "break":
        this.#break(fault);
        return undefined;
      case "slow":
        for (const other of to) cluster.slow(id, other, Math.ceil(ms / 20));
        return () => {
          for (const other of to) cluster.slow(id, other, 0);
        };
      default:
        return undefined;
    }
  }

  #break({ on, to }: Fault): void {
    const { network } = this.#cluster;
    for (const one of on) {
      for (const end of network.endsAt(one)) {
        if (end.host === one && to.includes(end.other.host)) network.break(end);
      }
    }
  }

  #cut({ on, to }: Fault, isSymmetric: boolean): () => void {
    const { network } = this.#cluster;
    const ways = on.flatMap((one) => to.map((other) => [one, other] as const));
    for (const [one, other] of ways) {
      network.block(one, other);
      if (isSymmetric) network.block(other, one);
    }
    return () => {
      for (const [one, other] of ways) {
        network.unblock(one, other);
        if (isSymmetric) network.unblock(other, one);
      }
    };
  }

  #troubleUser({ kind, at, ms, on, to }: Fault): (() => void) | undefined | "nothing" {
    const cluster = this.#cluster;
    if (kind === "never-reads") {
      const [host = ""] = on;
      const random = new Random(cluster.scenario.seed, `${host} ${at}`);
      const client = new DeafClient(cluster, host, random);
      client.begin(to[0] ?? "s1");
      return () => client.end();
    }
    const user = this.#cluster.users.find(({ host }) => host === on[0]);
    if (user === undefined) return "nothing";
    if (kind === "lose-client") {
      user.lose();
      return undefined;
    }
    if (kind === "disconnect") {
      const server = cluster.processes.get(to[0] ?? "");
      if (server?.status !== "running") return "nothing";
      askAsAdmin(server, { type: "disconnect", username: user.username });
      return undefined;
    }
    user.turnDeaf(cluster.now + ms);
    return () => {
      user.deafUntil = 0;
      this.#cluster.network.resume(user.host);
    };
  }
}
