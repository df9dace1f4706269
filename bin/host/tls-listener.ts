/**
 * Takes TLS connections: bounds what strangers may cost before they are verified, and lets in who
 * has a certificate of a role that may connect. Source: PROTOCOL.md sections 1 and 6.
 *
 * @module
 */

import { once } from "node:events";
import {
  type AddressInfo,
  createServer as createTcpServer,
  type Server,
  type Socket,
} from "node:net";
import { createServer, type TLSSocket, type TlsOptions, type Server as TlsServer } from "node:tls";
import {
  type CertificateName,
  type Credentials,
  certificateName,
  normaliseSerial,
  type Role,
} from "./credentials.ts";
import { HandshakeGate, handshakeLimits } from "./handshake-gate.ts";
import { welcome } from "./tls-dial.ts";
import type { ListenOptions } from "./transport.ts";

/** After so long without a byte the kernel asks whether the other end is still there. */
export const keepAliveAfterMs = 10_000;

/** Somebody who was let in. */
export interface Accepted {
  readonly socket: TLSSocket;
  /** The TCP socket below. */
  readonly tcp: Socket;
  readonly address: string;
  readonly name: CertificateName | undefined;
  readonly serial: string | undefined;
}

/** What a listener does with those who come. */
export interface Reception {
  accepted(accepted: Accepted): void;
  turnedAway(address: string, cause: string): void;
}

/** A port with TLS on it. The TLS server itself never listens: the gate hands it its sockets. */
export class TlsListener {
  readonly #options: ListenOptions;
  readonly #reception: Reception;
  readonly #tcp: Server;
  readonly #tls: TlsServer;
  readonly #gate: HandshakeGate;
  #credentials: Credentials;

  constructor(options: ListenOptions, credentials: Credentials, reception: Reception) {
    this.#options = options;
    this.#credentials = credentials;
    this.#reception = reception;
    this.#tls = createServer({
      ...secureContext(credentials),
      minVersion: options.minVersion,
      requestCert: options.roles !== undefined,
    });
    this.#tls.on("secureConnection", (socket) => this.#verify(socket));
    this.#tls.on("tlsClientError", (error: NodeJS.ErrnoException, socket) => {
      socket.destroy();
      reception.turnedAway(socket.remoteAddress ?? "", error.code ?? error.message);
    });
    this.#gate = new HandshakeGate(
      options.handshakes ?? handshakeLimits,
      (socket) => this.#tls.emit("connection", socket),
      (address, cause) => reception.turnedAway(address, cause),
    );
    this.#tcp = createTcpServer({ pauseOnConnect: true });
    this.#tcp.on("connection", (socket) => {
      // Not as options of the server: Deno takes them and does nothing.
      socket.setNoDelay(true).setKeepAlive(true, keepAliveAfterMs);
      this.#gate.arrive(socket);
    });
  }

  /** Where it listens. */
  get port(): number {
    return (this.#tcp.address() as AddressInfo).port;
  }

  /** Begins to listen, or rejects when it can't. */
  async listen(): Promise<void> {
    const { host, port } = this.#options;
    this.#tcp.listen(port, host);
    await once(this.#tcp, "listening");
    // Out of file descriptors, for example: those who are in stay, and the listener goes on.
    this.#tcp.on("error", (error) => this.#reception.turnedAway("", error.message));
  }

  /** Shows another certificate from now on, and checks against other revocations. */
  useCredentials(credentials: Credentials): void {
    this.#tls.setSecureContext({
      ...secureContext(credentials),
      minVersion: this.#options.minVersion,
    });
    this.#credentials = credentials;
  }

  /** Takes no more; who was let in stays. */
  close(): void {
    this.#tcp.close();
    this.#gate.close();
  }

  #verify(socket: TLSSocket): void {
    socket.on("error", () => {}); // from now on nobody else listens for it
    const { remoteAddress, remotePort } = socket;
    const tcp = this.#gate.passed(remoteAddress, remotePort);
    const address = remoteAddress ?? "";
    const { roles } = this.#options;
    if (socket.getProtocol() !== "TLSv1.3") socket.disableRenegotiation();
    if (tcp === undefined) {
      socket.destroy();
    } else if (roles === undefined) {
      this.#reception.accepted({ socket, tcp, address, name: undefined, serial: undefined });
    } else {
      this.#verifyCertificate({ socket, tcp, address }, roles);
    }
  }

  #verifyCertificate(
    { socket, tcp, address }: Pick<Accepted, "socket" | "tcp" | "address">,
    roles: readonly Role[],
  ): void {
    const certificate = socket.getPeerCertificate();
    const name = certificateName(certificate.subjectaltname);
    const serial = normaliseSerial(certificate.serialNumber ?? "");
    const refusal = !socket.authorized
      ? "its certificate is not of our CA"
      : name === undefined || !roles.includes(name.role)
        ? `its certificate is for ${name === undefined ? "no role" : `the role ${name.role}`}`
        : this.#credentials.revoked.has(serial)
          ? `the certificate of ${name.id} is revoked`
          : undefined;
    if (refusal !== undefined) {
      socket.destroy();
      this.#reception.turnedAway(address, refusal);
      return;
    }
    socket.write(welcome);
    this.#reception.accepted({ socket, tcp, address, name, serial });
  }
}

function secureContext({ ca, own }: Credentials): Pick<TlsOptions, "ca" | "cert" | "key"> {
  if (own === undefined) throw new Error("only who has a certificate can listen");
  return { ca, cert: own.cert, key: own.key };
}
