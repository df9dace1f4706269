/**
 * What every transport must do, over real TLS on the loopback: lines, order, shared writes, bounds.
 * Who gets in at all is the affair of `transport-security.test.ts`.
 *
 * @module
 */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { certificatesFolder } from "./support/certificates.ts";
import { freePort } from "./support/ports.ts";
import { startCommand } from "./support/process.ts";
import {
  clientPort,
  closeTransports,
  collect,
  dialPeer,
  linesOf,
  makeTransport,
  onlyConnection,
  peerPort,
  Recorder,
  rawClient,
} from "./support/transport.ts";
import { waitFor } from "./support/wait.ts";

const transports = suite("transport");
transports.after.each(closeTransports);

const trust = async () => ({ ca: readFileSync(join(await certificatesFolder(), "ca.pem")) });

/** A server with a client port, and one raw client of it. */
async function clientAndServer(options: Parameters<typeof clientPort>[2] = {}) {
  const transport = await makeTransport("s1");
  const events = new Recorder();
  const listener = await clientPort(transport, events, options);
  const client = await rawClient(listener.port, await trust());
  const connection = await onlyConnection(events);
  return { transport, events, listener, client, connection };
}

transports("a link knows the other end and carries lines both ways, in order", async () => {
  const [one, other] = [await makeTransport("s1"), await makeTransport("s2")];
  const [here, there] = [new Recorder(), new Recorder()];
  const { port } = await peerPort(other, there);
  const result = await dialPeer(one, port, here, { id: "s2" });
  assert.ok(result.type === "link");
  assert.equal(result.name, { role: "server", id: "s2" });
  const far = await onlyConnection(there);
  assert.equal(far.remote?.name, { role: "server", id: "s1" });
  assert.is(far.remote?.address, "127.0.0.1");
  assert.is.not(far.id, result.connection);
  const numbers = Array.from({ length: 500 }, (_, n) => `${n} ${"é".repeat(n)}`);
  for (const line of numbers) one.send([result.connection], `${line}\n`);
  for (const line of numbers) other.send([far.id], `${line}\r\n`);
  await waitFor("all lines there", () => linesOf(far).length === numbers.length);
  await waitFor("all lines here", () => linesOf(here.all[0]).length === numbers.length);
  assert.equal(linesOf(far), numbers);
  assert.equal(linesOf(here.all[0]), numbers);
});

transports("a line may come in pieces, and many lines in one piece", async () => {
  const { client, connection } = await clientAndServer();
  for (const piece of ["fir", "st\nse", "cond\r\nth"]) {
    const before = linesOf(connection).length;
    client.write(piece);
    const complete = before + piece.split("\n").length - 1;
    await waitFor("the piece", () => linesOf(connection).length === complete);
  }
  const many = Array.from({ length: 60 }, (_, n) => `message ${n} ${"x".repeat(90)}`);
  client.write(`ird\n${many.join("\n")}\n`); // one record of about 6 KB
  await waitFor("all of them", () => linesOf(connection).length === 63);
  assert.equal(linesOf(connection), ["first", "second", "third", ...many]);
  assert.is(connection.batches.at(-1)?.length, 61);
});

transports("a turn's lines reach everybody in one write, whoever wrote them", async () => {
  const transport = await makeTransport("s1");
  const events = new Recorder();
  const { port } = await clientPort(transport, events);
  const clients: ReturnType<typeof collect>[] = [];
  for (let n = 0; n < 3; n++) clients.push(collect(await rawClient(port, await trust())));
  await waitFor("three connections", () => events.all.length === 3);
  const room = events.all.map(({ id }) => id);
  for (let n = 0; n < 50; n++) transport.send(room, `line ${n}\n`, room[n % 4]);
  transport.send(room, "end\n");
  await waitFor("the end", () => clients.every(({ text }) => text.endsWith("end\n")));
  for (const [index, { text, chunks }] of clients.entries()) {
    const numbers = [...text.matchAll(/line (\d+)\n/g)].map((match) => Number(match[1]));
    const expected = Array.from({ length: 50 }, (_, n) => n).filter((n) => n % 4 !== index);
    assert.equal(numbers, expected);
    assert.is(chunks, 1);
  }
});

transports("a reader that does not read is cut, and nobody else notices", async () => {
  const transport = await makeTransport("s1");
  const events = new Recorder();
  const { port } = await clientPort(transport, events);
  const caFile = join(await certificatesFolder(), "ca.pem");
  const stalled = startCommand("test/support/stalled-client.ts", [String(port), caFile]);
  await stalled.logged("connected");
  await waitFor("the connection that stalls", () => events.all.length === 1);
  stalled.signal("SIGSTOP");
  const reader = collect(await rawClient(port, await trust()));
  await waitFor("two connections", () => events.all.length === 2);
  const room = events.all.map(({ id }) => id);
  const [slow, fast] = events.all;
  const line = `${"x".repeat(50_000)}\n`;
  let sent = 0;
  while (slow?.closed.length === 0) {
    assert.ok(sent < 1000, "the kernel holds some megabytes at most");
    sent++;
    transport.send(room, line);
    await waitFor("the reader", () => reader.text.length >= sent * line.length);
  }
  assert.match(slow?.closed.join() ?? "", /does not read/);
  assert.equal(fast?.closed, []);
  assert.is(reader.text.length, sent * line.length);
  await stalled.stop("SIGKILL");
});

