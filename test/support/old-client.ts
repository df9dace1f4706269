/**
 * A chat client of others, as scripts speak it: plain TCP, no ticket, no pass, and the habits of
 * the client everybody knows. It follows a route by itself, takes `serverchange` as the very first
 * line over there or goes on on the old connection, and dies of whatever real ones die of.
 *
 * @module
 */

import { once } from "node:events";
import { connect, type Socket } from "node:net";
import * as assert from "uvu/assert";
import type { Heard } from "./line-client.ts";
import { waitFor, within } from "./wait.ts";

/** One old client. */
export class OldClient {
  readonly identity: string;
  /** Lines that no test has taken yet. */
  readonly heard: Heard[] = [];
  /** Whether the connection it uses has ended. */
  closed = false;
  /** Where it was routed to, in order. */
  readonly routes: Heard[] = [];
  #room = "";
  #socket: Socket;

  private constructor(identity: string, socket: Socket) {
    this.identity = identity;
    this.#socket = socket;
    this.#read(socket, (line) => this.#take(line));
  }

  /** Connects and sends its `newidentity` without waiting for anything. */
  static async start(port: number, identity: string): Promise<OldClient> {
    const socket = await connectTo("127.0.0.1", port);
    const client = new OldClient(identity, socket);
    client.send({ type: "newidentity", identity });
    return client;
  }

  /** Sends a message as it is. */
  send(message: object): void {
    this.#socket.write(`${JSON.stringify(message)}\n`);
  }

  /** The next line of this type; those before it are thrown away. */
  async nextOf(type: string, matches: (line: Heard) => boolean = () => true): Promise<Heard> {
    for (;;) {
      await waitFor(`"${type}" for ${this.identity}`, () => this.heard.length > 0 || this.closed);
      const line = this.heard.shift();
      if (line === undefined) throw new Error(`closed before "${type}"`);
      if (line.type === type && matches(line)) return line;
    }
  }

  /** Checks the very next lines, each in full. */
  async expect(...lines: readonly object[]): Promise<void> {
    for (const line of lines) {
      await waitFor(`a line for ${this.identity}`, () => this.heard.length > 0 || this.closed);
      assert.equal(this.heard.shift(), line);
    }
  }

  /** Cuts the connection. */
  destroy(): void {
    this.#socket.destroy();
  }

  #read(socket: Socket, take: (line: Heard) => void): void {
    let pending = "";
    socket.setEncoding("utf8");
    socket.on("error", () => {}); // `close` follows
    socket.on("close", () => {
      if (socket === this.#socket) this.closed = true;
    });
    socket.on("data", (text: string) => {
      const lines = (pending + text).split("\n");
      pending = lines.pop() ?? "";
      for (const line of lines) take(readLine(line));
    });
  }

  #take(line: Heard): void {
    this.heard.push(line);
    if (line.type === "route") void this.#follow(line);
    const isMine = line.type === "roomchange" && line["identity"] === this.identity;
    if (isMine && line["former"] !== line["roomid"]) this.#room = String(line["roomid"]);
  }

  async #follow(route: Heard): Promise<void> {
    this.routes.push(route);
    const { roomid, host, port } = route;
    const socket = await connectTo(String(host), Number(port));
    let isFirst = true;
    this.#read(socket, (line) => {
      if (isFirst && line.type === "serverchange" && line["approved"] === "true") {
        const old = this.#socket;
        this.#socket = socket;
        old.end();
      } else if (isFirst) {
        socket.end();
      }
      isFirst = false;
      if (socket === this.#socket) this.#take(line);
    });
    const { identity } = this;
    const movejoin = { type: "movejoin", former: this.#room, roomid, identity };
    socket.write(`${JSON.stringify(movejoin)}\n`);
  }
}

/** Real ones die of an empty line, of booleans, numbers and null. */
function readLine(text: string): Heard {
  const line = JSON.parse(text) as Heard;
  for (const [key, value] of Object.entries(line)) {
    const texts = Array.isArray(value) ? value : [value];
    assert.ok(
      texts.every((each) => typeof each === "string"),
      `an old client would die of ${key} in ${text}`,
    );
  }
  return line;
}

async function connectTo(host: string, port: number): Promise<Socket> {
  const socket = connect({ host, port });
  await within(`a connection to port ${port}`, once(socket, "connect"));
  return socket;
}
