/**
 * Several chat servers in one process, in virtual time and without sockets: the real machines, a
 * perfect network that delivers in order, and clients that write down what they hear.
 *
 * @module
 */

import type { ConnectionId, Identity, ServerId } from "../../lib/base/ids.ts";
import { type Contact, defaultTiming, type ServerConfig } from "../../lib/server/config.ts";
import type {
  DialOutcome,
  ServerEffect,
  ServerEvent,
  ServerInput,
  Verified,
} from "../../lib/server/inputs.ts";
import { createServer, type ServerState } from "../../lib/server/state.ts";
import { serverMachine } from "../../lib/server/step.ts";
import type { AdminReply } from "../../lib/wire/admin-messages.ts";
import type { ClientReply, ClientRequest } from "../../lib/wire/client-messages.ts";
import { clientRequests } from "../../lib/wire/client-messages.ts";
import { parseMessage } from "../../lib/wire/codec.ts";
import type { PeerMessage } from "../../lib/wire/server-messages.ts";
import { peerMessages } from "../../lib/wire/server-vocabulary.ts";

/** More lanes than a choice is made among: the rest wait until these are served. */
const maxLanes = 64;

type Loose<Input> = Input extends ServerInput ? Omit<Input, "at"> : never;

/** One end of a connection between two servers. */
interface Wire {
  readonly server: string;
  readonly other: ConnectionId;
  /** The server that carries its bytes, if it is no direct one. */
  readonly third?: string | undefined;
}

interface Node {
  state: ServerState;
  readonly wires: Map<ConnectionId, Wire>;
  up: boolean;
}

/** Something on its way to a server; what is on one lane stays in its order. */
interface Delivery {
  readonly lane: string;
  readonly server: string;
  readonly input: Loose<ServerInput>;
}

interface Held {
  readonly from: string;
  readonly to: string;
  readonly delivery: Delivery;
}

/** A client that talks to one server and keeps everything it hears. */
export interface TestClient {
  readonly server: string;
  readonly connection: ConnectionId;
  /** All lines heard that have not been taken. */
  readonly heard: ClientReply[];
  closed: boolean;
}

/** A peer of the test's own making, over one verified connection. */
export interface Intruder {
  readonly connection: ConnectionId;
  readonly heard: PeerMessage[];
  isClosed(): boolean;
  say(message: object): void;
  hangUp(): void;
}

/** The cluster. Time stands still until {@link Cluster.advance}. */
export class Cluster {
  readonly nodes: Map<string, Node> = new Map();
  readonly events: { readonly server: string; readonly event: ServerEvent }[] = [];
  /** Messages between servers that this returns true for stay on their way until `release`. */
  hold: (from: string, to: string, message: PeerMessage) => boolean = () => false;
  /** What a dial comes to, if not a link. */
  dialOutcome: (from: string, to: string) => DialOutcome | undefined = () => undefined;
  /** What a ticket is worth; `undefined`: that is never found out. */
  verify: (ticket: string, identity: Identity) => Verified | undefined = (ticket, identity) =>
    ticket === "bad"
      ? { ok: false, reason: "ticket-invalid" }
      : { ok: true, identity, username: ticket };
  /**
   * Which of so many lanes delivers next; the first is the one that has waited longest. Messages of
   * one connection keep their order whatever is chosen.
   */
  choose: (lanes: number) => number = () => 0;
  now = 0;
  readonly #clients: Map<string, TestClient> = new Map();
  readonly #intruders: Map<string, { heard: PeerMessage[]; closed: boolean }> = new Map();
  readonly #queue: Delivery[] = [];
  /** What waits for servers that stand still. */
  readonly #stopped: Map<string, Delivery[]> = new Map();
  #held: Held[] = [];
  #connections = 1;
  #random = 1;

  /** Starts a server that knows these others; nothing happens until {@link settle}. */
  add(id: string, contacts: readonly string[], change: Partial<ServerConfig> = {}): void {
    const known = contacts.map(
      (other): Contact => ({
        serverid: change.mustJoin ? undefined : (other as ServerId),
        address: { host: other, port: 5555 },
      }),
    );
    const config: ServerConfig = {
      serverid: id as ServerId,
      client: { host: id, port: 4444 },
      peer: { host: id, port: 5555 },
      contacts: known,
      mustJoin: false,
      auth: { host: "auth", port: 4440 },
      partition: "available",
      roster: [],
      messageRate: 0,
      seed: id.charCodeAt(id.length - 1),
      timing: defaultTiming,
      ...change,
    };
    const state = createServer(config, this.now, 1_700_000_000_000 + this.now);
    this.nodes.set(id, { state, wires: new Map(), up: true });
    this.input(id, { type: "tick" });
  }

