/**
 * One run of a chat server in the measure of the failure detector: the real machine, which gets its
 * messages as values, not as bytes, for there are very many of them. It may stand still, with its
 * kernel awake, and go on; or end in one of three ways.
 *
 * @module
 */

import type { ConnectionId, ServerId } from "../base/ids.ts";
import type { Instant } from "../machine.ts";
import type { ServerConfig } from "../server/config.ts";
import type { ServerEffect, ServerEvent, ServerInput } from "../server/inputs.ts";
import { createServer, type ServerState } from "../server/state.ts";
import { serverMachine } from "../server/step.ts";
import type { AccuracyEnd } from "./accuracy-ends.ts";
import type { Agenda } from "./agenda.ts";
import type { Random } from "./random.ts";
import type { Happening } from "./server-process.ts";

/** The most that a timer is late of itself. */
const timerLateMs = 2;
/** How often the timer is looked at before what waits, when a process goes on. */
const timerFirstChance = 0.6;

/** How a server ends. */
export type Death = "crash" | "stalled process" | "lost host";

/** What a server needs of the world around it. */
export interface AccuracySurroundings {
  readonly agenda: Agenda;
  readonly random: Random;
  steps: number;
  send(end: AccuracyEnd, message: Extract<ServerEffect, { type: "send" }>["message"]): void;
  hangUp(end: AccuracyEnd): void;
  dial(server: AccuracyServer, effect: Extract<ServerEffect, { type: "dial" }>): void;
  splice(end: AccuracyEnd, host: string): void;
  reported(server: AccuracyServer, event: ServerEvent): void;
}

/** A chat server that runs, stands still, or is gone. */
export class AccuracyServer {
  readonly id: ServerId;
  readonly config: ServerConfig;
  readonly ends: Map<ConnectionId, AccuracyEnd> = new Map();
  /** When something last came, or comes, from a server that was lost as often as matters. */
  readonly lateFrom: Map<ServerId, Instant> = new Map();
  state: ServerState;
  status: "running" | "still" | "gone" = "running";
  /** When and how it ended. */
  death: { readonly kind: Death; readonly at: Instant } | undefined = undefined;
  /** When it last began to stand still, and when it went on. */
  stillAt: Instant = Number.NEGATIVE_INFINITY;
  resumedAt: Instant = Number.NEGATIVE_INFINITY;
  readonly #around: AccuracySurroundings;
  #waiting: (() => void)[] = [];
  #armedFor: Instant | undefined;
  #armed = 0;

  constructor(config: ServerConfig, wallClock: number, around: AccuracySurroundings) {
    this.id = config.serverid;
    this.config = config;
    this.#around = around;
    this.state = createServer(config, around.agenda.now, wallClock);
  }

  /** Does something in this process as soon as it runs; never, if it is gone. */
  whenRunning(run: () => void): void {
    if (this.status === "running") run();
    else if (this.status === "still") this.#waiting.push(run);
  }

  /** The machine makes a step, and its effects are performed. */
  take(happening: Happening): void {
    if (this.status !== "running") return;
    const { agenda } = this.#around;
    this.#around.steps++;
    const input = { ...happening, at: Math.max(this.state.now, agenda.now) } as ServerInput;
    const made = serverMachine.step(this.state, input);
    this.state = made.state;
    for (const effect of made.effects) this.#perform(effect);
    this.#arm();
  }

  /** Stands still: no timer fires, nothing is read; its kernel still answers. */
  stall(): void {
    this.status = "still";
    this.stillAt = this.#around.agenda.now;
  }

  /** Goes on with what waited; its late timer comes before that or after it. */
  resume(): void {
    if (this.status !== "still") return;
    this.status = "running";
    this.resumedAt = this.#around.agenda.now;
    const waiting = this.#waiting;
    this.#waiting = [];
    if (this.#around.random.chance(timerFirstChance)) this.take({ type: "tick" });
    for (const run of waiting) this.whenRunning(run);
    this.#armedFor = undefined;
    this.#arm();
  }

  /** Ends for good. A stalled process keeps its connections; the kernel ends those of a crash. */
  die(kind: Death): void {
    this.death = { kind, at: this.#around.agenda.now };
    this.#waiting = [];
    if (kind === "stalled process") this.stall();
    else this.status = "gone";
    if (kind === "crash") for (const end of this.ends.values()) this.#around.hangUp(end);
  }

  /** What stood still for good is taken away, as by its admin. */
  remove(): void {
    this.status = "gone";
    for (const end of this.ends.values()) this.#around.hangUp(end);
  }

  #perform(effect: ServerEffect): void {
    const around = this.#around;
    switch (effect.type) {
      case "send":
        for (const connection of effect.to) {
          const end = this.ends.get(connection);
          if (end !== undefined && connection !== effect.except) around.send(end, effect.message);
        }
        return;
      case "close": {
        const end = this.ends.get(effect.connection);
        if (end !== undefined) around.hangUp(end);
        return;
      }
      case "dial":
        around.dial(this, effect);
        return;
      case "splice": {
        const end = this.ends.get(effect.connection);
        if (end === undefined) return;
        this.ends.delete(effect.connection);
        around.splice(end, effect.address.host);
        return;
      }
      case "report":
        around.reported(this, effect.event);
    }
  }

  #arm(): void {
    const deadline = serverMachine.nextDeadline(this.state);
    if (deadline === this.#armedFor) return;
    this.#armedFor = deadline;
    const number = ++this.#armed;
    if (deadline === undefined) return;
    const { agenda, random } = this.#around;
    agenda.plan(deadline + random.fraction() * timerLateMs, () => {
      if (number !== this.#armed || this.status !== "running") return;
      this.#armedFor = undefined;
      this.take({ type: "tick" });
    });
  }
}
