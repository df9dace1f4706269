/**
 * One run of a chat server in a simulated cluster: the real machine, a clock of its own that may
 * drift, a timer that may be late, and connections whose bytes are really written and read. It may
 * stand still, crash, and never comes back itself: a restart is another process.
 *
 * @module
 */

import type { ConnectionId, ServerId } from "../base/ids.ts";
import type { Instant, Machine } from "../machine.ts";
import type { ServerConfig } from "../server/config.ts";
import type { ServerEffect, ServerInput } from "../server/inputs.ts";
import { createServer, type ServerState, type ServerStep } from "../server/state.ts";
import { clientRequests } from "../wire/client-messages.ts";
import { formatMessage, frameError, parseMessage } from "../wire/codec.ts";
import { peerMessages } from "../wire/server-vocabulary.ts";
import type { Agenda } from "./agenda.ts";
import type { End, EndOwner } from "./end.ts";
import type { Network } from "./network.ts";
import type { Random } from "./random.ts";

declare class TextEncoder {
  encode(text: string): Uint8Array;
}

const utf8 = new TextEncoder();

/** An input of the server without its instant, which the process adds. */
export type Happening = ServerInput extends infer Input
  ? Input extends ServerInput
    ? Omit<Input, "at">
    : never
  : never;

/** The machine that every process runs: the real one, or one with a broken rule. */
export type ServerMachine = Machine<ServerState, ServerInput, ServerEffect>;

/** What a process needs of the world around it. */
export interface Surroundings {
  readonly machine: ServerMachine;
  readonly agenda: Agenda;
  readonly network: Network;
  readonly random: Random;
  dial(server: ServerProcess, effect: Extract<ServerEffect, { type: "dial" }>): void;
  splice(server: ServerProcess, end: End, host: string): void;
  verify(server: ServerProcess, effect: Extract<ServerEffect, { type: "verify" }>): void;
  /** The machine has made a step and its effects have been performed. */
  stepped(server: ServerProcess, before: ServerState, input: ServerInput, made: ServerStep): void;
  /** The machine threw, which it never may. */
  threw(server: ServerProcess, input: ServerInput, error: unknown): void;
  /** The machine has nothing left to do. */
  stopped(server: ServerProcess): void;
}

/** How the clock of a process runs. */
export interface ProcessClock {
  /** Its reading when the process starts. */
  readonly base: Instant;
  /** Its milliseconds for each true one. */
  readonly rate: number;
  /** Wall-clock milliseconds when the process starts, right or wrong. */
  readonly wall: number;
}

/** A chat server that runs, stands still, or is gone. */
export class ServerProcess implements EndOwner {
  readonly id: ServerId;
  readonly config: ServerConfig;
  readonly startedAt: Instant;
  readonly ends: Map<ConnectionId, End> = new Map();
  readonly roles: Map<ConnectionId, "client" | "peer"> = new Map();
  status: "running" | "paused" | "down" = "running";
  hasCrashed = false;
  /** When it last stood still and for how long, to know what may be asked of it. */
  pausedAt: Instant = Number.NEGATIVE_INFINITY;
  pausedMs = 0;
  longestPauseMs = 0;
  resumedAt: Instant = Number.NEGATIVE_INFINITY;
  /** The most that its timer may be late. */
  timerLateMs = 2;
  state: ServerState;
  readonly #around: Surroundings;
  readonly #clock: ProcessClock;
  readonly #deaf = new Set<ConnectionId>();
  readonly #unread = new Set<ConnectionId>();
  readonly #outbox = new Map<End, string>();
  #waiting: Happening[] = [];
  #isBusy = false;
  #armedFor: Instant | undefined;
  #armed = 0;

  constructor(config: ServerConfig, clock: ProcessClock, around: Surroundings) {
    this.id = config.serverid;
    this.config = config;
    this.startedAt = around.agenda.now;
    this.#around = around;
    this.#clock = clock;
    this.state = createServer(config, clock.base, clock.wall);
  }

  /** The host it runs on, which has its id. */
  get host(): string {
    return this.id;
  }

  /** What its own clock says now. */
  get now(): Instant {
    return this.#clock.base + (this.#around.agenda.now - this.startedAt) * this.#clock.rate;
  }

