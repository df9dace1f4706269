/**
 * A cluster without users, for the measure of the failure detector: real machines in virtual time,
 * lossy ways between them. It knows when nothing is going on that could let anybody be judged: then
 * time may be skipped.
 *
 * @module
 */

import type { ServerId } from "../base/ids.ts";
import type { Instant } from "../machine.ts";
import type { ServerConfig, Timing } from "../server/config.ts";
import type { ServerEffect, ServerEvent } from "../server/inputs.ts";
import type { PeerMessage } from "../wire/server-messages.ts";
import { type Dialling, dialServer } from "./accuracy-dials.ts";
import { type AccuracyEnd, endConnection, sendMessage } from "./accuracy-ends.ts";
import { AccuracyServer, type Death } from "./accuracy-server.ts";
import { Agenda } from "./agenda.ts";
import { Random } from "./random.ts";

const wallStart = 1_700_000_000_000;
/** No silence is longer unless a segment was lost three times or a process stood still. */
const ordinarySilenceMs = 1_250;
/** Nothing that is on its way now comes later than this, for the same reason. */
const ordinaryDelayMs = 650;
/** A cluster that has not recovered after so long has a fault that is none of the network's. */
const unsettledMaxMs = 120_000;

/** What an observer has noticed of a member. */
export interface Judgement {
  readonly event: "member-suspect" | "member-evicted";
  readonly observer: AccuracyServer;
  readonly target: AccuracyServer;
  readonly at: Instant;
}

/** What a cluster is made of. */
export interface ClusterPlan {
  readonly servers: number;
  /** The probability that one segment is lost. */
  readonly loss: number;
  readonly seed: number;
  readonly timing: Timing;
}

/** Real machines, lossy ways, one queue of events. */
export class AccuracyCluster implements Dialling {
  readonly agenda: Agenda = new Agenda();
  readonly random: Random;
  readonly loss: number;
  readonly servers: Map<string, AccuracyServer> = new Map();
  /** Called with every suspicion and every eviction. */
  judged: (judgement: Judgement) => void = () => {};
  connections = 0;
  steps = 0;
  readonly #plan: ClusterPlan;

  constructor(plan: ClusterPlan) {
    this.#plan = plan;
    this.loss = plan.loss;
    this.random = new Random(plan.seed, `accuracy ${plan.servers} ${plan.loss}`);
    for (const id of this.#ids()) this.start(id);
    this.runUntilSettled();
  }

  /** Starts a server of the file, also again. */
  start(id: ServerId): AccuracyServer {
    const contacts = this.#ids()
      .filter((other) => other !== id)
      .map((other) => ({ serverid: other, address: { host: other, port: 5555 } }));
    const config: ServerConfig = {
      serverid: id,
      client: { host: id, port: 4444 },
      peer: { host: id, port: 5555 },
      contacts,
      mustJoin: false,
      auth: undefined,
      partition: "available",
      roster: [],
      messageRate: 0,
      seed: this.random.below(2 ** 31),
      timing: this.#plan.timing,
    };
    const wallClock = wallStart + Math.floor(this.agenda.now);
    const server = new AccuracyServer(config, wallClock, this);
    this.servers.set(id, server);
    this.agenda.after(this.random.below(config.timing.heartbeatMs), () =>
      server.take({ type: "tick" }),
    );
    return server;
  }

  /** Runs for so long. */
  run(ms: number): void {
    const until = this.agenda.now + ms;
    while (this.agenda.runNext(until));
  }

  /** Runs until nothing is going on, or until then; and says how long that took. */
  runUntilSettled(until: Instant = Number.POSITIVE_INFINITY): number {
    const began = this.agenda.now;
    while (!this.isSettled() && this.agenda.now < until) {
      this.run(Math.min(100, until - this.agenda.now));
      if (this.agenda.now - began > unsettledMaxMs) {
        throw new Error(`the cluster has not settled ${this.agenda.now - began} ms`);
      }
    }
    return this.agenda.now - began;
  }

  /**
   * Whether everybody hears everybody over one direct link, nobody stands still, and nothing is on
   * its way that comes late enough for a suspicion.
   */
  isSettled(): boolean {
    const { now } = this.agenda;
    const others = this.#plan.servers - 1;
    for (const server of this.servers.values()) {
      const { status, state, ends } = server;
      const { membership, peers, links, dials, suspicions } = state;
      if (status !== "running" || state.judgeAt > now || dials.size + suspicions.size > 0) {
        return false;
      }
      if (membership.size !== others || links.size !== others || ends.size !== others) return false;
      for (const { id, status: opinion, incarnation } of membership.values()) {
        if (opinion !== "alive" || incarnation !== this.servers.get(id)?.state.incarnation) {
          return false;
        }
        const { link, heardAt } = peers.get(id) ?? { link: undefined, heardAt: 0 };
        if (link === undefined || now - heardAt > ordinarySilenceMs) return false;
        if (state.links.get(link)?.phase !== "open" || state.links.get(link)?.relayed) return false;
      }
      for (const { lossesDue, latestAt } of ends.values()) {
        if (lossesDue > 0 || latestAt - now > ordinaryDelayMs) return false;
      }
    }
    return true;
  }

  /** The next segment of one way, whichever, is lost three times or more. */
  delaySomething(losses: number): void {
    const from = this.random.pick([...this.servers.values()]);
    const end = this.random.pick([...from.ends.values()]);
    end.lossesDue = losses;
  }

  /** Ends one server, whichever. */
  strike(kind: Death): AccuracyServer {
    const victim = this.random.pick([...this.servers.values()]);
    victim.die(kind);
    return victim;
  }

  serverAt(host: string): AccuracyServer | undefined {
    return this.servers.get(host);
  }

  send(end: AccuracyEnd, message: Extract<ServerEffect, { type: "send" }>["message"]): void {
    sendMessage(end, message as PeerMessage, this, this.loss);
  }

  hangUp(end: AccuracyEnd): void {
    endConnection(end, this, this.loss);
  }

  dial(server: AccuracyServer, effect: Extract<ServerEffect, { type: "dial" }>): void {
    dialServer(this, server, effect);
  }

  splice(end: AccuracyEnd, host: string): void {
    end.spliced?.(host);
  }

  reported(observer: AccuracyServer, event: ServerEvent): void {
    if (event.event !== "member-suspect" && event.event !== "member-evicted") return;
    const target = this.servers.get(event.member);
    if (target === undefined) return;
    this.judged({ event: event.event, observer, target, at: this.agenda.now });
  }

  #ids(): ServerId[] {
    return Array.from({ length: this.#plan.servers }, (_, index) => `s${index + 1}` as ServerId);
  }
}
