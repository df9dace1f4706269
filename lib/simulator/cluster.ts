/**
 * A whole cluster in virtual time: servers, users, an authentication server, the network between
 * them, one queue of events. It knows no faults and no promises: those act on it and look at it.
 *
 * @module
 */

import type { ConnectionId, ServerId } from "../base/ids.ts";
import { defaultTiming, type ServerConfig } from "../server/config.ts";
import type { ServerEffect, ServerInput } from "../server/inputs.ts";
import type { ServerState, ServerStep } from "../server/state.ts";
import { serverMachine } from "../server/step.ts";
import { asIdentity } from "../wire/fields.ts";
import { Agenda } from "./agenda.ts";
import type { Conversation, Listener } from "./conversation.ts";
import { dialClient, dialServer, type Hosts, spliceTo } from "./dials.ts";
import type { End, Place } from "./end.ts";
import { Network } from "./network.ts";
import { Random } from "./random.ts";
import type { Scenario } from "./scenario.ts";
import { type ServerMachine, ServerProcess, type Surroundings } from "./server-process.ts";
import type { Town } from "./town.ts";
import { User } from "./user.ts";

/** Wall-clock milliseconds when the world begins. */
export const wallStart: number = 1_700_000_000_000;
const ticketLifetimeMs = 600_000;
const clockToleranceMs = 30_000;

/** A conversation and who takes part in it. */
export interface Talk {
  readonly conversation: Conversation;
  readonly user: Listener;
  readonly server: ServerProcess;
  readonly end: End;
}

/** Who looks at the cluster after every step of a server. */
export interface Observer {
  stepped(server: ServerProcess, before: ServerState, input: ServerInput, made: ServerStep): void;
}

/** What was done to a ticket's claims. */
interface Ticket {
  readonly username: string;
  readonly identity: string;
  readonly expiresAt: number;
}

/** The world of one run. */
export class Cluster implements Hosts, Surroundings, Town {
  readonly agenda: Agenda = new Agenda();
  readonly random: Random;
  readonly network: Network;
  readonly scenario: Scenario;
  /** The process on each host, also one that is gone. */
  readonly processes: Map<string, ServerProcess> = new Map();
  /** Every process there ever was. */
  readonly everyProcess: ServerProcess[] = [];
  readonly users: User[] = [];
  readonly talks: Map<ConnectionId, Talk> = new Map();
  readonly observers: Observer[] = [];
  readonly ticketsShown: Map<string, Ticket> = new Map();
  /** The first promise that was broken. */
  broken: { readonly promise: string; readonly detail: string; readonly at: number } | undefined;
  isLively = true;
  isAuthDown = false;
  /** Where clients look for servers: those that have left are no longer among them. */
  serverIds: string[] = [];
  /** Called with what happens, in words; costs nothing when it is not there. */
  trace: ((line: string) => void) | undefined = undefined;
  /** A number that every line and every input changes: equal runs have equal ones. */
  fingerprint = 0x811c9dc5;
  steps = 0;
  readonly #downSince = new Map<string, number>();
  readonly #slowness = new Map<string, number>();
  readonly #wallJumps = new Map<string, number>();
  readonly #rosters = new Map<string, readonly ServerId[]>();
  readonly #tickets = new Map<string, Ticket>();

  readonly machine: ServerMachine;

  constructor(scenario: Scenario, machine: ServerMachine = serverMachine) {
    this.scenario = scenario;
    this.machine = machine;
    this.random = new Random(scenario.seed, "cluster");
    this.network = new Network(this.agenda, new Random(scenario.seed, "network"));
  }

  get now(): number {
    return this.agenda.now;
  }

  after(delayMs: number, run: () => void): void {
    this.agenda.after(delayMs, run);
  }

  /** Notes that a promise is broken; the run ends there. */
  complain(promise: string, detail: string): void {
    this.broken ??= { promise, detail, at: this.now };
  }

  // Servers

  /** Starts a server, of the file or joining through `contact`. */
  startServer(id: string, contact?: string): ServerProcess {
    const { seed, partition, drifts, servers } = this.scenario;
    const file = Array.from({ length: servers }, (_, index) => `s${index + 1}` as ServerId);
    const number = this.everyProcess.length;
    const random = new Random(seed, `${id} ${number}`);
    const contacts =
      contact === undefined
        ? file.filter((other) => other !== id).map((other) => contactOf(other, other))
        : [contactOf(contact)];
    const config: ServerConfig = {
      serverid: id as ServerId,
      client: { host: id, port: 4444 },
      peer: { host: id, port: 5555 },
      contacts,
      mustJoin: contact !== undefined,
      auth: { host: "auth", port: 4440 },
      partition,
      roster: this.#rosters.get(id) ?? (contact === undefined ? file : []),
      messageRate: 0,
      seed: random.below(2 ** 31),
      timing: defaultTiming,
    };
    const rate = drifts ? 0.91 + random.fraction() * 0.18 : 1;
    const clock = { base: random.below(1_000_000), rate, wall: Math.floor(this.wallClock(id)) };
    const server = new ServerProcess(config, clock, this);
    this.processes.set(id, server);
    this.everyProcess.push(server);
    this.#downSince.delete(id);
    this.network.setLost(id, false);
    this.trace?.(`${id} starts as ${server.state.incarnation}`);
    server.take({ type: "tick" });
    return server;
  }

