/**
 * A cluster of real processes that a test may harm: kill, stop and restart servers, cut the cables
 * between them, change their certificates. Nobody shares it.
 *
 * @module
 */

import { randomUUID } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { askServer } from "../../bin/host/admin-client.ts";
import { loadTicketKeys } from "../../bin/host/ticket-keys.ts";
import { signTicket } from "../../lib/auth/ticket.ts";
import type { Identity } from "../../lib/base/ids.ts";
import type { MemberStatus } from "../../lib/wire/admin-messages.ts";
import { Cable } from "./cable.ts";
import { certificatesFolder } from "./certificates.ts";
import { temporaryFolder } from "./folders.ts";
import { connectLines, type Heard, type LineClient } from "./line-client.ts";
import { freePorts } from "./ports.ts";
import { type RunningCommand, startCommand } from "./process.ts";
import { serversFile } from "./real-cluster.ts";
import { waitFor } from "./wait.ts";

/** A server's place, and the process that sits there now. */
export interface Seat {
  readonly id: string;
  readonly clientPort: number;
  readonly peerPort: number;
  process: RunningCommand;
}

/** How a cluster is made. */
export interface FaultOptions {
  readonly ids: readonly string[];
  /** Keys of the settings file of every server. */
  readonly settings?: object;
  /** Whether servers reach each other over {@link Cable}s. */
  readonly cables?: boolean;
  /** What to do with the cables before the servers start. */
  readonly before?: (cluster: FaultCluster) => void;
  /** A folder of certificates that the test may change. */
  readonly certs?: string;
}

/**
 * Starts a cluster; all servers take clients then. A port that was taken meanwhile is no failure.
 */
export async function startFaultCluster(options: FaultOptions): Promise<FaultCluster> {
  for (let attempt = 1; ; attempt++) {
    const cluster = await FaultCluster.make(options);
    try {
      for (const id of options.ids) cluster.start(id);
      for (const id of options.ids) await cluster.seat(id).process.logged("ready", isAny, 60_000);
      return cluster;
    } catch (error) {
      await cluster.stop();
      if (attempt === 3 || !String(error).includes("in use")) throw error;
    }
  }
}

const isAny = () => true;

/** The cluster. */
export class FaultCluster {
  readonly folder: string = temporaryFolder();
  readonly certs: string;
  readonly ca: string;
  readonly seats: Map<string, Seat> = new Map();
  readonly #sign: (bytes: Uint8Array) => Uint8Array;
  /** By dialler and dialled. */
  readonly #cables = new Map<string, Cable>();

  private constructor(
    files: Pick<FaultCluster, "certs" | "ca">,
    sign: (bytes: Uint8Array) => Uint8Array,
  ) {
    this.certs = files.certs;
    this.ca = files.ca;
    this.#sign = sign;
  }

