/**
 * A bot on the client machine with a small host of its own: it greets whoever comes into its room,
 * answers `!time` and `!roll`, and is back by itself when its server dies.
 *
 * ```sh
 * CHAT_PASSWORD=… node --import tsx examples/bot.ts 127.0.0.1:4444 robo jokes
 * ```
 *
 * or `deno run -A examples/bot.ts …`. The CA comes from `CHAT_CA` (default `certs/ca.pem`).
 *
 * @module
 */

import { randomInt } from "node:crypto";
import { readFileSync } from "node:fs";
import { isIP } from "node:net";
import process from "node:process";
import { connect, type TLSSocket } from "node:tls";
import {
  authReplies,
  type ClientEffect,
  type ClientInput,
  type ClientReply,
  type ClientRequest,
  clientMachine,
  clientReplies,
  createClient,
  Driver,
  decodeFrames,
  describe,
  formatMessage,
  noPendingFrame,
  parseAddress,
  parseMessage,
} from "multi-server-chat";

const [address = "127.0.0.1:4444", identity = "robo", home] = process.argv.slice(2);
const ca = readFileSync(process.env["CHAT_CA"] ?? "certs/ca.pem");
const server = parseAddress(address);
if (server === undefined) throw new Error(`${address} is no host:port`);

// What the bot does.

let room = "";

/** Never answers itself or another bot's greeting, or two of them would talk for ever. */
function hear(reply: ClientReply): void {
  if (reply.type === "message" && reply.identity !== identity) {
    if (reply.content === "!time") say(new Date().toISOString());
    if (reply.content === "!roll") say(`${reply.identity} rolls ${randomInt(6) + 1}`);
  } else if (reply.type === "roomchange" && reply.identity !== identity) {
    if (reply.roomid === room && reply.former !== room) say(`Welcome, ${reply.identity}!`);
  } else if (reply.type === "roomchange") {
    follow(reply);
  }
}

/** Goes home from the main hall; where home is gone, it builds it anew. */
function follow({ former, roomid, reason }: Extract<ClientReply, { type: "roomchange" }>): void {
  const begun = room !== "";
  const refused = former === roomid;
  if (!refused) room = roomid;
  if (home === undefined) return;
  if (refused && reason === "no-such-room") ask({ type: "createroom", roomid: home });
  // After the death of a server the machine goes back to its room without being told.
  const sent = !refused && roomid.startsWith("MainHall-") && (former !== "" || !begun);
  if (sent) ask({ type: "join", roomid: home });
}

const say = (content: string) => ask({ type: "message", content });
const ask = (request: ClientRequest) => input({ type: "ask", request });

// What every host of the machine does: connections, a clock, somewhere to print.

type Happening = ClientInput extends infer Each
  ? Each extends ClientInput
    ? Omit<Each, "at">
    : never
  : never;

const sockets = new Map<number, TLSSocket>();
const now = () => performance.now();
const input = (happening: Happening) => driver.input({ ...happening, at: now() } as ClientInput);

function perform(effect: ClientEffect): void {
  switch (effect.type) {
    case "dial":
      dial(effect);
      return;
    case "send":
      sockets.get(effect.link)?.write(formatMessage(effect.message));
      return;
    case "close":
      sockets.get(effect.link)?.end();
      return;
    case "ask-password":
      input({ type: "password", text: process.env["CHAT_PASSWORD"] ?? "" });
      return;
    case "show":
      for (const line of describe(effect.shown, identity)) console.error(line);
      if (effect.shown.kind === "reply") hear(effect.shown.reply);
      return;
    case "exit":
      process.exit(effect.code);
  }
}

function dial({ link, purpose, host, port }: Extract<ClientEffect, { type: "dial" }>): void {
  const servername = isIP(host) === 0 ? host : "";
  const socket = connect({ host, port, ca, servername, minVersion: "TLSv1.3" });
  let pending = noPendingFrame;
  let opened = false;
  const over = (detail: string): void => {
    if (!sockets.delete(link)) return;
    const why = { kind: "other", detail } as const;
    input(opened ? { type: "closed", link, reason: detail } : { type: "failed", link, why });
  };
  sockets.set(link, socket);
  socket.on("secureConnect", () => {
    // No chat server gets the password by naming itself as the place to log in.
    const role = `URI:urn:chat:${purpose === "auth" ? "auth" : "server"}:`;
    const names = socket.getPeerCertificate().subjectaltname ?? "";
    if (!names.includes(role)) {
      socket.destroy(new Error(`its certificate has no ${role}`));
      return;
    }
    opened = true;
    input({ type: "opened", link });
  });
  socket.on("data", (chunk: Uint8Array) => {
    const decoded = decodeFrames(pending, chunk, 1024 * 1024);
    pending = decoded.pending;
    for (const line of decoded.frames) {
      const parsed =
        purpose === "auth" ? parseMessage(authReplies, line) : parseMessage(clientReplies, line);
      if (parsed.ok) input({ type: "received", link, message: parsed.value });
      else input({ type: "malformed", link, error: parsed.error });
    }
    if (decoded.error !== undefined) socket.destroy();
  });
  socket.on("error", (error) => over(error.message));
  socket.on("close", () => over("the server closed the connection"));
}

let timer: ReturnType<typeof setTimeout> | undefined;
const driver = new Driver(
  clientMachine,
  createClient({
    server,
    username: identity,
    identity,
    seed: randomInt(2 ** 32 - 1),
    patienceMs: Number.POSITIVE_INFINITY,
  }),
  {
    now,
    perform,
    wakeAt: (instant, wake) => {
      clearTimeout(timer);
      if (instant !== undefined) timer = setTimeout(wake, Math.max(0, instant - now()));
    },
  },
  (at): ClientInput => ({ type: "tick", at }),
);
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.on(signal, () => input({ type: "leave" }));
}
driver.start();
