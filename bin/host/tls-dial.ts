/**
 * Connects to somebody and finds out what exactly went wrong if that fails: nobody listens, nobody
 * answers, TLS stands still, or somebody else sits there. Source: PROTOCOL.md sections 6 and 8.
 *
 * @module
 */

import { isIP } from "node:net";
import { connect, type PeerCertificate, checkServerIdentity, type TLSSocket } from "node:tls";
import { type CertificateName, type Credentials, certificateName, normaliseSerial } from "./credentials.ts";
import type { DialOptions, DialResult } from "./transport.ts";

/** A dial that failed. */
export type DialFailure = Exclude<DialResult, { readonly type: "link" }>;

/** A dial that succeeded. */
export interface Dialled {
  readonly socket: TLSSocket;
  readonly name: CertificateName;
  readonly serial: string;
  /** What the other side sent already. */
  readonly rest: Uint8Array | undefined;
}

/** The byte by which a peer says that it has accepted our certificate: an empty line. */
export const welcome = 0x0a;

/**
 * Connects with TLS and verifies who answers.
 *
 * With TLS 1.3 the side that dials believes to be connected before the other one has looked at its
 * certificate. So who shows a certificate counts as connected only when the other side has spoken:
 * our own listeners greet with an empty line.
 *
 * @returns the socket, to break the dial off
 */
export function dialTls(
  options: DialOptions,
  credentials: Credentials,
  done: (result: Dialled | DialFailure) => void,
): TLSSocket {
  const { address, tcpLimitMs, tlsLimitMs } = options;
  let mismatch: DialFailure | undefined;
  let connected = false;
  const socket = connect({
    host: address.host,
    port: address.port,
    // An IP address is not allowed there; the empty name keeps the runtime from taking the host.
    servername: options.checkHost && isIP(address.host) === 0 ? address.host : "",
    ca: credentials.ca,
    ...(credentials.own && { cert: credentials.own.cert, key: credentials.own.key }),
    minVersion: options.minVersion,
    checkServerIdentity: (_host, certificate) => {
      mismatch = findMismatch(options, credentials, certificate);
      return mismatch && new Error(mismatch.detail);
    },
  });
  const finish = (result: Dialled | DialFailure): void => {
    clearTimeout(timer);
    socket.removeAllListeners("data").removeAllListeners("close");
    if ("type" in result) socket.destroy();
    done(result);
    finished = true;
  };
  let finished = false;
  const fail = (type: DialFailure["type"], detail: string): void => {
    if (!finished) finish(mismatch ?? { type, detail });
  };
  let timer = setTimeout(() => fail("silent", `no answer within ${tcpLimitMs} ms`), tcpLimitMs);
  socket.setNoDelay(true);
  socket.on("error", (error) => fail(...classify(error, connected)));
  socket.once("close", () => fail("tls-failed", "closed before TLS was up: did it refuse us?"));
  socket.once("connect", () => {
    connected = true;
    clearTimeout(timer);
    timer = setTimeout(() => fail("tls-silent", `no TLS within ${tlsLimitMs} ms`), tlsLimitMs);
  });
  socket.once("secureConnect", () => {
    if (finished) return;
    const certificate = socket.getPeerCertificate();
    mismatch ??= findMismatch(options, credentials, certificate);
    const name = certificateName(certificate.subjectaltname);
    if (mismatch !== undefined || name === undefined || !socket.authorized) {
      fail("tls-failed", "its certificate is not accepted");
      return;
    }
    const serial = normaliseSerial(certificate.serialNumber);
    if (credentials.own === undefined) return finish({ socket, name, serial, rest: undefined });
    socket.once("data", (chunk: Uint8Array) => {
      socket.pause();
      const rest = chunk[0] === welcome ? chunk.subarray(1) : chunk;
      finish({ socket, name, serial, rest });
    });
  });
  return socket;
}