  /** Ends a server's process at once, perhaps with its host. */
  crash(id: string, withHost: boolean): void {
    const server = this.processes.get(id);
    if (server === undefined || server.status === "down") return;
    server.crash(withHost);
    if (withHost) this.network.setLost(id, true);
    this.#downSince.set(id, this.now);
  }

  stopped(server: ServerProcess): void {
    this.serverIds = this.serverIds.filter((id) => id !== server.id);
    server.leave();
    if (!this.#downSince.has(server.host)) this.#downSince.set(server.host, this.now);
  }

  /** Processes that run or stand still. */
  live(): ServerProcess[] {
    return [...this.processes.values()].filter(({ status }) => status !== "down");
  }

  stepped(server: ServerProcess, before: ServerState, input: ServerInput, made: ServerStep): void {
    this.steps++;
    this.#mix(server.id, input, made);
    if (input.type === "request" || input.type === "malformed") {
      this.talks.get(input.connection)?.conversation.read(this.now, server.stillMs);
    }
    for (const effect of made.effects) {
      if (effect.type === "keep-roster") this.#rosters.set(server.id, effect.roster);
    }
    for (const observer of this.observers) observer.stepped(server, before, input, made);
  }

  threw(server: ServerProcess, input: ServerInput, error: unknown): void {
    const said = error instanceof Error ? error.message : String(error);
    this.complain("I12", `step of ${server.id} threw on ${input.type}: ${said}`);
  }

  // Hosts

  processAt(host: string): ServerProcess | undefined {
    return this.processes.get(host);
  }

  downSince(host: string): number | undefined {
    return this.#downSince.get(host);
  }

  slowness(one: string, other: string): number {
    return this.#slowness.get(`${one} ${other}`) ?? this.#slowness.get(`${other} ${one}`) ?? 0;
  }

  /** Everything between two hosts takes up to so much longer. */
  slow(one: string, other: string, delayMs: number): void {
    this.#slowness.set(`${one} ${other}`, delayMs);
    this.network.slow(one, other, delayMs);
    this.network.slow(other, one, delayMs);
  }

  /** What the wall clock of a host says. */
  wallClock(host: string): number {
    return wallStart + this.now + (this.#wallJumps.get(host) ?? 0);
  }

  /** Puts the wall clock of a host wrong by so much, or right. */
  jump(host: string, ms: number): void {
    this.#wallJumps.set(host, ms);
  }

  dial(server: ServerProcess, effect: Extract<ServerEffect, { type: "dial" }>): void {
    dialServer(this, server, effect);
  }

  splice(server: ServerProcess, end: End, host: string): void {
    spliceTo(this, server, end, host);
  }

  // Users

  /** Adds a user, who begins at once. */
  addUser(number: number): User {
    const user = new User(number, this, new Random(this.scenario.seed, `user ${number}`));
    this.users.push(user);
    user.start();
    return user;
  }

  connect(place: Place, server: string, done: (end: End | undefined) => void): void {
    dialClient(this, place, server, done);
  }

  write(end: End, bytes: Uint8Array): void {
    this.network.write(end, bytes);
  }

  hangUp(end: End): void {
    this.network.end(end);
  }

  breakOff(end: End): void {
    this.network.break(end);
  }

  begins(end: End, conversation: Conversation, user: Listener): void {
    const server = end.owner as ServerProcess;
    this.talks.set(end.id, { conversation, user, server, end });
  }

  ticketFor(username: string, identity: string): string | undefined {
    if (this.isAuthDown || asIdentity(identity) === undefined) return undefined;
    const ticket = `ticket-${this.#tickets.size}-${this.random.below(2 ** 31)}`;
    const expiresAt = wallStart + this.now + ticketLifetimeMs;
    this.#tickets.set(ticket, { username, identity, expiresAt });
    return ticket;
  }

  verify(server: ServerProcess, effect: Extract<ServerEffect, { type: "verify" }>): void {
    const { connection, request } = effect;
    const ticket = this.#tickets.get(effect.ticket);
    const aheadMs = ticket === undefined ? 0 : ticket.expiresAt - this.wallClock(server.host);
    const outcome =
      ticket === undefined || aheadMs > 24 * 3_600_000
        ? ({ ok: false, reason: "ticket-invalid" } as const)
        : aheadMs < -clockToleranceMs
          ? ({ ok: false, reason: "ticket-expired" } as const)
          : ({
              ok: true,
              identity: asIdentity(ticket.identity) as NonNullable<ReturnType<typeof asIdentity>>,
              username: ticket.username,
            } as const);
    if (ticket !== undefined && outcome.ok) this.ticketsShown.set(`${connection}`, ticket);
    this.after(this.random.between(0, 8), () =>
      server.take({ type: "verified", connection, request, outcome }),
    );
  }

  #mix(id: string, input: ServerInput, made: ServerStep): void {
    const words = [id, input.type, String(this.now)];
    for (const effect of made.effects) {
      words.push(effect.type);
      if (effect.type === "send") words.push(JSON.stringify(effect.message));
    }
    let mixed = this.fingerprint;
    for (const word of words) {
      for (let place = 0; place < word.length; place++) {
        mixed = Math.imul(mixed ^ word.charCodeAt(place), 0x01000193);
      }
    }
    this.fingerprint = mixed >>> 0;
  }
}

function contactOf(host: string, serverid?: ServerId): ServerConfig["contacts"][number] {
  return { serverid, address: { host, port: 5555 } };
}