transports("a long answer is no reason to cut who reads", async () => {
  const { transport, client, connection } = await clientAndServer();
  const collected = collect(client);
  transport.send([connection.id], `${"x".repeat(900_000)}\n`);
  await waitFor("the answer", () => collected.text.length === 900_001);
  assert.equal(connection.closed, []);
});

transports("what is no line ends the reading, but an answer still goes out", async () => {
  for (const [bytes, error] of [
    [Buffer.alloc(9000, 0x78), "too-long"],
    [Buffer.from([0x61, 0x0a, 0xc3, 0x28, 0x0a]), "not-utf8"],
  ] as const) {
    const { transport, client, connection } = await clientAndServer();
    const collected = collect(client);
    client.write(bytes);
    await waitFor(error, () => connection.broken.length > 0);
    client.write("later\n");
    transport.send([connection.id], "sorry\n");
    transport.end(connection.id);
    await waitFor("the end", () => collected.ended && connection.closed.length > 0);
    assert.is(collected.text, "sorry\n");
    assert.equal(connection.broken, [error]);
    assert.equal(linesOf(connection), error === "not-utf8" ? ["a"] : []);
  }
});

transports("end() delivers what was sent in the same turn, also to a late reader", async () => {
  const { transport, client, connection } = await clientAndServer();
  client.pause();
  transport.send([connection.id], `${"x".repeat(200_000)}\n`);
  transport.end(connection.id);
  transport.send([connection.id], "too late\n");
  const collected = collect(client);
  client.resume();
  await waitFor("the end", () => collected.ended);
  assert.is(collected.text.length, 200_001);
  await waitFor("closed", () => connection.closed.length > 0);
  assert.equal(connection.closed, ["ended by this side"]);
});

transports("end() waits only so long for the other side", async () => {
  const transport = await makeTransport("s1");
  const events = new Recorder();
  const { port } = await clientPort(transport, events);
  // This one reads the end and keeps its own side open.
  const client = await rawClient(port, { ...(await trust()), allowHalfOpen: true } as object);
  const collected = collect(client);
  const connection = await onlyConnection(events);
  transport.end(connection.id);
  await waitFor("the end", () => collected.ended);
  await waitFor("closed", () => connection.closed.length > 0, 10_000);
  client.destroy();
});

transports("who sends no more is gone, though it would still read", async () => {
  const transport = await makeTransport("s1");
  const events = new Recorder();
  const { port } = await clientPort(transport, events);
  const client = await rawClient(port, { ...(await trust()), allowHalfOpen: true } as object);
  client.end("last words\n");
  const connection = await onlyConnection(events);
  await waitFor("closed", () => connection.closed.length > 0);
  assert.equal(linesOf(connection), ["last words"]);
  client.destroy();
});

transports("a connection that vanishes is reported once, whoever destroyed it", async () => {
  const { transport, client, connection } = await clientAndServer();
  transport.destroy(connection.id, "enough");
  transport.destroy(connection.id, "again");
  transport.end(connection.id);
  transport.send([connection.id], "nobody\n");
  await waitFor("closed", () => connection.closed.length > 0);
  await waitFor("the client", () => client.closed || client.destroyed);
  assert.equal(connection.closed, ["enough"]);
  const second = await clientAndServer();
  second.client.destroy();
  await waitFor("closed", () => second.connection.closed.length > 0);
  assert.is(second.connection.closed.length, 1);
});

transports("pause() stops the reading and resume() goes on where it was", async () => {
  const { transport, client, connection } = await clientAndServer();
  transport.pause(connection.id);
  const lines = Array.from({ length: 20_000 }, (_, n) => `${n} ${"x".repeat(1000)}`);
  client.write(`${lines.join("\n")}\n`);
  // Time enough for a server that reads on in spite of all; nothing waits for it otherwise.
  for (let n = 0; n < 10; n++) await rawClientOf(transport);
  assert.ok(linesOf(connection).length < 1000, `${linesOf(connection).length} lines were read`);
  assert.ok(client.writableLength > 0, "20 MB were read in spite of the pause");
  transport.resume(connection.id);
  await waitFor("all lines", () => linesOf(connection).length === lines.length);
  assert.equal(linesOf(connection), lines);
});

/** Another client that comes and is answered: everything sent before it has had its time. */
async function rawClientOf(transport: Awaited<ReturnType<typeof makeTransport>>) {
  const events = new Recorder();
  const { port } = await clientPort(transport, events);
  const client = await rawClient(port, await trust());
  const collected = collect(client);
  transport.send([(await onlyConnection(events)).id], "hello\n");
  await waitFor("hello", () => collected.text === "hello\n");
  return client;
}

transports("a port that is taken is an error of listen()", async () => {
  const transport = await makeTransport("s1");
  const port = await freePort();
  await clientPort(transport, new Recorder(), { port });
  const error = await clientPort(transport, new Recorder(), { port }).catch((e: unknown) => e);
  assert.is((error as NodeJS.ErrnoException).code, "EADDRINUSE");
});

transports("a listener that is closed takes nobody and keeps those who are in", async () => {
  const { transport, listener, client, connection } = await clientAndServer();
  listener.close();
  const late = await dialPeer(await makeTransport("s2"), listener.port);
  assert.is(late.type, "refused");
  const collected = collect(client);
  transport.send([connection.id], "still here\n");
  await waitFor("a line", () => collected.text === "still here\n");
});

transports.run();
