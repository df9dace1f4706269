/**
 * Who gets in and who does not, and what strangers may cost: over real TLS on the loopback.
 *
 * @module
 */

import { once } from "node:events";
import { readFileSync } from "node:fs";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { revokeCertificate } from "../bin/host/certificates.ts";
import { loadCredentials } from "../bin/host/credentials.ts";
import { createTlsTransport } from "../bin/host/tls-transport.ts";
import {
  certificatesFolder,
  copyCertificates,
  forgedFolder,
  issue,
} from "./support/certificates.ts";
import { startCommand } from "./support/process.ts";
import {
  clientPort,
  closeTransports,
  collect,
  dialPeer,
  makeTransport,
  onlyConnection,
  peerPort,
  Recorder,
  rawClient,
} from "./support/transport.ts";
import { waitFor } from "./support/wait.ts";

const security = suite("transport security");
const servers: Server[] = [];
security.after.each(() => {
  closeTransports();
  for (const server of servers.splice(0)) server.close();
});

const read = (folder: string, file: string) => readFileSync(join(folder, file), "utf8");

/** What a raw client shows: a certificate of a folder, trusting the CA of the shared one. */
async function shown(folder: string, id: string) {
  return {
    ca: read(await certificatesFolder(), "ca.pem"),
    cert: read(folder, `${id}.pem`),
    key: read(folder, `${id}.key`),
  };
}

/** A peer port of s1, and a check that it still works after whatever was tried on it. */
async function target() {
  const transport = await makeTransport("s1");
  const events = new Recorder();
  const { port } = await peerPort(transport, events);
  const stillWorks = async () => {
    const before = events.all.length;
    const peer = await makeTransport("s2");
    assert.is((await dialPeer(peer, port)).type, "link");
    assert.is(events.all.length, before + 1);
  };
  return { transport, events, port, stillWorks };
}

/** A raw TLS client that is expected not to stay; resolves when it is closed. */
async function isTurnedAway(port: number, options: object): Promise<string> {
  const socket = await rawClient(port, options).catch(() => undefined);
  if (socket === undefined) return "";
  const collected = collect(socket);
  socket.write('{"type":"heartbeat"}\n');
  await waitFor("the refusal", () => socket.destroyed);
  return collected.text;
}

security("a peer without a certificate, or with one of another CA, is turned away", async () => {
  const { events, port, stillWorks } = await target();
  const ca = read(await certificatesFolder(), "ca.pem");
  assert.is(await isTurnedAway(port, { ca }), "");
  assert.is(await isTurnedAway(port, await shown(await forgedFolder(), "s2")), "");
  await waitFor("both to be noticed", () => events.turned.length === 2);
  assert.equal(events.all, []);
  await stillWorks();
});

security("a certificate of the wrong role is turned away; an admin is let in", async () => {
  const { events, port, stillWorks } = await target();
  const folder = await certificatesFolder();
  assert.is(await isTurnedAway(port, await shown(folder, "auth")), "");
  await waitFor("it to be noticed", () => events.turned.length === 1);
  assert.match(events.turned.join(), /role auth/);
  assert.equal(events.all, []);
  const admin = await makeTransport("boss", "admin");
  assert.is((await dialPeer(admin, port)).type, "link");
  assert.equal((await onlyConnection(events)).remote?.name, { role: "admin", id: "boss" });
  await stillWorks();
});

security("the peer port speaks TLS 1.3 only, the client port 1.2 too", async () => {
  const { events, port, stillWorks } = await target();
  const options = await shown(await certificatesFolder(), "s2");
  const old = { maxVersion: "TLSv1.2" as const };
  assert.is(await isTurnedAway(port, { ...options, ...old }), "");
  assert.equal(events.all, []);
  await stillWorks();
  const clients = new Recorder();
  const { port: open } = await clientPort(await makeTransport("s1"), clients);
  const client = await rawClient(open, { ca: options.ca, ...old });
  assert.is(client.getProtocol(), "TLSv1.2");
  await onlyConnection(clients);
});

