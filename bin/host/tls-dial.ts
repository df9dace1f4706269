/**
 * Connects to somebody and finds out what exactly went wrong if that fails: nobody listens, nobody
 * answers, TLS stands still, or somebody else sits there. Source: PROTOCOL.md sections 6 and 8.
 *
 * @module
 */

import { isIP } from "node:net";
import { checkServerIdentity, connect, type PeerCertificate, type TLSSocket } from "node:tls";
import {
  type CertificateName,
  type Credentials,
  certificateName,
  normaliseSerial,
} from "./credentials.ts";
import type { DialOptions, DialResult } from "./transport.ts";

/** A dial that failed. */
export type DialFailure = Exclude<DialResult, { readonly type: "link" }>;

/** A dial that succeeded. */
export interface Dialled {
  readonly type: "socket";
  readonly socket: TLSSocket;
  readonly name: CertificateName;
  readonly serial: string;
  /** What the other side sent already. */
  readonly rest: Uint8Array | undefined;
}

/** The empty line by which a listener says that it has accepted the certificate it asked for. */
export const welcome = "\n";

/**
 * Connects through a third server, if one is named, and otherwise directly; see {@link dialTls}.
 * Whatever is wrong with the third says nothing about the one dialled, so it counts as silence.
 */
export function dialThrough(
  options: DialOptions,
  credentials: Credentials,
  done: (result: Dialled | DialFailure) => void,
): () => void {
  const { via } = options;
  if (via === undefined) return dialTls(options, credentials, done);
  const failed = (detail: string): void =>
    done({ type: "silent", detail: `through ${via.id}: ${detail}` });
  let giveUp: () => void;
  const first = { ...options, address: via.address, id: via.id, role: "server" } as const;
  giveUp = dialTls(first, credentials, (third) => {
    if (third.type !== "socket") {
      failed(third.detail);
      return;
    }
    giveUp = askForRelay(third.socket, via.request, options.tlsLimitMs, (refusal) => {
      if (refusal !== undefined) failed(refusal);
      else giveUp = dialTls(options, credentials, done, third.socket);
    });
  });
  return () => giveUp();
}

/** Sends the request and waits for the empty line; `answered` is called once. */
function askForRelay(
  third: TLSSocket,
  request: string,
  limitMs: number,
  answered: (refusal: string | undefined) => void,
): () => void {
  let isOver = false;
  const finish = (refusal: string | undefined): void => {
    if (isOver) return;
    isOver = true;
    clearTimeout(timer);
    if (refusal !== undefined) third.destroy();
    answered(refusal);
  };
  const timer = setTimeout(() => finish(`no relay within ${limitMs} ms`), limitMs);
  third.on("error", (error: NodeJS.ErrnoException) => finish(error.code ?? error.message));
  third.on("close", () => finish("it does not relay"));
  third.once("data", (chunk: Uint8Array) => {
    third.pause();
    finish(chunk.length === 1 && chunk[0] === welcome.charCodeAt(0) ? undefined : "no relay");
  });
  third.write(request);
  third.resume();
  return () => finish("given up");
}

/**
 * Connects with TLS and verifies who answers; `done` is called exactly once.
 *
 * With TLS 1.3 the side that dials believes to be connected before the other one has looked at its
 * certificate. So who shows a certificate counts as connected only when the other side has spoken:
 * our listeners greet with an empty line.
 *
 * @param below a connection that leads there already
 * @returns how to break the dial off; `done` is still called
 */
export function dialTls(
  options: DialOptions,
  credentials: Credentials,
  done: (result: Dialled | DialFailure) => void,
  below?: TLSSocket,
): () => void {
  const dial = new Dial(options, credentials, done, below);
  return () => dial.fail("silent", "given up");
}

class Dial {
  readonly #options: DialOptions;
  readonly #credentials: Credentials;
  readonly #done: (result: Dialled | DialFailure) => void;
  #socket: TLSSocket | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #connected = false;
  #finished = false;
  /** What is wrong with the certificate of the other side. */
  #mismatch: DialFailure | undefined;

  constructor(
    options: DialOptions,
    credentials: Credentials,
    done: (result: Dialled | DialFailure) => void,
    below: TLSSocket | undefined,
  ) {
    this.#options = options;
    this.#credentials = credentials;
    this.#done = done;
    const { tcpLimitMs } = options;
    this.#limitTime(tcpLimitMs, "silent", `no answer within ${tcpLimitMs} ms`);
    try {
      this.#socket = this.#connect(below);
      if (below !== undefined) this.#reached();
    } catch (error) {
      // What an address of somebody else's may cause must not be thrown at the caller.
      const detail = (error as Error).message;
      queueMicrotask(() => this.fail("tls-failed", detail));
    }
  }

