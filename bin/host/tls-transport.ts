/**
 * The transport on `node:tls`, the same on Node and Deno: mutual certificates between servers, one
 * write a recipient and turn, readers that do not read are cut. Half-open connections are closed;
 * TCP keep-alive asks after 10 s of silence and then every second ten times, so that a lost client
 * that is quiet is found within 30 s. (While bytes are on their way to it the kernel asks nothing
 * and repeats those for minutes; `node:net` has no TCP_USER_TIMEOUT. Such a one is cut when its
 * limit of waiting bytes is reached.)
 *
 * @module
 */

import type { Address, ConnectionId } from "../../lib/mod.ts";
import type { Credentials } from "./credentials.ts";
import { Outbox, type Schedule } from "./outbox.ts";
import { splice } from "./splice.ts";
import { nextConnectionId, TlsConnection } from "./tls-connection.ts";
import { dialThrough } from "./tls-dial.ts";
import { type Accepted, keepAliveAfterMs, TlsListener } from "./tls-listener.ts";
import type {
  ConnectionEvents,
  ConnectionLimits,
  DialOptions,
  DialResult,
  Listener,
  ListenerEvents,
  ListenOptions,
  Transport,
} from "./transport.ts";

/**
 * Makes a transport that shows and trusts these credentials.
 *
 * @example
 * ```ts
 * const transport = createTlsTransport(await loadCredentials("certs", "s1", "server"));
 * const options = { host, port: 4444, minVersion: "TLSv1.2", ...limits } as const;
 * const listener = await transport.listen(options, events);
 * ```
 */
export function createTlsTransport(credentials: Credentials, schedule?: Schedule): Transport {
  return new TlsTransport(credentials, schedule);
}

/** More than any cluster needs at a time; each costs two sockets and what waits in them. */
const splicesMax = 256;

/** A connection whose bytes are for somebody else. */
interface Spliced {
  readonly serial: string | undefined;
  readonly end: () => void;
}

class TlsTransport implements Transport {
  #credentials: Credentials;
  readonly #connections = new Map<ConnectionId, TlsConnection>();
  readonly #listeners = new Set<TlsListener>();
  readonly #dials = new Set<() => void>();
  readonly #splices = new Set<Spliced>();
  readonly #outbox: Outbox;

  constructor(credentials: Credentials, schedule?: Schedule) {
    this.#credentials = credentials;
    this.#outbox = new Outbox((id) => this.#connections.get(id), schedule);
  }

  async listen(options: ListenOptions, events: ListenerEvents): Promise<Listener> {
    const listener = new TlsListener(options, this.#credentials, {
      accepted: (accepted) => this.#accept(accepted, options, events),
      turnedAway: events.turnedAway.bind(events),
    });
    await listener.listen();
    this.#listeners.add(listener);
    const { port } = listener;
    return {
      port,
      close: () => {
        listener.close();
        this.#listeners.delete(listener);
      },
    };
  }

  dial(options: DialOptions, events: ConnectionEvents, done: (result: DialResult) => void): void {
    const giveUp = dialThrough(options, this.#credentials, (result) => {
      this.#dials.delete(giveUp);
      if (result.type !== "socket") {
        done(result);
        return;
      }
      const { socket, serial, name, rest } = result;
      if (options.via === undefined) socket.setKeepAlive(true, keepAliveAfterMs);
      const connection = this.#add({ socket, serial }, options, events);
      done({ type: "link", connection: connection.id, name });
      connection.start(rest);
    });
    this.#dials.add(giveUp);
  }

  send(to: readonly ConnectionId[], line: string, except?: ConnectionId): void {
    this.#outbox.send(to, line, except);
  }

  pause(connection: ConnectionId): void {
    this.#connections.get(connection)?.pause();
  }

  resume(connection: ConnectionId): void {
    this.#connections.get(connection)?.resume();
  }

  end(connection: ConnectionId): void {
    this.#connections.get(connection)?.stopReading();
    this.#outbox.end(connection);
  }

  splice(connection: ConnectionId, address: Address): void {
    const peer = this.#connections.get(connection);
    if (peer === undefined) return;
    this.#outbox.flush();
    const { serial } = peer;
    const released = peer.release();
    if (this.#splices.size >= splicesMax) {
      released.socket.destroy();
      return;
    }
    const end = splice(released, address, () => this.#splices.delete(spliced));
    const spliced: Spliced = { serial, end };
    this.#splices.add(spliced);
  }

  destroy(connection: ConnectionId, cause: string): void {
    this.#connections.get(connection)?.destroy(cause);
  }

  useCredentials(credentials: Credentials): void {
    for (const listener of this.#listeners) listener.useCredentials(credentials);
    this.#credentials = credentials;
    for (const connection of this.#connections.values()) {
      const { serial } = connection;
      if (serial !== undefined && credentials.revoked.has(serial)) {
        connection.destroy("its certificate is revoked");
      }
    }
    for (const { serial, end } of this.#splices) {
      if (serial !== undefined && credentials.revoked.has(serial)) end();
    }
  }

  close(): void {
    for (const listener of this.#listeners) listener.close();
    for (const giveUp of this.#dials) giveUp();
    for (const { end } of this.#splices) end();
    for (const connection of this.#connections.values()) connection.destroy("closed by this side");
  }

  #accept(accepted: Accepted, limits: ConnectionLimits, events: ListenerEvents): void {
    const connection = this.#add(accepted, limits, events);
    events.opened(connection.id, { name: accepted.name, address: accepted.address });
    connection.start();
  }

  #add(
    { socket, tcp, serial }: Pick<Accepted, "socket" | "serial"> & Partial<Accepted>,
    limits: ConnectionLimits,
    events: ConnectionEvents,
  ): TlsConnection {
    const id = nextConnectionId();
    const connection = new TlsConnection({ id, socket, tcp, serial, limits, events }, () =>
      this.#connections.delete(id),
    );
    this.#connections.set(id, connection);
    return connection;
  }
}
