/**
 * The chat server between its machine and the world: lines and connections become inputs, effects
 * become bytes, dials and log lines. No rule of the protocol is here, and nothing of the process.
 *
 * @module
 */

import {
  type ConnectionId,
  clientFrameBytesMax,
  createServer,
  type DialOutcome,
  Driver,
  formatMessage,
  frameError,
  peerFrameBytesMax,
  readTicket,
  type ServerConfig,
  type ServerEffect,
  type ServerId,
  type ServerInput,
  type ServerState,
  serverMachine,
  type Verified,
  type VerifyBytes,
} from "../../lib/mod.ts";
import type { Clock } from "./clock.ts";
import type { Log, LogEvent } from "./log.ts";
import { type ConnectionRole, readLine } from "./server-lines.ts";
import type {
  ConnectionEvents,
  DialResult,
  Listener,
  ListenerEvents,
  Through,
  Transport,
} from "./transport.ts";

/** What may wait for a client that does not read. */
const clientWaitingBytesMax = 256 * 1024;
/** What may wait for a peer. */
const peerWaitingBytesMax = 8 * 1024 * 1024;

/** What a server needs of the world. */
export interface ServerWorld {
  readonly transport: Transport;
  readonly clock: Clock;
  readonly log: Log;
  /** Checks the signature of a login ticket. */
  readonly verify: VerifyBytes;
  /** Keeps the roster for the next start. */
  readonly keepRoster: (roster: readonly ServerId[]) => void;
  /** Called once, when the server has nothing left to do. */
  readonly stopped: (status: 0 | 1) => void;
}

/**
 * A chat server on a transport.
 *
 * @example
 * ```ts
 * const server = new ServerHost(config, { transport, clock, log, verify, keepRoster, stopped });
 * await server.listenForPeers("127.0.0.1", 5555);
 * await server.listenForClients("127.0.0.1", 4444);
 * server.start();
 * ```
 */
export class ServerHost {
  readonly #config: ServerConfig;
  readonly #world: ServerWorld;
  readonly #driver: Driver<ServerState, ServerInput, ServerEffect>;
  /** What each open connection is. */
  readonly #roles = new Map<ConnectionId, ConnectionRole>();
  /** Connections whose bytes make no sense any longer: nothing more of them is looked at. */
  readonly #deaf = new Set<ConnectionId>();
  #verify: VerifyBytes;
  #stopped = false;

  constructor(config: ServerConfig, world: ServerWorld) {
    const { clock } = world;
    this.#config = config;
    this.#world = world;
    this.#verify = world.verify;
    this.#driver = new Driver(
      serverMachine,
      createServer(config, clock.now(), Date.now()),
      { ...clock, perform: (effect) => this.#perform(effect) },
      (at) => ({ type: "tick", at }),
    );
  }

  /** How many connections are open. */
  get connections(): number {
    return this.#roles.size;
  }

