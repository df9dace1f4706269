/**
 * The client's side of TLS: dials, verifies who answers before a byte is sent, and turns what goes
 * wrong into something a person can act on. There is no way to switch verification off.
 *
 * @module
 */

import { isIP } from "node:net";
import { connect, type PeerCertificate, type TLSSocket } from "node:tls";
import { type Address, type DialFailure, decodeFrames, noPendingFrame } from "../../lib/mod.ts";
import { type Credentials, certificateName, normaliseSerial } from "./credentials.ts";

/** A list of all rooms can be long; what is longer than this is no list but an attack. */
const lineBytesMax = 4 * 1024 * 1024;
const connectMs = 8_000;
/** A lost server is noticed by the kernel, besides what the client asks by itself. */
const keepAliveMs = 10_000;
const farewellMs = 1_000;

/** What a connection tells its owner; `failed` instead of `opened` and everything else. */
export interface LinkEvents {
  opened(): void;
  line(line: string): void;
  /** The stream can't be read on: a line too long, or not UTF-8. */
  broken(error: "too-long" | "not-utf8"): void;
  closed(reason: string): void;
  failed(why: DialFailure): void;
}

/** An open or opening connection. */
export interface DialledLink {
  send(line: string): void;
  /** Ends it; nothing is told any longer. */
  close(): void;
  /** Bytes given but not yet sent. */
  readonly waiting: number;
}

/**
 * Opens a connection to a chat server or the authentication server.
 *
 * @param role what the certificate may not contradict: a chat server that has been broken into must
 *   not be able to collect passwords by naming itself as the place to log in
 *
 * @example
 * ```ts
 * const link = dialServer({ host: "127.0.0.1", port: 4444 }, "server", trust, events);
 * ```
 */
export function dialServer(
  where: Address,
  role: "server" | "auth",
  trust: Credentials,
  events: LinkEvents,
): DialledLink {
  try {
    const socket = connect({
      host: where.host,
      port: where.port,
      servername: isIP(where.host) === 0 ? where.host : "",
      ca: trust.ca,
      minVersion: "TLSv1.3",
      rejectUnauthorized: true, // said aloud, so that no environment variable can change it
    });
    return attach(socket, events, () => objection(socket, role, trust));
  } catch (error) {
    // A remote may have named this address; what it makes the runtime throw ends the dial only.
    queueMicrotask(() => events.failed(failureOf(error as NodeJS.ErrnoException)));
    return { send: () => {}, close: () => {}, waiting: 0 };
  }
}

function attach(
  socket: TLSSocket,
  events: LinkEvents,
  object: () => DialFailure | undefined,
): DialledLink {
  let stage: "opening" | "open" | "over" = "opening";
  let pending = noPendingFrame;
  const finish = (tell: () => void): void => {
    clearTimeout(timer);
    if (stage === "over") return;
    stage = "over";
    socket.destroy();
    tell();
  };
  const end = (why: DialFailure): void =>
    finish(stage === "open" ? () => events.closed(why.detail) : () => events.failed(why));
  const timer = setTimeout(() => end({ kind: "timeout", detail: "no answer" }), connectMs);
  socket.on("secureConnect", () => {
    clearTimeout(timer);
    if (stage !== "opening") return;
    const why = object();
    if (why !== undefined) return end(why);
    socket.setKeepAlive(true, keepAliveMs);
    socket.setNoDelay(true);
    stage = "open";
    events.opened();
  });
  socket.on("data", (chunk: Uint8Array) => {
    const decoded = decodeFrames(pending, chunk, lineBytesMax);
    pending = decoded.pending;
    // A line may end the connection, and what follows it then means nothing.
    for (const line of decoded.frames) if (stage === "open" && line !== "") events.line(line);
    const { error } = decoded;
    if (error !== undefined) finish(() => events.broken(error));
  });
  socket.on("error", (error: NodeJS.ErrnoException) => end(failureOf(error)));
  socket.on("close", () => end({ kind: "other", detail: "the server closed the connection" }));
  return {
    send: (line) => {
      if (stage === "open") socket.write(line);
    },
    close: () => {
      clearTimeout(timer);
      stage = "over";
      socket.end();
      setTimeout(() => socket.destroy(), farewellMs).unref();
    },
    get waiting() {
      return socket.writableLength;
    },
  };
}

/** What speaks against a peer whose certificate is good as such. */
function objection(
  socket: TLSSocket,
  role: "server" | "auth",
  trust: Credentials,
): DialFailure | undefined {
  if (!socket.authorized) return { kind: "untrusted", detail: "not verified" };
  const certificate: Partial<PeerCertificate> = socket.getPeerCertificate();
  if (trust.revoked.has(normaliseSerial(certificate.serialNumber ?? ""))) {
    return { kind: "untrusted", detail: "revoked" };
  }
  const name = certificateName(certificate.subjectaltname);
  return name === undefined || name.role === role
    ? undefined
    : { kind: "wrong-name", detail: `it names the ${name.role} ${name.id}` };
}

const kinds: Readonly<Record<string, DialFailure["kind"]>> = {
  ECONNREFUSED: "refused",
  ENOTFOUND: "unknown-host",
  EAI_AGAIN: "unknown-host",
  EAI_NONAME: "unknown-host",
  EHOSTUNREACH: "unreachable",
  ENETUNREACH: "unreachable",
  EADDRNOTAVAIL: "unreachable",
  ETIMEDOUT: "timeout",
  ERR_TLS_CERT_ALTNAME_INVALID: "wrong-name",
};

/** The runtimes name the same thing differently: by code, or only in the message. */
export function failureOf(error: NodeJS.ErrnoException): DialFailure {
  const { code = "", message } = error;
  const kind = kinds[code];
  if (kind === "wrong-name" || /NotValidForName|altnames?|not valid for name/i.test(message)) {
    return { kind: "wrong-name", detail: "not for this address" };
  }
  if (kind !== undefined) return { kind, detail: code };
  if (/failed to lookup|Name or service not known/i.test(message)) {
    return { kind: "unknown-host", detail: code };
  }
  if (/CERT|SIGNED|ISSUER|VERIFY/.test(code) || /certificate|UnknownIssuer/i.test(message)) {
    const detail = /expired/i.test(`${code} ${message}`) ? "it has expired" : "not of your CA";
    return { kind: "untrusted", detail };
  }
  if (code === "ECONNRESET" || code === "EPIPE") {
    return { kind: "other", detail: "the connection was cut" };
  }
  if (/SSL|TLS|EPROTO/.test(code)) return { kind: "other", detail: "it does not speak TLS 1.3" };
  return { kind: "other", detail: code === "" ? message : code };
}