  /** Everything but the processes. */
  static async make(options: FaultOptions): Promise<FaultCluster> {
    const certs = options.certs ?? (await certificatesFolder());
    const ca = await readFile(join(certs, "ca.pem"), "utf8");
    const { sign } = await loadTicketKeys(certs);
    const cluster = new FaultCluster({ certs, ca }, sign);
    const { ids } = options;
    const ports = await freePorts(2 * ids.length + ids.length ** 2);
    const next = () => ports.pop() as number;
    for (const id of ids) {
      const process = undefined as unknown as RunningCommand; // until `start`
      cluster.seats.set(id, { id, clientPort: next(), peerPort: next(), process });
    }
    await writeFile(cluster.#path("servers.txt"), serversFile([...cluster.seats.values()]));
    for (const from of ids) {
      const routes: Record<string, string> = {};
      for (const { id: to, peerPort } of cluster.seats.values()) {
        if (options.cables !== true || from === to) continue;
        const cable = new Cable(next(), peerPort);
        await cable.mend();
        cluster.#cables.set(`${from} ${to}`, cable);
        routes[`127.0.0.1:${peerPort}`] = `127.0.0.1:${cable.port}`;
      }
      const settings = { data: cluster.#path(`data-${from}`), ...options.settings };
      const text = JSON.stringify({ ...settings, "peer-routes": routes });
      await writeFile(cluster.#path(`${from}.json`), text);
    }
    options.before?.(cluster);
    return cluster;
  }

  #path(file: string): string {
    return join(this.folder, file);
  }

  /** The place of a server. */
  seat(id: string): Seat {
    const seat = this.seats.get(id);
    if (seat === undefined) throw new Error(`there is no server ${id}`);
    return seat;
  }

  /** Starts a server of the file, or starts it again. */
  start(id: string): RunningCommand {
    const seat = this.seat(id);
    seat.process = startCommand("bin/chat-server.ts", [
      ...["-n", id, "-l", this.#path("servers.txt"), "--certs", this.certs],
      ...["--config", this.#path(`${id}.json`)],
    ]);
    return seat.process;
  }

  /** Starts a server that stands in no file and joins through another one. */
  async join(id: string, through: string, more: readonly string[] = []): Promise<Seat> {
    const [clientPort = 0, peerPort = 0] = await freePorts(2);
    const process = startCommand("bin/chat-server.ts", [
      ...["-n", id, "--host", "127.0.0.1", "--certs", this.certs, ...more],
      ...["--client-port", String(clientPort), "--peer-port", String(peerPort)],
      ...["--join", `127.0.0.1:${this.seat(through).peerPort}`],
    ]);
    return { id, clientPort, peerPort, process };
  }

  /** What one server says of all. */
  async status(id: string): Promise<readonly MemberStatus[]> {
    const peer = `127.0.0.1:${this.seat(id).peerPort}`;
    const reply = await askServer({ type: "status" }, { peer, cert: join(this.certs, "boss.pem") });
    if (reply.type !== "status") throw new Error(`${id} answered ${JSON.stringify(reply)}`);
    return reply.members;
  }

  /** Waits until one server holds another for alive (or what is given), and returns its row. */
  sees(id: string, other: string, status = "alive", limitMs?: number): Promise<MemberStatus> {
    const look = async () =>
      (await this.status(id)).find((row) => row.serverid === other && row.status === status);
    return waitFor(`${id} to see ${other} ${status}`, look, limitMs);
  }

  /** Does something to both cables between two servers. */
  between(one: string, other: string, act: (cable: Cable) => unknown): Promise<unknown> {
    const both = [`${one} ${other}`, `${other} ${one}`];
    return Promise.all(both.map((name) => act(this.#cables.get(name) as Cable)));
  }

  /** The cable over which one server dials another. */
  cable(from: string, to: string): Cable {
    return this.#cables.get(`${from} ${to}`) as Cable;
  }

  /** A ticket as the authentication server would sign it. */
  ticket(identity: string, username: string = identity.toLowerCase()): string {
    const now = Math.floor(Date.now() / 1000);
    const content = {
      issuer: "auth",
      username,
      identity: identity as Identity,
      issuedAt: now,
      expiresAt: now + 600,
      authTime: now,
      ticketId: randomUUID(),
    };
    return signTicket(content, this.#sign);
  }

  /** A connection on which nothing has been said. */
  connect(place: string | Seat): Promise<LineClient> {
    const { clientPort: port } = typeof place === "string" ? this.seat(place) : place;
    return connectLines({ port, ca: this.ca });
  }

  /** Asks for an identity and returns the answer, and the client. */
  async claim(
    place: string | Seat,
    identity: string,
    username?: string,
  ): Promise<{ readonly client: LineClient; readonly answer: Heard }> {
    const client = await this.connect(place);
    client.send({ type: "newidentity", identity, ticket: this.ticket(identity, username) });
    const answer = await client.nextOf("newidentity");
    return { client, answer };
  }

  /** A client that has logged in; it is tried again while the answer is to try again. */
  async login(place: string | Seat, identity: string, username?: string): Promise<LineClient> {
    for (const end = performance.now() + 30_000; ; ) {
      const { client, answer } = await this.claim(place, identity, username);
      if (answer["approved"] === "true") {
        await client.nextOf("roomchange");
        return client;
      }
      client.destroy();
      const isPassing = ["busy", "no-quorum"].includes(String(answer["reason"]));
      if (!isPassing || performance.now() > end) throw new Error(JSON.stringify(answer));
    }
  }

  /** Ends everything. */
  async stop(): Promise<void> {
    const running = [...this.seats.values()].flatMap((seat) => seat.process ?? []);
    await Promise.all(running.map((each) => each.stop("SIGKILL")));
    for (const cable of this.#cables.values()) cable.cut();
  }
}

/** A client that has made a room of its own, in which it hears of nobody else. */
export async function loginAlone(
  cluster: FaultCluster,
  place: string | Seat,
  identity: string,
  roomid: string,
): Promise<LineClient> {
  const client = await cluster.login(place, identity);
  client.send({ type: "createroom", roomid });
  await client.nextOf("roomchange", (line) => line["roomid"] === roomid);
  return client;
}

/** The rooms that a client is told of. */
export async function roomsOf(client: LineClient): Promise<readonly string[]> {
  client.send({ type: "list" });
  return (await client.nextOf("roomlist"))["rooms"] as string[];
}

/** Waits until a room is in the list, or no longer; returns how long that took. */
export async function listed(
  client: LineClient,
  roomid: string,
  wanted: boolean,
  limitMs?: number,
): Promise<number> {
  const since = performance.now();
  const what = `${roomid} ${wanted ? "in" : "out of"} the list`;
  const look = async () => (await roomsOf(client)).includes(roomid) === wanted;
  await waitFor(what, look, limitMs);
  return performance.now() - since;
}
