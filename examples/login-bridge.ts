/**
 * For chat clients of others that know neither TLS nor logins: they connect to the loopback without
 * encryption, and this program goes on from there over verified TLS. It logs in for them, with one
 * account, adds the ticket to `newidentity` and the pass to `movejoin`, and sends each `route`
 * through a port of its own.
 *
 * ```sh
 * CHAT_USERNAME=ann CHAT_PASSWORD=… node --import tsx examples/login-bridge.ts \
 *   127.0.0.1:4444 127.0.0.1:4440 4443
 * ```
 *
 * or `deno run -A examples/login-bridge.ts …`: the chat server, the authentication server, and the
 * port for the old clients (0 for any free one). The CA comes from `CHAT_CA` (default
 * `certs/ca.pem`). Then, for example: `java -jar client.jar -h 127.0.0.1 -p 4443 -i ann`.
 *
 * Whoever can connect to the loopback of this machine can chat as that user while it runs.
 *
 * @module
 */

import { once } from "node:events";
import { readFileSync } from "node:fs";
import { type AddressInfo, createServer, isIP, type Socket } from "node:net";
import process from "node:process";
import { pipeline } from "node:stream/promises";
import { connect, type TLSSocket } from "node:tls";
import {
  type Address,
  type AuthReply,
  type AuthRequest,
  authReplies,
  type ClientReply,
  type ClientRequest,
  clientFrameBytesMax,
  clientReplies,
  clientRequests,
  decodeFrames,
  formatAddress,
  formatMessage,
  noPendingFrame,
  parseAddress,
  parseMessage,
  peerFrameBytesMax,
} from "multi-server-chat";

/** What an old client understands; whatever the reason was, it says that the name is taken. */
const refusal: ClientReply = { type: "newidentity", approved: "false" };
const loopback = "127.0.0.1";
/** How long TLS may take, and how long a pass lives. */
const patienceMs = 10_000;
/** A busy authentication server takes its time to hash. */
const loginMs = 60_000;

const [chat, auth, port = "4443"] = process.argv.slice(2);
const { CHAT_USERNAME: username = "", CHAT_PASSWORD: password = "" } = process.env;
const ca = readFileSync(process.env["CHAT_CA"] ?? "certs/ca.pem");
const chatServer = addressOf(chat, "127.0.0.1:4444");
const authServer = addressOf(auth, "127.0.0.1:4440");
let clients = 0;

const entrance = createServer((client) => void bridge(client, chatServer, undefined));
entrance.listen(Number(port), loopback);
await once(entrance, "listening");
console.log(`old clients: connect to ${loopback}:${(entrance.address() as AddressInfo).port}`);

/** Carries lines between an old client and a chat server until one of them ends. */
async function bridge(client: Socket, where: Address, pass: string | undefined): Promise<void> {
  const name = `client ${++clients}`;
  client.on("error", () => {}); // the pipelines see it too
  try {
    const server = await dial(where, "server");
    await Promise.all([
      pipeline(client, (chunks) => toServer(chunks, client, pass, name), server),
      pipeline(server, toClient, client),
    ]);
  } catch (error) {
    console.error(`${name}: ${(error as Error).message}`);
    client.destroy();
  }
}

/** What the client says, with the ticket or the pass where one belongs; all else as it is. */
async function* toServer(
  chunks: AsyncIterable<Uint8Array>,
  client: Socket,
  pass: string | undefined,
  name: string,
): AsyncGenerator<string> {
  let hasAsked = false;
  for await (const line of linesOf(chunks, clientFrameBytesMax)) {
    const parsed = parseMessage<ClientRequest>(clientRequests, line);
    const request = parsed.ok ? parsed.value : undefined;
    if (request?.type === "movejoin" && pass !== undefined) {
      const withPass: ClientRequest = { ...request, ticket: pass };
      yield formatMessage(withPass);
    } else if (request?.type === "newidentity" && !hasAsked) {
      hasAsked = true;
      const answer = await login(request.identity);
      if (answer.type === "error" || answer.approved === "false") {
        console.error(`${name}: no login as ${request.identity}: ${answer.reason}`);
        client.end(formatMessage(refusal));
        return;
      }
      const withTicket: ClientRequest = { ...request, ticket: answer.ticket };
      yield formatMessage(withTicket);
    } else {
      yield `${line}\n`;
    }
  }
}

/** What the server says; where it sends the client elsewhere, the way leads through here again. */
async function* toClient(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  for await (const line of linesOf(chunks, peerFrameBytesMax)) {
    const parsed = parseMessage<ClientReply>(clientReplies, line);
    if (parsed.ok && parsed.value.type === "route") {
      const { type, roomid, host, port, ticket } = parsed.value;
      const door = await openDoor({ host, port: Number(port) }, ticket);
      const route = { type, roomid, host: loopback, port: String(door) };
      yield formatMessage(route);
    } else {
      yield `${line}\n`;
    }
  }
}

/** A port for one client that was routed; it closes behind that client, or with the pass. */
async function openDoor(where: Address, pass: string): Promise<number> {
  const door = createServer((client) => {
    clearTimeout(limit);
    door.close();
    void bridge(client, where, pass);
  });
  const limit = setTimeout(() => door.close(), patienceMs);
  door.listen(0, loopback);
  await once(door, "listening");
  return (door.address() as AddressInfo).port;
}

/** Logs in; the answer has a ticket for this one identity. */
async function login(identity: string): Promise<AuthReply> {
  const socket = await dial(authServer, "auth");
  try {
    socket.setTimeout(loginMs, () => socket.destroy(new Error("no answer to the login")));
    const request: AuthRequest = { type: "login", username, password, identity };
    socket.write(formatMessage(request));
    for await (const line of linesOf(socket, clientFrameBytesMax)) {
      const parsed = parseMessage<AuthReply>(authReplies, line);
      if (parsed.ok) return parsed.value;
    }
    throw new Error("the authentication server closed the connection");
  } finally {
    socket.destroy();
  }
}

/** A connection whose other end has proved that it is what it should be; nothing is sent before. */
async function dial(where: Address, role: "auth" | "server"): Promise<TLSSocket> {
  const { host, port } = where;
  const servername = isIP(host) === 0 ? host : "";
  const socket = connect({ host, port, ca, servername, minVersion: "TLSv1.3" });
  socket.on("error", () => {}); // `once` and the pipelines see it too
  try {
    await once(socket, "secureConnect", { signal: AbortSignal.timeout(patienceMs) });
    // No chat server gets the password, and no admin's certificate is a server.
    const name = `URI:urn:chat:${role}:`;
    if (socket.getPeerCertificate().subjectaltname?.includes(name)) return socket;
    throw new Error(`its certificate has no ${name}`);
  } catch (error) {
    socket.destroy();
    throw new Error(`can't connect to ${formatAddress(where)}: ${(error as Error).message}`);
  }
}

async function* linesOf(chunks: AsyncIterable<Uint8Array>, limit: number): AsyncGenerator<string> {
  let pending = noPendingFrame;
  for await (const chunk of chunks) {
    const decoded = decodeFrames(pending, chunk, limit);
    pending = decoded.pending;
    yield* decoded.frames;
    if (decoded.error !== undefined) throw new Error(`a line is ${decoded.error}`);
  }
}

function addressOf(text: string | undefined, standard: string): Address {
  const address = parseAddress(text ?? standard);
  if (address === undefined) throw new Error(`${text} is no host:port`);
  return address;
}
