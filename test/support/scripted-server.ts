/**
 * A TLS server that answers lines by a script: just enough of a chat server or an authentication
 * server to try a client against, right or wrong.
 *
 * @module
 */

import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { createServer, type TLSSocket } from "node:tls";
import { loadCredentials, type Role } from "../../bin/host/credentials.ts";
import { certificatesFolder } from "./certificates.ts";

/** A line of a client. */
export type Line = Readonly<Record<string, string>>;

/** Answers one connection. */
export interface Answerer {
  /** Sends a message, or a text as it is. */
  send(message: object | string): void;
  end(): void;
  /** The name the connection has logged in with. */
  identity: string;
}

/** Answers a line; what it returns is sent. */
export type Script = (line: Line, connection: Answerer) => void;

/** A server that runs; see {@link serve}. */
export interface ScriptedServer {
  readonly port: number;
  /** Everything that was received, in order. */
  readonly received: readonly Line[];
  /** Cuts every connection and stops listening. */
  stop(): Promise<void>;
}

/** Starts a server on a free port of 127.0.0.1. */
export async function serve(
  script: Script,
  id = "s1",
  role: Role = "server",
  folder?: string,
): Promise<ScriptedServer> {
  const { own } = await loadCredentials(folder ?? (await certificatesFolder()), id, role);
  const received: Line[] = [];
  const sockets = new Set<TLSSocket>();
  const server = createServer({ cert: own.cert, key: own.key }, (socket) => {
    sockets.add(socket);
    socket.on("error", () => {}); // clients may go as they like
    socket.on("close", () => sockets.delete(socket));
    const connection: Answerer = {
      identity: "",
      send: (message) => {
        const text = typeof message === "string" ? message : `${JSON.stringify(message)}\n`;
        if (socket.writable) socket.write(text);
      },
      end: () => void socket.end(),
    };
    let pending = "";
    socket.setEncoding("utf8").on("data", (text: string) => {
      const lines = (pending + text).split("\n");
      pending = lines.pop() ?? "";
      for (const each of lines) {
        const line = JSON.parse(each) as Line;
        received.push(line);
        script(line, connection);
      }
    });
  });
  server.on("tlsClientError", () => {}); // some tests want exactly that
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    port: (server.address() as AddressInfo).port,
    received,
    stop: async () => {
      for (const socket of sockets) socket.destroy();
      if (!server.listening) return;
      server.close();
      await once(server, "close");
    },
  };
}

/** A chat server with one main hall, for clients that show the ticket `T1`. */
export function chatScript(authPort: number, more: Script = () => {}): Script {
  return (line, connection) => {
    const { type, identity = "" } = line;
    if (type === "newidentity" && line["ticket"] !== "T1") {
      const refusal = { approved: "false", reason: "login-required" };
      connection.send({ type, ...refusal, authhost: "127.0.0.1", authport: `${authPort}` });
      connection.end();
    } else if (type === "newidentity") {
      connection.identity = identity;
      connection.send({ type, approved: "true" });
      connection.send({ type: "roomchange", identity, former: "", roomid: "MainHall-s1" });
    } else if (type === "list") {
      connection.send({ type: "roomlist", rooms: ["MainHall-s1", "jokes"] });
    } else if (type === "message") {
      connection.send({ type: "message", identity: "echo", content: line["content"] ?? "" });
    } else if (type === "quit") {
      const former = "MainHall-s1";
      connection.send({ type: "roomchange", identity: connection.identity, former, roomid: "" });
      connection.end();
    }
    more(line, connection);
  };
}

/** An authentication server that knows one password and gives the ticket `T1`. */
export const authScript: Script = (line, connection) => {
  const good = line["password"] === "open sesame" || line["ticket"] === "T1";
  connection.send(
    good
      ? { type: "login", approved: "true", ticket: "T1", expires: "600" }
      : { type: "login", approved: "false", reason: "credentials" },
  );
};