security("a revoked certificate is turned away, and an open link of it is closed", async () => {
  const { transport, events, port, stillWorks } = await target();
  const folder = await copyCertificates(
    await certificatesFolder(),
    ...["ca.pem", "ca.key", "s1.pem", "s1.key"],
  );
  await issue(folder, "s9");
  const revoked = createTlsTransport(await loadCredentials(folder, "s9", "server"));
  const near = new Recorder();
  assert.is((await dialPeer(revoked, port, near)).type, "link");
  await revokeCertificate(folder, "s9");
  transport.useCredentials(await loadCredentials(folder, "s1", "server"));
  await waitFor("both ends", () => events.all[0]?.closed.length === 1);
  assert.match(events.all[0]?.closed.join() ?? "", /revoked/);
  await waitFor("the other end", () => near.all[0]?.closed.length === 1);
  assert.is((await dialPeer(revoked, port)).type, "tls-failed");
  await waitFor("the second try", () => events.turned.length === 1);
  assert.match(events.turned.join(), /s9 is revoked/);
  // Who dials looks too.
  const listening = await peerPort(revoked, new Recorder());
  assert.is((await dialPeer(transport, listening.port)).type, "tls-failed");
  await stillWorks();
  revoked.close();
});

security("a renewed certificate is shown to those who come after a reload", async () => {
  const full = await certificatesFolder();
  const folder = await copyCertificates(full, "ca.pem", "ca.key", "s1.pem", "s1.key");
  const transport = createTlsTransport(await loadCredentials(folder, "s1", "server"));
  const events = new Recorder();
  const { port } = await clientPort(transport, events);
  const trust = { ca: read(full, "ca.pem") };
  const before = await rawClient(port, trust);
  await issue(folder, "s1");
  transport.useCredentials(await loadCredentials(folder, "s1", "server"));
  const after = await rawClient(port, trust);
  const serial = (socket: typeof after) => socket.getPeerCertificate().serialNumber;
  assert.is.not(serial(after), serial(before));
  await waitFor("the second connection", () => events.all.length === 2);
  assert.equal(events.all[0]?.closed, []);
  transport.close();
});

security("what is no TLS is closed, and the port goes on", async () => {
  const { events, port, stillWorks } = await target();
  for (const text of [
    "GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    '{"type":"newidentity"}\n',
    "\u0016\u0003",
  ]) {
    const socket = connect(port, "127.0.0.1");
    socket.on("error", () => {});
    socket.resume().end(text);
    await waitFor(JSON.stringify(text), () => socket.destroyed);
  }
  const reset = connect(port, "127.0.0.1");
  await once(reset, "connect");
  reset.resetAndDestroy();
  assert.equal(events.all, []);
  await stillWorks();
});

security("a silent connection is cut, and those who wait for their turn get it", async () => {
  const events = new Recorder();
  const handshakes = { limitMs: 400, atATime: 3, perAddress: 2, waitingMax: 4 };
  const { port } = await clientPort(await makeTransport("s1"), events, { handshakes });
  const silent: Socket[] = [];
  for (let n = 0; n < 6; n++) {
    const socket = connect(port, "127.0.0.1")
      .on("error", () => {})
      .resume();
    silent.push(socket);
    await once(socket, "connect");
  }
  const tooMany = connect(port, "127.0.0.1")
    .on("error", () => {})
    .resume();
  await waitFor("one too many to be closed", () => tooMany.destroyed);
  assert.is(silent.filter((socket) => socket.destroyed).length, 0);
  await waitFor("the silent ones to be cut", () => silent.every((socket) => socket.destroyed));
  await rawClient(port, { ca: read(await certificatesFolder(), "ca.pem") });
  await onlyConnection(events);
  await waitFor("all causes", () => events.turned.length >= 7);
  assert.is(events.turned.filter((cause) => /many connections/.test(cause)).length, 1);
});

security("one who drips bytes is cut as well", async () => {
  const events = new Recorder();
  const handshakes = { limitMs: 400, atATime: 3, perAddress: 2, waitingMax: 4 };
  const { port } = await clientPort(await makeTransport("s1"), events, { handshakes });
  const socket = connect(port, "127.0.0.1")
    .on("error", () => {})
    .resume();
  await once(socket, "connect");
  const hello = Buffer.from([0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xfc]);
  const drip = setInterval(() => socket.write(hello.subarray(0, 1)), 100);
  await waitFor("the cut", () => socket.destroyed).finally(() => clearInterval(drip));
  assert.equal(events.all, []);
});