  /** Opens the port for clients, or rejects when it can't. */
  listenForClients(host: string, port: number): Promise<Listener> {
    return this.#world.transport.listen(
      {
        host,
        port,
        minVersion: "TLSv1.2",
        lineBytesMax: clientFrameBytesMax,
        waitingBytesMax: clientWaitingBytesMax,
      },
      this.#listenerEvents("client"),
    );
  }

  /** Opens the port for servers and admins, who prove by a certificate who they are. */
  listenForPeers(host: string, port: number): Promise<Listener> {
    return this.#world.transport.listen(
      {
        host,
        port,
        minVersion: "TLSv1.3",
        roles: ["server", "admin"],
        lineBytesMax: peerFrameBytesMax,
        waitingBytesMax: peerWaitingBytesMax,
      },
      this.#listenerEvents("peer"),
    );
  }

  /** Begins: the others are dialled, and clients are served when they have answered. */
  start(): void {
    this.#driver.start();
  }

  /** Routes the users to other servers, and then stops. */
  drain(): void {
    this.#input({ type: "command", at: this.#now(), command: "drain" });
  }

  /** From now on tickets are checked with these keys. */
  useVerifier(verify: VerifyBytes): void {
    this.#verify = verify;
  }

  #now(): number {
    return this.#world.clock.now();
  }

  #input(input: ServerInput): void {
    if (!this.#stopped) this.#driver.input(input);
  }

  #listenerEvents(port: "client" | "peer"): ListenerEvents {
    return {
      ...this.#connectionEvents(),
      opened: (connection, { name }) => {
        if (name === undefined) this.#opened(connection, "client", "" as ServerId);
        else this.#opened(connection, name.role === "admin" ? "admin" : "peer", name.id);
      },
      turnedAway: (address, cause) =>
        this.#log({ event: "tls-refused", port, address, cause } as LogEvent),
    };
  }

  #connectionEvents(): ConnectionEvents {
    return {
      lines: (connection, lines) => this.#lines(connection, lines),
      broken: (connection, error) => {
        const isClient = this.#roles.get(connection) === "client";
        const limit = isClient ? clientFrameBytesMax : peerFrameBytesMax;
        const at = this.#now();
        this.#take({ type: "malformed", at, connection, error: frameError(error, limit) });
      },
      closed: (connection, cause) => {
        const role = this.#roles.get(connection);
        this.#roles.delete(connection);
        this.#deaf.delete(connection);
        this.#log({ event: `${role}-closed`, connection, cause } as LogEvent, "debug");
        this.#input({ type: "closed", at: this.#now(), connection });
      },
    };
  }

  #opened(connection: ConnectionId, role: ConnectionRole, id: string): void {
    this.#roles.set(connection, role);
    const at = this.#now();
    if (role === "client") this.#input({ type: "opened", at, connection, role });
    else this.#input({ type: "opened", at, connection, role, certificateId: id as ServerId });
  }

  /** One instant for all lines of a chunk: what they lead to goes out in one write. */
  #lines(connection: ConnectionId, lines: readonly string[]): void {
    const role = this.#roles.get(connection);
    if (role === undefined) return;
    const at = this.#now();
    for (const line of lines) {
      if (this.#deaf.has(connection)) return;
      this.#take(readLine(connection, role, line, at));
    }
  }

  #take(input: ServerInput): void {
    if (input.type === "malformed" && input.error.fatal) this.#deaf.add(input.connection);
    this.#input(input);
  }

  #perform(effect: ServerEffect): void {
    const { transport } = this.#world;
    switch (effect.type) {
      case "send":
        transport.send(effect.to, formatMessage(effect.message), effect.except);
        break;
      case "close":
        transport.end(effect.connection);
        break;
      case "pause":
        transport.pause(effect.connection);
        break;
      case "resume":
        transport.resume(effect.connection);
        break;
      case "dial":
        this.#dial(effect);
        break;
      case "splice":
        this.#roles.delete(effect.connection);
        transport.splice(effect.connection, effect.address);
        break;
      case "verify":
        this.#verifyTicket(effect);
        break;
      case "report":
        this.#log(effect.event);
        break;
      case "keep-roster":
        this.#world.keepRoster(effect.roster);
        break;
      case "stop":
        this.#stopped = true;
        this.#world.stopped(effect.status);
        break;
    }
  }

  #dial(effect: Extract<ServerEffect, { readonly type: "dial" }>): void {
    const { dial, address, serverid } = effect;
    const { probeMs } = this.#config.timing;
    this.#world.transport.dial(
      {
        address,
        role: "server",
        id: serverid,
        checkHost: false, // peers are known by their ids
        minVersion: "TLSv1.3",
        tcpLimitMs: probeMs,
        tlsLimitMs: probeMs,
        via: this.#through(effect),
        lineBytesMax: peerFrameBytesMax,
        waitingBytesMax: peerWaitingBytesMax,
      },
      this.#connectionEvents(),
      (result) => {
        if (result.type === "link") this.#roles.set(result.connection, "peer");
        this.#input({ type: "dialled", at: this.#now(), dial, outcome: outcomeOf(result) });
      },
    );
  }

  #through({
    via,
    serverid,
  }: Extract<ServerEffect, { readonly type: "dial" }>): Through | undefined {
    if (via === undefined || serverid === undefined) return undefined;
    const relay = { type: "relay", serverid: this.#config.serverid, target: serverid } as const;
    return { address: via.address, id: via.serverid, request: formatMessage(relay) };
  }

  #verifyTicket(effect: Extract<ServerEffect, { readonly type: "verify" }>): void {
    const { connection, request, ticket } = effect;
    const check = { unixSeconds: Date.now() / 1000, verify: this.#verify };
    const claims = readTicket(ticket, check);
    const outcome: Verified = claims.ok
      ? { ok: true, identity: claims.value.identity, username: claims.value.username }
      : { ok: false, reason: claims.error };
    this.#input({ type: "verified", at: this.#now(), connection, request, outcome });
  }

  #log(event: LogEvent, level?: Parameters<Log["report"]>[1]): void {
    this.#world.log.report(event, level);
  }
}

function outcomeOf(result: DialResult): DialOutcome {
  switch (result.type) {
    case "link":
      return {
        type: "link",
        connection: result.connection,
        certificateId: result.name.id as ServerId,
      };
    case "tls-failed":
    case "other-id":
      return result;
    default:
      return { type: result.type };
  }
}
