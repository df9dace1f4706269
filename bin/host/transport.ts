/**
 * What a server, the authentication server and a client need of a transport: verified connections
 * that carry lines. `tls-transport.ts` is the one on `node:tls`; another may stand beside it.
 *
 * @module
 */

import type { Address, ConnectionId } from "../../lib/mod.ts";
import type { CertificateName, Credentials, Role } from "./credentials.ts";

/** What a connection tells its owner. None of these may throw for anything a remote did. */
export interface ConnectionEvents {
  /** All lines of one chunk at once, in order, without their ends. */
  lines(connection: ConnectionId, lines: readonly string[]): void;
  /** The bytes are no lines any longer; nothing further is read. */
  broken(connection: ConnectionId, error: "too-long" | "not-utf8"): void;
  /** Gone; exactly once for each connection that was opened or linked. */
  closed(connection: ConnectionId, cause: string): void;
}

/** What a listener tells its owner. */
export interface ListenerEvents extends ConnectionEvents {
  /** Somebody is connected and, where certificates are asked for, verified. */
  opened(connection: ConnectionId, remote: Remote): void;
  /** Somebody was not let in: no TLS in time, a certificate that is not good enough. */
  turnedAway(address: string, cause: string): void;
}

/** The other end. */
export interface Remote {
  /** From its certificate; a client has none. */
  readonly name: CertificateName | undefined;
  readonly address: string;
}

/** Bounds on what one connection may cost. */
export interface ConnectionLimits {
  /** The longest line, in bytes. */
  readonly lineBytesMax: number;
  /** How much may wait for a reader before it is cut. */
  readonly waitingBytesMax: number;
}

/** Where and how to listen. */
export interface ListenOptions extends ConnectionLimits {
  readonly host: string;
  /** 0 for any free one. */
  readonly port: number;
  readonly minVersion: "TLSv1.2" | "TLSv1.3";
  /** Roles that may connect, proven by a certificate; without it nobody is asked for one. */
  readonly roles?: readonly Role[];
  /** Bounds on TLS handshakes under way; see {@link HandshakeLimits}. */
  readonly handshakes?: HandshakeLimits;
}

/** Bounds on what strangers may cost. */
export interface HandshakeLimits {
  /** How long a handshake may take in all. */
  readonly limitMs: number;
  /** How many may be under way at a time; more wait their turn. */
  readonly atATime: number;
  /** The same for one address. */
  readonly perAddress: number;
  /** How many may wait; more are closed at once. */
  readonly waitingMax: number;
}

/** Something that listens. */
export interface Listener {
  readonly port: number;
  /** Takes no new connections; those that are open stay. */
  close(): void;
}

/** Whom to connect to, and who must answer. */
export interface DialOptions extends ConnectionLimits {
  readonly address: Address;
  /** What its certificate must name. */
  readonly role: Role;
  readonly id?: string | undefined;
  /** Whether the certificate must also name the host: for clients, who know no ids. */
  readonly checkHost: boolean;
  readonly minVersion: "TLSv1.2" | "TLSv1.3";
  /** Limits for TCP to connect, and then for TLS to complete. */
  readonly tcpLimitMs: number;
  readonly tlsLimitMs: number;
  /** A server to go through: it copies bytes, so TLS is with the one dialled all the same. */
  readonly via?: Through | undefined;
}

/** A third server that carries the bytes of a link. */
export interface Through {
  readonly address: Address;
  readonly id: string;
  /** The line, LF included, that asks it to; it answers with an empty one when it can begin. */
  readonly request: string;
}

/** How a dial ended; the differences are what the failure detector lives on. */
export type DialResult =
  | { readonly type: "link"; readonly connection: ConnectionId; readonly name: CertificateName }
  | {
      readonly type: "refused" | "silent" | "tls-silent" | "tls-failed" | "other-id";
      readonly detail: string;
    };

/** Verified connections that carry lines. */
export interface Transport {
  /** Listens, or rejects when it can't. */
  listen(options: ListenOptions, events: ListenerEvents): Promise<Listener>;
  /** Connects. `done` is called once; lines of a link come only after it. */
  dial(options: DialOptions, events: ConnectionEvents, done: (result: DialResult) => void): void;
  /**
   * Sends a line, LF included, to many. Lines of one turn of the event loop go out together; use
   * the same `to` array as long as the audience is the same, so that everybody shares the same
   * bytes.
   */
  send(to: readonly ConnectionId[], line: string, except?: ConnectionId): void;
  /** Reads no more for now. */
  pause(connection: ConnectionId): void;
  /** Reads on. */
  resume(connection: ConnectionId): void;
  /** Closes once everything sent before has gone out, or after a short time. */
  end(connection: ConnectionId): void;
  /**
   * Carries the bytes of a connection to an address from now on, and back. No event of it follows;
   * if it can't be done, or comes to its end, the connection is closed.
   */
  splice(connection: ConnectionId, address: Address): void;
  /** Closes at once. */
  destroy(connection: ConnectionId, cause: string): void;
  /** From now on with these; open links whose certificate is revoked are closed. */
  useCredentials(credentials: Credentials): void;
  /** Closes everything at once. */
  close(): void;
}