/** Something on a port of the loopback that is no server of ours. */
async function pretender(welcome: (socket: Socket) => void): Promise<number> {
  const server = createServer((socket) => {
    socket.on("error", () => {});
    welcome(socket);
  });
  servers.push(server);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return (server.address() as AddressInfo).port;
}

security("a dial tells apart why it failed", async () => {
  const transport = await makeTransport("s1");
  const outcome = async (port: number, options = {}) =>
    (await dialPeer(transport, port, new Recorder(), options)).type;
  const other = await pretender((socket) => socket.end("HTTP/1.1 400 Bad Request\r\n\r\n"));
  assert.is(await outcome(other), "tls-failed");
  const leaving = await pretender((socket) => socket.destroy());
  assert.is(await outcome(leaving), "tls-failed");
  assert.is(await outcome(0, { address: { host: "127.0.0.1", port: 70_000 } }), "tls-failed");
});

security("a dial tells a stalled process, a mute host and a dead process apart", async () => {
  const transport = await makeTransport("s1");
  const server = startCommand("test/support/deaf-server.ts");
  const port = Number((await server.logged("ready"))["port"]);
  const short = { tcpLimitMs: 700, tlsLimitMs: 700 };
  const outcome = async () => (await dialPeer(transport, port, new Recorder(), short)).type;
  server.signal("SIGSTOP");
  assert.is(await outcome(), "tls-silent");
  const fill = Array.from({ length: 8 }, () => connect(port, "127.0.0.1").on("error", () => {}));
  await waitFor("a full queue", async () => (await outcome()) === "silent");
  await server.stop("SIGKILL");
  for (const socket of fill) socket.destroy();
  await waitFor("the listener to be gone", async () => (await outcome()) === "refused");
});

security("who dials checks the chain, the role and the id, not the host", async () => {
  const transport = await makeTransport("s1");
  const port = async (id: string, role: "server" | "auth") =>
    (await peerPort(await makeTransport(id, role), new Recorder())).port;
  const second = await port("s2", "server");
  const other = await dialPeer(transport, second, new Recorder(), { id: "s3" });
  assert.is(other.type, "other-id");
  assert.match("detail" in other ? other.detail : "", /server s2, not s3/);
  assert.is((await dialPeer(transport, second, new Recorder(), { id: "s2" })).type, "link");
  assert.is((await dialPeer(transport, await port("auth", "auth"))).type, "tls-failed");
  const forged = createTlsTransport(await loadCredentials(await forgedFolder(), "s2", "server"));
  const listening = await peerPort(forged, new Recorder());
  assert.is((await dialPeer(transport, listening.port)).type, "tls-failed");
  forged.close();
});

security("who dials is not linked before its own certificate was accepted", async () => {
  const { port } = await target();
  const forged = await copyCertificates(await forgedFolder(), "s2.pem", "s2.key");
  const own = {
    cert: read(forged, "s2.pem"),
    key: read(forged, "s2.key"),
    name: { role: "server", id: "s2" } as const,
    validUntil: 0,
  };
  const ca = read(await certificatesFolder(), "ca.pem");
  const liar = createTlsTransport({ ca, revoked: new Set(), own });
  const events = new Recorder();
  assert.is((await dialPeer(liar, port, events)).type, "tls-failed");
  assert.equal(events.all, []);
  liar.close();
});

security("a client, which has no certificate, checks the host name", async () => {
  const folder = await copyCertificates(await certificatesFolder(), "ca.pem", "ca.key");
  await issue(folder, "s8", { hosts: ["localhost"] });
  const server = createTlsTransport(await loadCredentials(folder, "s8", "server"));
  const { port } = await clientPort(server, new Recorder());
  const ca = read(folder, "ca.pem");
  const client = createTlsTransport({ ca, revoked: new Set() });
  const outcome = async (host: string) =>
    (
      await dialPeer(client, port, new Recorder(), {
        address: { host, port },
        checkHost: true,
        minVersion: "TLSv1.2",
      })
    ).type;
  assert.is(await outcome("localhost"), "link");
  assert.is(await outcome("127.0.0.1"), "tls-failed");
  server.close();
  client.close();
});

security("close() ends dials that are under way", async () => {
  const transport = await makeTransport("s1");
  const mute = await pretender((socket) => socket.resume());
  const dial = dialPeer(transport, mute);
  transport.close();
  assert.is((await dial).type, "silent");
});

security.run();