  /** Gives one server an input at the present time. */
  input(id: string, input: Loose<ServerInput>): void {
    const lane = "connection" in input ? `${id} ${input.connection}` : `${id} ${input.type}`;
    this.#queue.push({ lane, server: id, input });
  }

  /** Delivers everything that is on its way. */
  settle(): void {
    while (this.deliverOne());
  }

  /** Delivers one thing that is on its way, if there is any: the one that `choose` says. */
  deliverOne(): boolean {
    const first = new Map<string, number>();
    for (const [index, { lane }] of this.#queue.entries()) {
      if (!first.has(lane)) first.set(lane, index);
      if (first.size > maxLanes) break;
    }
    const heads = [...first.values()];
    const head = heads.length > 1 ? heads[this.choose(heads.length)] : heads[0];
    const [delivery] = head === undefined ? [] : this.#queue.splice(head, 1);
    if (delivery === undefined) return false;
    const stopped = this.#stopped.get(delivery.server);
    if (stopped !== undefined) {
      if (delivery.input.type !== "tick") stopped.push(delivery);
      return true;
    }
    this.#step(delivery.server, { ...delivery.input, at: this.now } as ServerInput);
    return true;
  }

  /** A copy that goes its own way from here; nothing may be on its way. */
  fork(): Cluster {
    this.settle();
    const copy = new Cluster();
    for (const [id, { state, wires, up }] of this.nodes) {
      copy.nodes.set(id, { state, wires: new Map(wires), up });
    }
    for (const [key, client] of this.#clients) {
      copy.#clients.set(key, { ...client, heard: [...client.heard] });
    }
    copy.now = this.now;
    copy.#connections = this.#connections;
    copy.#random = this.#random;
    return copy;
  }

  /** This cluster's own copy of a client that was connected before the fork. */
  mine({ server, connection }: TestClient): TestClient {
    return this.#clients.get(`${server} ${connection}`) as TestClient;
  }