  /** Ends the dial, unless it has ended. */
  fail(type: DialFailure["type"], detail: string): void {
    this.#finish(this.#mismatch ?? { type, detail });
  }

  #connect(below: TLSSocket | undefined): TLSSocket {
    const { address, checkHost, minVersion } = this.#options;
    const { ca, own } = this.#credentials;
    const socket = connect({
      ...(below === undefined ? { host: address.host, port: address.port } : { socket: below }),
      // The empty name keeps the runtime from sending an IP address, which is not allowed there.
      servername: checkHost && isIP(address.host) === 0 ? address.host : "",
      ca,
      ...(own && { cert: own.cert, key: own.key }),
      minVersion,
      checkServerIdentity: (_host, certificate) => this.#check(certificate),
    });
    if (below === undefined) socket.setNoDelay(true);
    else endTogether(socket, below);
    socket.on("error", (error: NodeJS.ErrnoException) => this.#broke(error));
    socket.on("close", () => this.fail("tls-failed", "closed by the other side: it may refuse us"));
    socket.once("connect", () => this.#reached());
    socket.once("secureConnect", () => this.#secured(socket));
    return socket;
  }

  /** Something answers; now it is TLS that we wait for. */
  #reached(): void {
    const { tlsLimitMs } = this.#options;
    this.#connected = true;
    this.#limitTime(tlsLimitMs, "tls-silent", `no TLS within ${tlsLimitMs} ms`);
  }

  #limitTime(limitMs: number, type: DialFailure["type"], detail: string): void {
    clearTimeout(this.#timer);
    if (this.#finished) return;
    const timer = setTimeout(() => {
      // If it is us who stood still, the answer may lie there unread: look before judging.
      setImmediate(() => {
        if (this.#timer === timer) this.fail(type, detail);
      });
    }, limitMs);
    this.#timer = timer;
  }

  #broke(error: NodeJS.ErrnoException): void {
    const detail = error.code ?? error.message;
    if (this.#connected) this.fail("tls-failed", detail);
    else this.fail(error.code === "ECONNREFUSED" ? "refused" : "silent", detail);
  }

  /** The runtime has checked the chain; this checks whose certificate it is. */
  #check(certificate: PeerCertificate): Error | undefined {
    const { role, id, address, checkHost } = this.#options;
    const name = certificateName(certificate.subjectaltname);
    const found = name === undefined ? "names no role" : `is for the ${name.role} ${name.id}`;
    if (name?.role !== role) {
      this.#mismatch = { type: "tls-failed", detail: `its certificate ${found}, not a ${role}` };
    } else if (id !== undefined && name.id !== id) {
      this.#mismatch = { type: "other-id", detail: `its certificate ${found}, not ${id}` };
    } else if (this.#credentials.revoked.has(normaliseSerial(certificate.serialNumber))) {
      this.#mismatch = { type: "tls-failed", detail: `its certificate ${found} and is revoked` };
    } else if (checkHost) {
      const error = checkServerIdentity(address.host, certificate);
      if (error !== undefined) this.#mismatch = { type: "tls-failed", detail: error.message };
    }
    return this.#mismatch && new Error(this.#mismatch.detail);
  }

  #secured(socket: TLSSocket): void {
    if (this.#finished) return;
    const certificate = socket.getPeerCertificate();
    const name = certificateName(certificate.subjectaltname);
    if (!socket.authorized || this.#check(certificate) !== undefined || name === undefined) {
      this.fail("tls-failed", "its certificate is not accepted");
      return;
    }
    const serial = normaliseSerial(certificate.serialNumber);
    const finish = (rest: Uint8Array | undefined): void =>
      this.#finish({ type: "socket", socket, name, serial, rest });
    if (this.#credentials.own === undefined) {
      finish(undefined);
      return;
    }
    socket.once("data", (chunk: Uint8Array) => {
      socket.pause();
      finish(chunk[0] === welcome.charCodeAt(0) ? chunk.subarray(1) : chunk);
    });
  }

  #finish(result: Dialled | DialFailure): void {
    if (this.#finished) return;
    this.#finished = true;
    clearTimeout(this.#timer);
    if (result.type !== "socket") this.#socket?.destroy();
    this.#done(result);
  }
}

/** Neither of two connections outlives the other. */
function endTogether(upper: TLSSocket, below: TLSSocket): void {
  upper.once("close", () => below.destroy());
  below.on("error", () => {});
  below.once("close", () => upper.destroy());
}