  /** When its clock will say that, in true milliseconds. */
  trueTimeOf(instant: Instant): Instant {
    return this.startedAt + (instant - this.#clock.base) / this.#clock.rate;
  }

  /** What happens to it; waits while it stands still. */
  take(...happenings: readonly Happening[]): void {
    if (this.status === "down") return;
    this.#waiting.push(...happenings);
    if (this.status === "paused" || this.#isBusy) return;
    this.#isBusy = true;
    for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) {
      if (!this.#step(next)) break;
    }
    this.#isBusy = false;
    this.#flush();
    this.#arm();
  }

  /** A connection that it has accepted or dialled; its bytes are read from now on. */
  hold(end: End, role: "client" | "peer"): void {
    this.ends.set(end.id, end);
    this.roles.set(end.id, role);
  }

  isReading(end: End): boolean {
    return this.status === "running" && !this.#unread.has(end.id);
  }

  lines(end: End, frames: readonly string[], error: "too-long" | "not-utf8" | undefined): void {
    const inputs = frames.map((frame) => this.#read(end, frame));
    if (error !== undefined) {
      const { id: connection, lineMax } = end;
      inputs.push({ type: "malformed", connection, error: frameError(error, lineMax) });
    }
    const taken: Happening[] = [];
    for (const input of inputs) {
      if (this.#deaf.has(end.id)) break;
      if (input.type === "malformed" && input.error.fatal) this.#deaf.add(end.id);
      taken.push(input);
    }
    this.take(...taken);
  }

  closed(end: End): void {
    if (!this.ends.delete(end.id)) return;
    this.#unread.delete(end.id);
    this.take({ type: "closed", connection: end.id });
  }

  /** Stands still: nothing is read, no timer fires, connections stay open. */
  pause(): void {
    if (this.status !== "running") return;
    this.status = "paused";
    this.pausedAt = this.#around.agenda.now;
  }

  /** Goes on. What waited and the timer come in any order. */
  resume(): void {
    if (this.status !== "paused") return;
    const { agenda, network, random } = this.#around;
    this.status = "running";
    this.resumedAt = agenda.now;
    this.longestPauseMs = agenda.now - this.pausedAt;
    this.pausedMs += this.longestPauseMs;
    const isTimerFirst = random.chance(0.6);
    if (isTimerFirst) this.take({ type: "tick" });
    this.take();
    network.resume(this.host);
    this.#armedFor = undefined;
    this.#arm();
  }

  /** Milliseconds that it has stood still altogether, up to now. */
  get stillMs(): number {
    const current = this.status === "paused" ? this.#around.agenda.now - this.pausedAt : 0;
    return this.pausedMs + current;
  }

  /** Is gone: its host ends its connections, or is gone as well. */
  crash(withHost: boolean): void {
    this.status = "down";
    this.hasCrashed = true;
    const { network, random } = this.#around;
    for (const end of network.endsAt(this.host)) {
      if (end.owner !== this) {
        if (end.host !== this.host && end.other.owner !== this) network.break(end);
      } else if (withHost) network.vanish(end);
      else network.abort(end, random.chance(0.5));
    }
    this.ends.clear();
  }

  /** Has ended by itself; what it carried for others ends as well. */
  leave(): void {
    this.status = "down";
    for (const end of this.#around.network.endsAt(this.host)) {
      if (end.owner !== this && end.other.owner !== this) this.#around.network.break(end);
    }
    for (const end of this.ends.values()) this.#around.network.end(end);
    this.ends.clear();
  }

  #read(end: End, frame: string): Happening {
    const connection = end.id;
    if (this.roles.get(connection) === "client") {
      const parsed = parseMessage(clientRequests, frame);
      return parsed.ok
        ? { type: "request", connection, request: parsed.value, size: frame.length }
        : { type: "malformed", connection, error: parsed.error };
    }
    const parsed = parseMessage(peerMessages, frame);
    if (!parsed.ok) return { type: "malformed", connection, error: parsed.error };
    const random = this.#around.random.bytes(16);
    return { type: "peer-message", connection, message: parsed.value, random };
  }

  #step(happening: Happening): boolean {
    const before = this.state;
    const input = { ...happening, at: Math.max(before.now, this.now) } as ServerInput;
    let made: ServerStep;
    try {
      made = this.#around.machine.step(before, input);
    } catch (error) {
      this.#around.threw(this, input, error);
      return false;
    }
    this.state = made.state;
    for (const effect of made.effects) this.#perform(effect);
    this.#around.stepped(this, before, input, made);
    return (this.status as string) !== "down";
  }

  #perform(effect: ServerEffect): void {
    const around = this.#around;
    switch (effect.type) {
      case "send": {
        const line = formatMessage(effect.message);
        for (const connection of effect.to) {
          const end = this.ends.get(connection);
          if (end === undefined || connection === effect.except) continue;
          this.#outbox.set(end, (this.#outbox.get(end) ?? "") + line);
        }
        return;
      }
      case "close": {
        const end = this.ends.get(effect.connection);
        if (end === undefined) return;
        this.#flush();
        this.#unread.delete(effect.connection);
        around.network.end(end);
        return;
      }
      case "pause":
        this.#unread.add(effect.connection);
        return;
      case "resume": {
        const end = this.ends.get(effect.connection);
        this.#unread.delete(effect.connection);
        if (end !== undefined) around.network.pump(end.other);
        return;
      }
      case "dial":
        around.dial(this, effect);
        return;
      case "splice": {
        const end = this.ends.get(effect.connection);
        if (end === undefined) return;
        this.ends.delete(effect.connection);
        around.splice(this, end, effect.address.host);
        return;
      }
      case "verify":
        around.verify(this, effect);
        return;
      case "stop":
        this.#flush();
        this.status = "down";
        around.agenda.after(0, () => around.stopped(this));
        return;
    }
  }

  #flush(): void {
    if (this.#outbox.size === 0) return;
    const { network } = this.#around;
    const written = [...this.#outbox];
    this.#outbox.clear();
    for (const [end, lines] of written) network.write(end, utf8.encode(lines));
  }

  #arm(): void {
    if (this.status !== "running") return;
    const deadline = this.#around.machine.nextDeadline(this.state);
    if (deadline === this.#armedFor) return;
    this.#armedFor = deadline;
    const number = ++this.#armed;
    if (deadline === undefined) return;
    const { agenda, random } = this.#around;
    const at = this.trueTimeOf(deadline) + 0.001 + random.between(0, this.timerLateMs);
    agenda.plan(at, () => {
      if (number !== this.#armed || this.status !== "running") return;
      this.#armedFor = undefined;
      this.take({ type: "tick" });
    });
  }
}
