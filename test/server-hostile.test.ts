/**
 * What strangers may throw at the ports of a real server: none of it may stop it, or keep others
 * waiting. Source: PROTOCOL.md sections 1 and 6.
 *
 * @module
 */

import { once } from "node:events";
import { connect as connectTcp, type Socket } from "node:net";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { forgedFolder } from "./support/certificates.ts";
import type { Heard, LineClient } from "./support/line-client.ts";
import { startCommand } from "./support/process.ts";
import { pair, type RealCluster, sharedCluster } from "./support/real-cluster.ts";
import { waitFor, within } from "./support/wait.ts";

interface Context {
  readonly cluster: RealCluster;
  /** Says nothing at all from the beginning of the suite on. */
  readonly silent: LineClient;
  readonly silentSince: number;
}
const hostile = suite<Context>("hostile connections");

hostile.before(async (context) => {
  const cluster = await sharedCluster();
  const silent = await cluster.connect("s1");
  Object.assign(context, { cluster, silent, silentSince: performance.now() });
});

hostile.after.each(async ({ cluster }) => {
  for (const { process } of cluster.servers) {
    assert.is(process.result, undefined, `a server has ended:\n${process.stderr.slice(-2000)}`);
  }
});

const reasonOf = ({ type, reason }: Heard) => [type, reason];

hostile("errors that can be survived leave the connection usable", async ({ cluster }) => {
  const client = await cluster.login("s1", "Sloppy");
  const lines: readonly (readonly [string, string])[] = [
    ["[]\n", "malformed"],
    ["42\n", "malformed"],
    ["null\n", "malformed"],
    ['"text"\n', "malformed"],
    ["{}\n", "malformed"],
    ['{"type":7}\n', "malformed"],
    ['{"type":"createroom"}\n', "malformed"],
    ['{"type":"join","roomid":{"a":1}}\n', "malformed"],
    ['{"type":"message","content":null}\n', "malformed"],
    ['{"type":"dance"}\n', "unknown-type"],
    ['{"type":"__proto__"}\n', "unknown-type"],
    ['{"type":"constructor"}\n', "unknown-type"],
    ['{"type":"lockidentity","serverid":"s2","identity":"Ann"}\n', "unknown-type"],
  ];
  for (const [line, reason] of lines) {
    assert.equal(reasonOf(await client.ask(line)), ["error", reason], line);
  }
  await client.expectNothing();
  client.destroy();
});

hostile("CR LF, requests in pieces and two in one record are understood", async ({ cluster }) => {
  const client = await cluster.login("s1", "Framed");
  assert.is((await client.ask('{"type":"list"}\r\n')).type, "roomlist");
  client.send('{"type":"who"}\n{"type":"list"}\n');
  assert.is((await client.next()).type, "roomcontents");
  assert.is((await client.next()).type, "roomlist");
  for (const piece of ['{"type"', ':"wh', 'o"}', "\r", "\n"]) {
    client.send(piece);
    await new Promise((resolve) => setImmediate(resolve));
  }
  assert.is((await client.next()).type, "roomcontents");
  client.destroy();
});

hostile("what can't be read on is answered, and ends that connection only", async ({ cluster }) => {
  const witness = await cluster.login("s1", "Witness");
  const bad: readonly (readonly [string | Uint8Array, string])[] = [
    ["hello\n", "malformed"],
    ["\n", "malformed"],
    ['{"type":"list"} {"type":"list"}\n', "malformed"],
    ["GET / HTTP/1.1\r\nHost: x\r\n\r\n", "malformed"],
    ['{"type":"list"', "too-long"],
    [Buffer.from([0x7b, 0xff, 0xfe, 0x7d, 0x0a]), "not-utf8"],
    [Buffer.from([0x22, 0xed, 0xa0, 0x80, 0x22, 0x0a]), "not-utf8"],
  ];
  for (const [bytes, reason] of bad) {
    for (const before of ["nothing", "login"] as const) {
      const client =
        before === "login" ? await cluster.login("s1", "Broken") : await cluster.connect("s1");
      client.send(bytes);
      if (reason === "too-long") client.send(`${"x".repeat(9000)}\n`);
      const line = await client.next();
      assert.equal(reasonOf(line), ["error", reason], JSON.stringify(String(bytes)));
      await waitFor("the end", () => client.closed);
      client.destroy();
      if (before === "login") {
        await witness.nextOf("roomchange", (each) => each["roomid"] === "");
      }
    }
  }
  const long = await cluster.login("s2", "Longest");
  const content = "x".repeat(8192 - '{"type":"message","content":""}'.length);
  long.send({ type: "message", content });
  await long.expectNothing();
  long.send({ type: "message", content: `${content}y` });
  assert.equal(reasonOf(await long.next()), ["error", "too-long"]);
  for (const each of [witness, long]) each.destroy();
});

hostile("a peer's port lets in nobody without a server's certificate", async ({ cluster }) => {
  const forged = await forgedFolder();
  const attempts: readonly (readonly [string | undefined, string, string])[] = [
    [undefined, cluster.certs, "no certificate"],
    ["s2", forged, "another CA"],
    ["auth", cluster.certs, "the role auth"],
  ];
  const newserver = { type: "lockidentity", serverid: "s2", identity: "Ann", stamp: 1 };
  for (const [name, folder, what] of attempts) {
    const outcome = await cluster.connectPeer("s1", name, folder).then(
      async (peer) => {
        peer.send(newserver);
        await waitFor(`the end for ${what}`, () => peer.closed);
        return peer.heard;
      },
      () => [],
    );
    assert.equal(outcome, [], what);
  }
});

