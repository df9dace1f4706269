/**
 * One request of an admin to one server: connect, ask, read the answer, go.
 *
 * @module
 */

import { basename, dirname, join } from "node:path";
import type { TLSSocket } from "node:tls";
import {
  type Address,
  type AdminReply,
  type AdminRequest,
  adminReplies,
  decodeFrames,
  formatMessage,
  type MemberStatus,
  noPendingFrame,
  parseAddress,
  parseMessage,
  peerFrameBytesMax,
} from "../../lib/mod.ts";
import { UsageError } from "./cli.ts";
import {
  type Credentials,
  certificateName,
  keyFits,
  loadTrust,
  parseCertificate,
} from "./credentials.ts";
import { readText } from "./files.ts";
import { type DialFailure, type Dialled, dialTls } from "./tls-dial.ts";

/** Whom to ask, and with what right. */
export interface AdminAccess {
  /** `host:port` of the peer port. */
  readonly peer: string;
  /** The certificate's file; its key is beside it. */
  readonly cert: string;
  /** The CA's file, if not `ca.pem` beside the certificate. */
  readonly ca?: string;
}

const tcpLimitMs = 3000;
const tlsLimitMs = 3000;
const answerLimitMs = 10_000;
/** How long a member may take to show its certificate: a dead one must not hold up the table. */
const glanceLimitMs = 1500;

/**
 * Asks a server and returns its answer; what goes wrong is one line for a person.
 *
 * @example
 * ```ts
 * const access = { peer: "127.0.0.1:5555", cert: "certs/admin.pem" };
 * const reply = await askServer({ type: "status" }, access);
 * ```
 */
export async function askServer(request: AdminRequest, access: AdminAccess): Promise<AdminReply> {
  const credentials = await adminCredentials(access);
  const address = parseAddress(access.peer);
  if (address === undefined) throw new UsageError(`"${access.peer}" is not host:port`);
  const dialled = await dial(credentials, address, undefined, tcpLimitMs, tlsLimitMs);
  if (dialled.type !== "socket") {
    throw new UsageError(`${access.peer} is no server to talk to (${explain(dialled)})`, 1);
  }
  const line = await answerTo(formatMessage(request), dialled, access.peer);
  const reply = parseMessage(adminReplies, line);
  if (!reply.ok) throw new UsageError(`${access.peer}: ${reply.error.detail} in its answer`, 1);
  return reply.value;
}

/** How many days the certificate of a member still lasts; -1 if it does not answer. */
export async function daysLeftOf(member: MemberStatus, access: AdminAccess): Promise<number> {
  const address = { host: member.peerhost, port: Number(member.peerport) };
  const credentials = await adminCredentials(access);
  const dialled = await dial(credentials, address, member.serverid, glanceLimitMs, glanceLimitMs);
  if (dialled.type !== "socket") return -1;
  const { valid_to: validTo } = dialled.socket.getPeerCertificate();
  dialled.socket.destroy();
  return Math.floor((Date.parse(validTo) - Date.now()) / 86_400_000);
}

async function adminCredentials({ cert, ca }: AdminAccess): Promise<Credentials> {
  const advice = "make it with: chat-certs issue NAME --role admin";
  const pem = await readText(cert, advice);
  const certificate = parseCertificate(cert, pem);
  const name = certificateName(certificate.subjectAltName);
  if (name?.role !== "admin") {
    throw new UsageError(`${cert} is no certificate of the role admin: ${advice}`);
  }
  const keyFile = join(dirname(cert), `${basename(cert).replace(/\.[^.]+$/, "")}.key`);
  const key = await readText(keyFile, "the key has to lie beside the certificate");
  if (!keyFits(certificate, key)) throw new UsageError(`${keyFile} is not the key of ${cert}`);
  const trust = await loadTrust(ca ?? join(dirname(cert), "ca.pem"));
  const validUntil = Date.parse(certificate.validTo);
  if (validUntil <= Date.now()) throw new UsageError(`${cert} has expired: ${advice}`);
  return { ...trust, own: { cert: pem, key, name, validUntil } };
}

function dial(
  credentials: Credentials,
  address: Address,
  id: string | undefined,
  tcpLimit: number,
  tlsLimit: number,
): Promise<Dialled | DialFailure> {
  const options = {
    address,
    role: "server" as const,
    id,
    checkHost: id === undefined,
    minVersion: "TLSv1.3" as const,
    tcpLimitMs: tcpLimit,
    tlsLimitMs: tlsLimit,
    lineBytesMax: peerFrameBytesMax,
    waitingBytesMax: peerFrameBytesMax,
  };
  return new Promise((resolve) => dialTls(options, credentials, resolve));
}

function explain({ type, detail }: DialFailure): string {
  switch (type) {
    case "refused":
      return "nobody listens there";
    case "silent":
      return `no connection: ${detail}`;
    case "tls-silent":
      return "it does not answer: is it the peer port, and does the server still run?";
    default:
      return `${detail}; is it the peer port, and of the same CA?`;
  }
}

/** Writes a line and resolves with the one that comes back. */
async function answerTo(request: string, { socket, rest }: Dialled, peer: string): Promise<string> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  try {
    return await new Promise((resolve, reject) => {
      const fail = (what: string) => reject(new UsageError(`${peer} ${what}`, 1));
      timer = setTimeout(() => fail("did not answer in time"), answerLimitMs);
      socket.on("close", () => fail("closed the connection instead of answering"));
      readLines(socket, rest, resolve, fail);
      socket.write(request);
    });
  } finally {
    clearTimeout(timer);
    socket.destroy();
  }
}

function readLines(
  socket: TLSSocket,
  rest: Uint8Array | undefined,
  found: (line: string) => void,
  fail: (what: string) => void,
): void {
  let pending = noPendingFrame;
  const take = (chunk: Uint8Array): void => {
    const decoded = decodeFrames(pending, chunk, peerFrameBytesMax);
    pending = decoded.pending;
    const line = decoded.frames.find((each) => each !== "");
    if (line !== undefined) found(line);
    else if (decoded.error !== undefined) fail(`sent what is no line: ${decoded.error}`);
  };
  socket.on("data", take);
  socket.resume();
  if (rest !== undefined && rest.length > 0) take(rest);
}