  /** Lets time pass; every deadline is kept to the millisecond. */
  advance(ms: number): void {
    const end = this.now + ms;
    for (this.settle(); ; this.settle()) {
      const deadlines = [...this.nodes]
        .filter(([id, { up }]) => up && !this.#stopped.has(id))
        .map(([, { state }]) => serverMachine.nextDeadline(state) ?? Number.POSITIVE_INFINITY);
      const next = Math.max(this.now, Math.min(end, ...deadlines));
      if (next >= end && Math.min(...deadlines) > end) break;
      this.now = next;
      for (const [id, { up }] of this.nodes) if (up) this.input(id, { type: "tick" });
    }
    this.now = end;
  }

  /** Delivers what was held back, oldest first. */
  release(): void {
    const held = this.#held;
    this.#held = [];
    this.hold = () => false;
    for (const { delivery } of held) this.#queue.push(delivery);
    this.settle();
  }

  /** So much later, what was held back arrives; what is said in return is held back anew. */
  passHeld(ms: number): void {
    const held = this.#held;
    this.#held = [];
    this.now += ms;
    for (const [id, { up }] of this.nodes) if (up) this.input(id, { type: "tick" });
    for (const { delivery } of held) this.#queue.push(delivery);
    this.settle();
  }

  /**
   * Stops a server as SIGSTOP does: what comes for it waits, whoever dials it connects to nothing.
   */
  stop(id: string): void {
    this.#stopped.set(id, []);
  }

  /** Lets a stopped server go on: its clock has run, what waited comes in at once. */
  goOn(id: string): void {
    const waiting = this.#stopped.get(id) ?? [];
    this.#stopped.delete(id);
    this.#step(id, { type: "tick", at: this.now });
    this.#queue.push(...waiting);
    this.settle();
  }

  /** Ends the connections between two servers on both sides. */
  cut(one: string, other: string): void {
    for (const [connection, wire] of [...this.#node(one).wires]) {
      if (wire.server !== other) continue;
      this.#node(one).wires.delete(connection);
      this.#node(other).wires.delete(wire.other);
      this.input(one, { type: "closed", connection });
      this.input(other, { type: "closed", connection: wire.other });
    }
    this.settle();
  }

  /** Connects a client. */
  connect(server: string): TestClient {
    const connection = this.#connection();
    const client: TestClient = { server, connection, heard: [], closed: false };
    this.#clients.set(`${server} ${connection}`, client);
    this.input(server, { type: "opened", connection, role: "client" });
    this.settle();
    return client;
  }

  /** Sends one line of a client, parsed as a real one. */
  say(client: TestClient, line: object, settle = true): void {
    const text = JSON.stringify(line);
    const parsed = parseMessage<ClientRequest>(clientRequests, text);
    const { connection } = client;
    this.input(
      client.server,
      parsed.ok
        ? { type: "request", connection, request: parsed.value, size: text.length }
        : { type: "malformed", connection, error: parsed.error },
    );
    if (settle) this.settle();
  }

  /** Ends a client's connection. */
  hangUp(client: TestClient): void {
    client.closed = true;
    this.input(client.server, { type: "closed", connection: client.connection });
    this.settle();
  }

  /** Connects and logs in; what was heard on the way is taken. */
  login(server: string, identity: string, username: string = identity): TestClient {
    const client = this.connect(server);
    this.say(client, { type: "newidentity", identity, ticket: username });
    this.take(client);
    return client;
  }

  /** Everything a client has heard since the last call. */
  take(client: TestClient): ClientReply[] {
    return client.heard.splice(0);
  }

  /** The state of a server. */
  state(id: string): ServerState {
    return this.#node(id).state;
  }

  /** A peer that is no server of ours: says what it likes over a verified connection. */
  intrude(server: string, as: string): Intruder {
    const connection = this.#connection();
    const ear = { heard: [] as PeerMessage[], closed: false };
    this.#intruders.set(`${server} ${connection}`, ear);
    this.input(server, { type: "opened", connection, role: "peer", certificateId: as as ServerId });
    this.settle();
    return {
      connection,
      heard: ear.heard,
      isClosed: () => ear.closed,
      say: (message) => {
        const parsed = parseMessage<PeerMessage>(peerMessages, JSON.stringify(message));
        this.input(
          server,
          parsed.ok
            ? { type: "peer-message", connection, message: parsed.value, random: this.#bytes() }
            : { type: "malformed", connection, error: parsed.error },
        );
        this.settle();
      },
      hangUp: () => {
        ear.closed = true;
        this.input(server, { type: "closed", connection });
        this.settle();
      },
    };
  }

  #step(id: string, input: ServerInput): void {
    const node = this.#node(id);
    if (!node.up) return;
    const { state, effects } = serverMachine.step(node.state, input);
    node.state = state;
    for (const effect of effects) this.#perform(id, node, effect);
  }

  #perform(id: string, node: Node, effect: ServerEffect): void {
    switch (effect.type) {
      case "send":
        for (const connection of effect.to) {
          if (connection !== effect.except) this.#deliver(id, node, connection, effect.message);
        }
        return;
      case "close":
        this.#close(id, node, effect.connection);
        return;
      case "dial":
        this.#dial(id, effect);
        return;
      case "verify": {
        const { connection, request, ticket } = effect;
        const outcome = this.verify(ticket, this.#verifying(id, connection));
        if (outcome !== undefined) {
          this.input(id, { type: "verified", connection, request, outcome });
        }
        return;
      }
      case "report":
        this.events.push({ server: id, event: effect.event });
        return;
      case "stop":
        node.up = false;
        return;
      default:
        return;
    }
  }

  #verifying(id: string, connection: ConnectionId): Identity {
    const activity = this.#node(id).state.clients.get(connection)?.activity;
    return (activity?.type === "verifying" ? activity.identity : "") as Identity;
  }

  #deliver(
    id: string,
    node: Node,
    connection: ConnectionId,
    message: ClientReply | PeerMessage | AdminReply,
  ): void {
    const line = JSON.stringify(message);
    const wire = node.wires.get(connection);
    if (wire === undefined) {
      this.#clients.get(`${id} ${connection}`)?.heard.push(JSON.parse(line));
      this.#intruders.get(`${id} ${connection}`)?.heard.push(JSON.parse(line));
      return;
    }
    const parsed = parseMessage<PeerMessage>(peerMessages, line);
    if (!parsed.ok) throw new Error(`${line} can't be read: ${parsed.error.detail}`);
    const input = {
      type: "peer-message",
      connection: wire.other,
      message: parsed.value,
      random: this.#bytes(),
    } as const;
    const lane = `${wire.server} ${wire.other}`;
    const delivery = { lane, server: wire.server, input };
    const { third } = wire;
    const isBehindHeld = this.#held.some((other) => other.delivery.lane === lane);
    const isHeld =
      third === undefined
        ? this.hold(id, wire.server, parsed.value)
        : this.hold(id, third, parsed.value) || this.hold(third, wire.server, parsed.value);
    if (isBehindHeld || isHeld) {
      this.#held.push({ from: id, to: wire.server, delivery });
    } else this.#queue.push(delivery);
  }