hostile("a peer that speaks nonsense or for somebody else is cut off", async ({ cluster }) => {
  const lines: readonly string[] = [
    "nonsense\n",
    `${JSON.stringify({ type: "deleteroom", serverid: "s2", roomid: "MainHall-s2" })}\n`,
    `${JSON.stringify({ type: "list" })}\n`,
    "x".repeat(1024 * 1024 + 1),
  ];
  for (const line of lines) {
    // The certificate of s4 is good, but no such server has introduced itself.
    const peer = await cluster.connectPeer("s1", "s4");
    peer.send(line);
    await waitFor(`the end after ${line.slice(0, 40)}`, () => peer.closed);
  }
  const client = await cluster.login("s1", "Afterwards");
  const { servers } = await client.ask({ type: "servers" });
  assert.is((servers as unknown[]).length, 3);
  client.destroy();
});

/** A plain TCP connection and what it gets. */
async function plain(port: number): Promise<{ socket: Socket; bytes: () => number }> {
  const socket = connectTcp(port, "127.0.0.1");
  socket.on("error", () => {});
  let bytes = 0;
  socket.on("data", (chunk) => {
    bytes += chunk.length;
  });
  await once(socket, "connect");
  return { socket, bytes: () => bytes };
}

hostile("plain text gets no answer on any port", async ({ cluster }) => {
  const { clientPort, peerPort } = cluster.server("s2");
  for (const port of [clientPort, peerPort, cluster.authPort]) {
    for (const text of ["GET / HTTP/1.0\r\n\r\n", '{"type":"list"}\n']) {
      const { socket, bytes } = await plain(port);
      const closed = once(socket, "close");
      socket.write(text);
      await within(`the end of plain text on ${port}`, closed);
      assert.ok(bytes() <= 7, "at most a TLS alert"); // 5 bytes of record, 2 of alert
    }
  }
});

hostile("TLS 1.2 is good enough for clients and not for peers", async ({ cluster }) => {
  const old = await cluster.connect("s1", { maxVersion: "TLSv1.2" });
  assert.is(old.socket.getProtocol(), "TLSv1.2");
  old.destroy();
  const certificate = await pair(cluster.certs, "s4");
  const port = cluster.server("s1").peerPort;
  const refused = await cluster
    .connect("s1", { port, maxVersion: "TLSv1.2", ...certificate })
    .then(() => false)
    .catch(() => true);
  assert.ok(refused);
});

hostile("open connections that never say a word keep nobody waiting", async ({ cluster }) => {
  const { clientPort } = cluster.server("s1");
  const idle = await Promise.all(Array.from({ length: 50 }, () => plain(clientPort)));
  const half = await cluster.connect("s1");
  half.send('{"type":"newide');
  const began = performance.now();
  const client = await cluster.login("s1", "Unhindered");
  assert.ok(performance.now() - began < 5000);
  for (const { socket } of idle) socket.destroy();
  for (const each of [half, client]) each.destroy();
});

hostile("60 messages in one record arrive together, without another one", async ({ cluster }) => {
  const speaker = await cluster.login("s3", "Speaker");
  const listener = await cluster.login("s3", "Listener");
  const content = (index: number) => `${String(index).padStart(3, "0")} ${"x".repeat(65)}`;
  const lines = Array.from(
    { length: 60 },
    (_, index) => `${JSON.stringify({ type: "message", content: content(index) })}\n`,
  );
  assert.ok(lines.join("").length < 8000);
  speaker.send(lines.join(""));
  await waitFor("all messages", () => listener.heard.length >= 60, 5000);
  for (const [index, line] of listener.heard.entries()) {
    assert.equal(line, { type: "message", identity: "Speaker", content: content(index) });
  }
  for (const each of [speaker, listener]) each.destroy();
});

hostile("who does not read is cut, and the others go on", async ({ cluster }) => {
  const reader = startCommand("test/support/reader.ts", [
    ...[String(cluster.server("s2").clientPort), join(cluster.certs, "ca.pem")],
    ...["Slow", cluster.ticket("Slow")],
  ]);
  await waitFor("the login of the slow one", () => reader.stdout.includes("true"));
  reader.child.kill("SIGSTOP");
  const quick = await cluster.login("s2", "Quick");
  const speaker = await cluster.login("s2", "Flood");
  const text = "y".repeat(4000);
  const line = `${JSON.stringify({ type: "message", content: text })}\n`;
  let sent = 0;
  let received = 0;
  const left = () =>
    quick.heard.some((each) => each["identity"] === "Slow" && each["roomid"] === "");
  const batch = line.repeat(50);
  while (!left()) {
    assert.ok(sent < 10_000, "40 MB and still not cut");
    speaker.send(batch);
    sent += 50;
    const arrived = () => {
      const count = quick.heard.filter((each) => each.type === "message").length;
      return received + count >= sent;
    };
    await waitFor(`message ${sent}`, arrived);
    received = sent;
    quick.heard.splice(0, quick.heard.length, ...quick.heard.filter((e) => e.type !== "message"));
  }
  assert.ok(sent > 200, "a short pause must not cut anybody");
  await reader.stop("SIGKILL");
  for (const each of [quick, speaker]) each.destroy();
});

hostile("a connection that never logs in is closed after ten seconds", async (context) => {
  const { silent, silentSince } = context;
  const line = await silent.next();
  assert.equal(reasonOf(line), ["error", "login-required"]);
  await silent.expectClosed();
  const seconds = (performance.now() - silentSince) / 1000;
  assert.ok(seconds > 9 && seconds < 20, `${seconds} s`);
});

hostile.run();
