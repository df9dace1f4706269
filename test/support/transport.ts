/**
 * Transports for tests: listeners and dials that write down what they are told, and raw TLS clients
 * that misbehave.
 *
 * @module
 */

import { once } from "node:events";
import { type ConnectionOptions, connect, type TLSSocket } from "node:tls";
import { loadCredentials, type Role } from "../../bin/host/credentials.ts";
import { createTlsTransport } from "../../bin/host/tls-transport.ts";
import type {
  ConnectionLimits,
  DialOptions,
  DialResult,
  Listener,
  ListenerEvents,
  ListenOptions,
  Remote,
  Transport,
} from "../../bin/host/transport.ts";
import type { ConnectionId } from "../../lib/base/ids.ts";
import { certificatesFolder } from "./certificates.ts";
import { waitFor, within } from "./wait.ts";

/** What happened to one connection. */
export interface Recorded {
  readonly id: ConnectionId;
  readonly remote: Remote | undefined;
  /** Lines as they were handed over, call by call. */
  readonly batches: (readonly string[])[];
  readonly broken: string[];
  readonly closed: string[];
}

/** Events that are written down. */
export class Recorder implements ListenerEvents {
  readonly connections: Map<ConnectionId, Recorded> = new Map();
  readonly turned: string[] = [];

  /** The connections in the order in which they came. */
  get all(): readonly Recorded[] {
    return [...this.connections.values()];
  }

  record(id: ConnectionId, remote?: Remote): Recorded {
    let recorded = this.connections.get(id);
    if (recorded === undefined) {
      recorded = { id, remote, batches: [], broken: [], closed: [] };
      this.connections.set(id, recorded);
    }
    return recorded;
  }

  opened(id: ConnectionId, remote: Remote): void {
    if (this.connections.has(id)) throw new Error(`${id} opened twice`);
    this.record(id, remote);
  }

  lines(id: ConnectionId, lines: readonly string[]): void {
    this.record(id).batches.push(lines);
  }

  broken(id: ConnectionId, error: string): void {
    this.record(id).broken.push(error);
  }

  closed(id: ConnectionId, cause: string): void {
    this.record(id).closed.push(cause);
  }

  turnedAway(_address: string, cause: string): void {
    this.turned.push(cause);
  }
}

/** All lines of a connection. */
export function linesOf(recorded: Recorded | undefined): string[] {
  return recorded?.batches.flat() ?? [];
}

/** One end of a test: a transport, its listener and what it was told. */
export interface End extends Recorder {
  readonly transport: Transport;
  readonly listener: Listener;
}

const open: Transport[] = [];

/** Closes every transport that the tests of a file made. */
export function closeTransports(): void {
  for (const transport of open.splice(0)) transport.close();
}

/** A transport with the credentials of the shared folder. */
export async function makeTransport(id: string, role: Role = "server"): Promise<Transport> {
  const transport = createTlsTransport(await loadCredentials(await certificatesFolder(), id, role));
  open.push(transport);
  return transport;
}

/** Limits that only the tests about them change. */
export const limits: ConnectionLimits = { lineBytesMax: 8 * 1024, waitingBytesMax: 256 * 1024 };

/** A port for clients. */
export async function clientPort(
  transport: Transport,
  events: ListenerEvents,
  options: Partial<ListenOptions> = {},
): Promise<Listener> {
  const fixed = { host: "127.0.0.1", port: 0, minVersion: "TLSv1.2" as const };
  return await transport.listen({ ...fixed, ...limits, ...options }, events);
}

/** A port for peers and admins. */
export async function peerPort(
  transport: Transport,
  events: ListenerEvents,
  options: Partial<ListenOptions> = {},
): Promise<Listener> {
  const roles = ["server", "admin"] as const;
  return await clientPort(transport, events, { minVersion: "TLSv1.3", roles, ...options });
}

/** Dials a port of the loopback as a peer does. */
export async function dialPeer(
  transport: Transport,
  port: number,
  events: Recorder = new Recorder(),
  options: Partial<DialOptions> = {},
): Promise<DialResult> {
  const dialled = new Promise<DialResult>((resolve) => {
    const fixed = { role: "server", checkHost: false, minVersion: "TLSv1.3" } as const;
    const time = { tcpLimitMs: 10_000, tlsLimitMs: 10_000 };
    const address = { host: "127.0.0.1", port };
    transport.dial({ address, ...fixed, ...time, ...limits, ...options }, events, resolve);
  });
  return await within("the end of a dial", dialled);
}

/** A TLS client without our transport, connected; its errors are swallowed. */
export async function rawClient(port: number, options: ConnectionOptions): Promise<TLSSocket> {
  const socket = connect({ host: "127.0.0.1", port, servername: "localhost", ...options });
  socket.on("error", () => {});
  await within("a raw client", once(socket, "secureConnect"));
  return socket;
}

/** Everything that a raw client reads, as it grows. */
export function collect(socket: TLSSocket): { text: string; chunks: number; ended: boolean } {
  const collected = { text: "", chunks: 0, ended: false };
  socket.on("data", (chunk: Buffer) => {
    collected.text += chunk.toString();
    collected.chunks++;
  });
  socket.on("end", () => {
    collected.ended = true;
  });
  return collected;
}

/** The only connection that was recorded, as soon as it is there. */
export async function onlyConnection(events: Recorder): Promise<Recorded> {
  return await waitFor("a connection", () => events.all[0]);
}