  #close(id: string, node: Node, connection: ConnectionId): void {
    const client = this.#clients.get(`${id} ${connection}`);
    if (client !== undefined) client.closed = true;
    const intruder = this.#intruders.get(`${id} ${connection}`);
    if (intruder !== undefined) intruder.closed = true;
    const wire = node.wires.get(connection);
    node.wires.delete(connection);
    this.input(id, { type: "closed", connection });
    if (wire === undefined) return;
    this.#node(wire.server).wires.delete(wire.other);
    this.input(wire.server, { type: "closed", connection: wire.other });
  }

  #dial(id: string, effect: Extract<ServerEffect, { type: "dial" }>): void {
    const { dial, address } = effect;
    const target = this.nodes.get(address.host);
    const third: string | undefined = effect.via?.serverid;
    const failed =
      third === undefined
        ? this.dialOutcome(id, address.host)
        : (this.dialOutcome(id, third) ?? this.dialOutcome(third, address.host));
    const isStopped = this.#stopped.has(address.host);
    if (failed !== undefined || target === undefined || !target.up || isStopped) {
      const outcome = failed ?? ({ type: isStopped ? "tls-silent" : "refused" } as const);
      this.input(id, { type: "dialled", dial, outcome });
      return;
    }
    const own = this.#connection();
    const theirs = this.#connection();
    this.#node(id).wires.set(own, { server: address.host, other: theirs, third });
    target.wires.set(theirs, { server: id, other: own, third });
    this.input(address.host, {
      type: "opened",
      connection: theirs,
      role: "peer",
      certificateId: id as ServerId,
    });
    const certificateId = address.host as ServerId;
    const outcome = { type: "link", connection: own, certificateId } as const;
    this.#queue.push({
      lane: `${id} ${own}`,
      server: id,
      input: { type: "dialled", dial, outcome },
    });
  }

  /** Ends a server at once, as a crash does: its connections end, nothing listens there. */
  crash(id: string): void {
    const node = this.#node(id);
    node.up = false;
    for (const [connection, wire] of [...node.wires]) {
      node.wires.delete(connection);
      this.#node(wire.server).wires.delete(wire.other);
      this.input(wire.server, { type: "closed", connection: wire.other });
    }
    for (const client of this.#clients.values()) if (client.server === id) client.closed = true;
    this.settle();
  }

  #node(id: string): Node {
    const node = this.nodes.get(id);
    if (node === undefined) throw new Error(`there is no server ${id}`);
    return node;
  }

  #connection(): ConnectionId {
    return this.#connections++ as ConnectionId;
  }

  #bytes(): Uint8Array {
    return new Uint8Array(16).fill(this.#random++ % 256);
  }
}

/** Three servers of one file that have found each other. */
export function threeServers(change: Partial<ServerConfig> = {}): Cluster {
  return serversOfFile(["s1", "s2", "s3"], change);
}

/** Servers of one file that have found each other. */
export function serversOfFile(ids: readonly string[], change: Partial<ServerConfig> = {}): Cluster {
  const cluster = new Cluster();
  for (const id of ids) {
    const others = ids.filter((other) => other !== id);
    cluster.add(id, others, change);
  }
  cluster.settle();
  return cluster;
}
