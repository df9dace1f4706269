/**
 * A cluster of real processes over real TLS: an authentication server and chat servers on free
 * ports of the loopback. One is shared by all tests that leave it as they found it.
 *
 * @module
 */

import { randomUUID } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { hashPassword } from "../../bin/host/passwords.ts";
import { loadTicketKeys } from "../../bin/host/ticket-keys.ts";
import { signTicket, type TicketContent } from "../../lib/auth/ticket.ts";
import { addUser, formatUsers, noUsers, type Users } from "../../lib/auth/users.ts";
import type { Identity } from "../../lib/base/ids.ts";
import { certificatesFolder } from "./certificates.ts";
import { temporaryFolder } from "./folders.ts";
import { connectLines, type Heard, type LineClient, type LineOptions } from "./line-client.ts";
import { freePorts } from "./ports.ts";
import { type RunningCommand, startCommand } from "./process.ts";

/** One chat server of the cluster. */
export interface RealServer {
  readonly id: string;
  readonly clientPort: number;
  readonly peerPort: number;
  readonly process: RunningCommand;
}

/** The password of every user of the cluster. */
export const password = "correct horse";
/** The users of the cluster. */
export const users: readonly string[] = ["ann", "ben", "cat"];
/** Cheap on purpose: tests are not about hashing. */
const cheap = { N: 1024, r: 8, p: 1 };

/** Servers that run, and what a client needs in order to talk to them. */
export class RealCluster {
  readonly folder: string;
  readonly certs: string;
  readonly authPort: number;
  readonly auth: RunningCommand;
  readonly servers: readonly RealServer[];
  readonly ca: string;
  readonly #sign: (bytes: Uint8Array) => Uint8Array;

  constructor(
    parts: Pick<RealCluster, "folder" | "certs" | "authPort" | "auth" | "servers" | "ca">,
    sign: (bytes: Uint8Array) => Uint8Array,
  ) {
    this.folder = parts.folder;
    this.certs = parts.certs;
    this.authPort = parts.authPort;
    this.auth = parts.auth;
    this.servers = parts.servers;
    this.ca = parts.ca;
    this.#sign = sign;
  }

  /** The server with this id. */
  server(id: string): RealServer {
    const found = this.servers.find((each) => each.id === id);
    if (found === undefined) throw new Error(`there is no server ${id}`);
    return found;
  }

  /** A ticket as the authentication server would sign it, or a little differently. */
  ticket(identity: string, changes: Partial<TicketContent> = {}): string {
    const now = Math.floor(Date.now() / 1000);
    const content: TicketContent = {
      issuer: "auth",
      username: identity.toLowerCase(),
      identity: identity as Identity,
      issuedAt: now,
      expiresAt: now + 600,
      authTime: now,
      ticketId: randomUUID(),
      ...changes,
    };
    return signTicket(content, this.#sign);
  }

  /** A connection on which nothing has been said. */
  connect(id: string, options: Partial<LineOptions> = {}): Promise<LineClient> {
    return connectLines({ port: this.server(id).clientPort, ca: this.ca, ...options });
  }

  /** A connection to the peer port, with the certificate of `name` if one is given. */
  async connectPeer(id: string, name?: string, folder: string = this.certs): Promise<LineClient> {
    const files = name === undefined ? {} : await pair(folder, name);
    return connectLines({ port: this.server(id).peerPort, ca: this.ca, ...files });
  }

  /** A client that has logged in; the two lines of that have been checked and taken. */
  async login(id: string, identity: string, username?: string): Promise<LineClient> {
    const client = await this.connect(id);
    const ticket = this.ticket(identity, username === undefined ? {} : { username });
    client.send({ type: "newidentity", identity, ticket });
    await client.expect(
      { type: "newidentity", approved: "true" },
      { type: "roomchange", identity, former: "", roomid: `MainHall-${id}` },
    );
    return client;
  }

  /** Follows a route as a client does; the old connection is closed when the new one is in. */
  async follow(
    old: LineClient,
    identity: string,
    former: string,
    route: Heard,
  ): Promise<LineClient> {
    const moved = await connectLines({ port: Number(route["port"]), ca: this.ca });
    const { roomid, ticket } = route;
    moved.send({ type: "movejoin", former, roomid, identity, ticket });
    const change = await moved.next();
    if (change["approved"] !== "true") throw new Error(`not moved: ${JSON.stringify(change)}`);
    old.socket.end();
    return moved;
  }

  /** Ends every process. */
  async stop(): Promise<void> {
    const all = [this.auth, ...this.servers.map((each) => each.process)];
    await Promise.all(all.map((each) => each.stop("SIGKILL")));
  }
}

let shared: Promise<RealCluster> | undefined;

/** Three chat servers and an authentication server, started once for all tests. */
export function sharedCluster(): Promise<RealCluster> {
  shared ??= startCluster(["s1", "s2", "s3"]);
  return shared;
}

/** Starts a cluster of a servers file; a port that somebody else took meanwhile is no failure. */
export async function startCluster(ids: readonly string[]): Promise<RealCluster> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await tryCluster(ids);
    } catch (error) {
      if (attempt === 3 || !String(error).includes("in use")) throw error;
    }
  }
}

async function tryCluster(ids: readonly string[]): Promise<RealCluster> {
  const folder = temporaryFolder();
  const certs = await certificatesFolder();
  const [authPort = 0, ...ports] = await freePorts(1 + 2 * ids.length);
  await writeFile(join(folder, "users.json"), formatUsers(await cheapUsers()), { mode: 0o600 });
  const places = ids.map((id, index) => ({
    id,
    clientPort: ports[2 * index] as number,
    peerPort: ports[2 * index + 1] as number,
  }));
  const file = join(folder, "servers.txt");
  await writeFile(file, serversFile(places));
  const auth = startCommand("bin/chat-auth.ts", [
    ...["serve", "--port", String(authPort), "--users", join(folder, "users.json")],
    ...["--certs", certs],
  ]);
  const servers = places.map((place) => ({
    ...place,
    process: startCommand("bin/chat-server.ts", [
      ...["-n", place.id, "-l", file, "--certs", certs, "--auth", `127.0.0.1:${authPort}`],
    ]),
  }));
  const all = [auth, ...servers.map((each) => each.process)];
  try {
    for (const each of all) await each.logged("ready", undefined, 60_000);
  } catch (error) {
    await Promise.all(all.map((each) => each.stop("SIGKILL")));
    throw error;
  }
  const ca = await readFile(join(certs, "ca.pem"), "utf8");
  const { sign } = await loadTicketKeys(certs);
  return new RealCluster({ folder, certs, authPort, auth, servers, ca }, sign);
}

/** The text of a servers file. */
export function serversFile(
  places: readonly Pick<RealServer, "id" | "clientPort" | "peerPort">[],
): string {
  return places
    .map(({ id, clientPort, peerPort }) => `${id}\t127.0.0.1\t${clientPort}\t${peerPort}\n`)
    .join("");
}

/** A certificate and its key, as options of a connection. */
export async function pair(
  folder: string,
  name: string,
): Promise<{ readonly cert: string; readonly key: string }> {
  return {
    cert: await readFile(join(folder, `${name}.pem`), "utf8"),
    key: await readFile(join(folder, `${name}.key`), "utf8"),
  };
}

async function cheapUsers(): Promise<Users> {
  let all: Users = noUsers;
  for (const name of users) {
    const added = addUser(all, name, await hashPassword(password, cheap), 0);
    if (!added.ok) throw new Error(added.error);
    all = added.value;
  }
  return all;
}
