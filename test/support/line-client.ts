/**
 * A client that knows nothing but lines over TLS: it sends what a test tells it, right or wrong,
 * and keeps every line it gets.
 *
 * @module
 */

import { connect, type TLSSocket } from "node:tls";
import * as assert from "uvu/assert";
import { patienceMs, waitFor, within } from "./wait.ts";

/** A line as it came. */
export type Heard = Readonly<Record<string, unknown>> & { readonly type?: unknown };

/** How to connect. */
export interface LineOptions {
  readonly port: number;
  /** The CA to trust, PEM. */
  readonly ca: string;
  readonly cert?: string;
  readonly key?: string;
  readonly minVersion?: "TLSv1.2" | "TLSv1.3";
  readonly maxVersion?: "TLSv1.2" | "TLSv1.3";
}

/** One connection. */
export class LineClient {
  readonly socket: TLSSocket;
  /** Lines that no test has taken yet. */
  readonly heard: Heard[] = [];
  /** Whether the connection has ended, from whichever side. */
  closed = false;
  #pending = "";

  constructor(socket: TLSSocket) {
    this.socket = socket;
    socket.setEncoding("utf8");
    socket.on("data", (text: string) => this.#take(text));
    socket.on("error", () => {}); // `close` follows
    for (const end of ["end", "close"] as const) {
      socket.on(end, () => {
        this.closed = true;
      });
    }
  }

  /** Sends a message, or a text exactly as it is. */
  send(message: object | string | Uint8Array): void {
    if (typeof message === "string" || message instanceof Uint8Array) this.socket.write(message);
    else this.socket.write(`${JSON.stringify(message)}\n`);
  }

  /** The next line, whatever it is. */
  async next(limitMs: number = patienceMs): Promise<Heard> {
    const what = `a line for ${this.#name}`;
    await waitFor(what, () => this.heard.length > 0 || this.#failIfClosed(), limitMs);
    return this.heard.shift() as Heard;
  }

  /** Checks the very next lines, each in full. */
  async expect(...lines: readonly object[]): Promise<void> {
    for (const line of lines) assert.equal(await this.next(), line);
  }

  /** The next line with this type; those before it are thrown away. */
  async nextOf(type: string, matches: (line: Heard) => boolean = () => true): Promise<Heard> {
    for (;;) {
      const line = await this.next();
      if (line.type === type && matches(line)) return line;
    }
  }

  /** Sends and returns the next line. */
  ask(message: object | string): Promise<Heard> {
    this.send(message);
    return this.next();
  }

  /** Checks that nothing has been sent to this client: a question is answered first of all. */
  async expectNothing(): Promise<void> {
    this.send({ type: "list" });
    const line = await this.next();
    assert.is(line.type, "roomlist", `unexpected: ${JSON.stringify(line)}`);
  }

  /** Waits until the other side has closed, with nothing said before. */
  async expectClosed(limitMs?: number): Promise<void> {
    await waitFor(`the end of ${this.#name}`, () => this.closed, limitMs);
    assert.equal(this.heard, []);
  }

  /** Cuts the connection. */
  destroy(): void {
    this.socket.destroy();
  }

  get #name(): string {
    return `the client at port ${this.socket.localPort ?? "?"}`;
  }

  #failIfClosed(): false {
    if (this.closed) throw new Error(`${this.#name} was closed instead of answered`);
    return false;
  }

  #take(text: string): void {
    const lines = (this.#pending + text).split("\n");
    this.#pending = lines.pop() ?? "";
    for (const line of lines) if (line !== "") this.heard.push(JSON.parse(line) as Heard);
  }
}

/** Connects; rejects when the other side refuses. */
export async function connectLines(options: LineOptions): Promise<LineClient> {
  const socket = connect({ host: "127.0.0.1", servername: "", ...options });
  const client = new LineClient(socket);
  const connected = new Promise<void>((resolve, reject) => {
    socket.once("secureConnect", resolve);
    socket.once("error", reject);
    socket.once("close", () => reject(new Error("closed during the handshake")));
  });
  await within(`TLS to port ${options.port}`, connected);
  return client;
}
