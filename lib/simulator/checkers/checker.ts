/**
 * What all checkers share: where they look from, how they complain, and who counts as tied to whom.
 * A checker sees the states of all servers and every effect; it never changes anything. Each counts
 * how often it has really compared something, so that none can pass without looking.
 *
 * @module
 */

import type { ServerInput } from "../../server/inputs.ts";
import type { ServerState, ServerStep } from "../../server/state.ts";
import type { Cluster, Observer } from "../cluster.ts";
import type { Faults } from "../faults.ts";
import type { ServerProcess } from "../server-process.ts";
import { Ties } from "./ties.ts";

/** One step of one server. */
export interface Stepped {
  readonly server: ServerProcess;
  readonly before: ServerState;
  readonly after: ServerState;
  readonly input: ServerInput;
  readonly effects: ServerStep["effects"];
}

/** What watches over one promise. */
export interface Checker {
  readonly promise: string;
  /** After every step of a server. */
  stepped?(step: Stepped): void;
  /** Every quarter of a second. */
  swept?(): void;
  /** Once, 10 s after everything has healed. */
  settled?(): void;
  /** Once, at the very end, when nothing may be under way any longer. */
  finished?(): void;
}

/** Where checkers look from. */
export class Watch implements Observer {
  readonly cluster: Cluster;
  readonly faults: Faults;
  readonly ties: Ties;
  /** How often each promise was really looked at. */
  readonly looks: Map<string, number> = new Map();
  readonly #heardAt = new Map<string, number>();
  #checkers: readonly Checker[] = [];

  constructor(cluster: Cluster, faults: Faults) {
    this.cluster = cluster;
    this.faults = faults;
    this.ties = new Ties(cluster);
    cluster.observers.push(this);
  }

  /** Adds checkers. */
  use(makers: readonly ((watch: Watch) => Checker)[]): void {
    this.#checkers = makers.map((make) => make(this));
  }

  /** Something was compared. */
  looked(promise: string, times = 1): void {
    this.looks.set(promise, (this.looks.get(promise) ?? 0) + times);
  }

  /** A promise is broken. */
  complain(promise: string, detail: string): void {
    this.cluster.complain(promise, detail);
  }

  /** Whether nothing has disturbed any server for so long. */
  isCalm(forMs: number): boolean {
    const { cluster, faults } = this;
    const youngest = Math.max(...cluster.everyProcess.map(({ startedAt }) => startedAt));
    return faults.isQuiet(forMs) && cluster.now - youngest > forMs;
  }

  /** For how long a server has had nothing from a peer, as the network delivered it. */
  silentMs(server: ServerProcess, peer: string): number {
    const key = `${server.id}@${server.startedAt} ${peer}`;
    return this.cluster.now - (this.#heardAt.get(key) ?? Number.NEGATIVE_INFINITY);
  }

  #hear(server: ServerProcess, before: ServerState, input: ServerInput): void {
    const peer =
      input.type === "peer-message"
        ? before.links.get(input.connection)?.peer
        : input.type === "dialled" && input.outcome.type === "link"
          ? input.outcome.certificateId
          : undefined;
    if (peer === undefined) return;
    this.#heardAt.set(`${server.id}@${server.startedAt} ${peer}`, this.cluster.now);
  }

  /** Whether those that live can serve anybody: in `majority` mode too many may be gone. */
  hasMajority(): boolean {
    const live = this.cluster.live();
    if (this.cluster.scenario.partition === "available") return true;
    // A newcomer that nobody has taken in yet is in nobody's roster but its own.
    return live.every(({ state: { roster } }) => {
      return 2 * live.filter(({ id }) => roster.has(id)).length > roster.size;
    });
  }

  stepped(server: ServerProcess, before: ServerState, input: ServerInput, made: ServerStep): void {
    const step = { server, before, after: made.state, input, effects: made.effects };
    this.ties.stepped(server, before);
    this.#hear(server, before, input);
    for (const checker of this.#checkers) checker.stepped?.(step);
  }

  swept(): void {
    for (const checker of this.#checkers) checker.swept?.();
  }

  settled(): void {
    for (const checker of this.#checkers) checker.settled?.();
  }

  finished(): void {
    for (const checker of this.#checkers) checker.finished?.();
  }
}
