/**
 * A link through a third server: TLS end to end over bytes that are copied.
 *
 * @module
 */

import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { loadCredentials } from "../bin/host/credentials.ts";
import type { Address } from "../lib/mod.ts";
import { certificatesFolder } from "./support/certificates.ts";
import { freePort } from "./support/ports.ts";
import {
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

const relay = suite("transport relay");
relay.after.each(closeTransports);

const at = (port: number): Address => ({ host: "127.0.0.1", port });

/** s3, which carries bytes to the address for whoever asks with a line. */
async function third(target: Address | undefined) {
  const transport = await makeTransport("s3");
  const events = new Recorder();
  events.lines = (connection, lines) => {
    events.record(connection).batches.push(lines);
    if (target === undefined) transport.end(connection);
    else transport.splice(connection, target);
  };
  const { port } = await peerPort(transport, events);
  const via = { address: at(port), id: "s3", request: '{"type":"relay"}\n' };
  return { transport, events, via };
}

/** s1 and s2, linked through s3. */
async function linked() {
  const there = new Recorder();
  const second = await makeTransport("s2");
  const { port } = await peerPort(second, there);
  const { events, via } = await third(at(port));
  const first = await makeTransport("s1");
  const here = new Recorder();
  const result = await dialPeer(first, port, here, { id: "s2", via });
  assert.ok(result.type === "link");
  const far = await onlyConnection(there);
  return { first, second, here, there, events, far, link: result.connection };
}

relay("both ends know each other, not the third, and lines go both ways", async () => {
  const { first, second, here, events, far, link } = await linked();
  assert.equal(far.remote?.name, { role: "server", id: "s1" });
  const lines = Array.from({ length: 300 }, (_, n) => `${n} ${"x".repeat(1000)}`);
  for (const line of lines) {
    first.send([link], `${line}\n`);
    second.send([far.id], `${line}\n`);
  }
  await waitFor("all lines there", () => linesOf(far).length === lines.length);
  await waitFor("all lines here", () => linesOf(here.all[0]).length === lines.length);
  assert.equal(linesOf(far), lines);
  assert.equal(linesOf(here.all[0]), lines);
  assert.equal(linesOf(events.all[0]), ['{"type":"relay"}']);
  assert.equal(events.all[0]?.closed, []);
});

relay("an end at one side is an end at the other", async () => {
  const one = await linked();
  one.first.send([one.link], "last words\n");
  one.first.end(one.link);
  await waitFor("the far end", () => one.far.closed.length === 1);
  assert.equal(linesOf(one.far), ["last words"]);
  await waitFor("the near end", () => one.here.record(one.link).closed.length === 1);
  const other = await linked();
  other.second.destroy(other.far.id, "enough");
  await waitFor("the near end", () => other.here.record(other.link).closed.length === 1);
});

relay("the third can end it", async () => {
  const { via, transport } = await third(
    at((await peerPort(await makeTransport("s2"), new Recorder())).port),
  );
  const here = new Recorder();
  const result = await dialPeer(await makeTransport("s1"), 1, here, { id: "s2", via });
  assert.ok(result.type === "link");
  const { connection } = result;
  transport.close();
  await waitFor("the end", () => here.record(connection).closed.length === 1);
});

relay("what goes wrong on the way is silence, never a refusal", async () => {
  const first = await makeTransport("s1");
  const outcome = async (via: Awaited<ReturnType<typeof third>>["via"]) =>
    await dialPeer(first, 1, new Recorder(), { id: "s2", via, tlsLimitMs: 3000 });
  const nobody = await freePort();
  const { via } = await third(at(nobody));
  assert.is((await outcome(via)).type, "silent");
  assert.is((await outcome((await third(undefined)).via)).type, "silent");
  assert.is((await outcome({ ...via, address: at(nobody) })).type, "silent");
  assert.is((await outcome({ ...via, id: "s4" })).type, "silent");
});

relay("who sits at the end is verified as always", async () => {
  const { port } = await peerPort(await makeTransport("s4"), new Recorder());
  const { via } = await third(at(port));
  const result = await dialPeer(await makeTransport("s1"), port, new Recorder(), { id: "s2", via });
  assert.is(result.type, "other-id");
});

relay("who does not read is not read for", async () => {
  const deaf = createServer((socket) => socket.on("error", () => {}).pause()).listen(
    0,
    "127.0.0.1",
  );
  await once(deaf, "listening");
  const { via } = await third(at((deaf.address() as AddressInfo).port));
  const { ca, own } = await loadCredentials(await certificatesFolder(), "s1", "server");
  const certificate = { cert: own.cert, key: own.key, checkServerIdentity: () => undefined };
  const client = await rawClient(via.address.port, { ca, ...certificate });
  const heard = collect(client);
  client.write(via.request);
  await waitFor("its welcome, and the relay's", () => heard.text.length === 2);
  const block = new Uint8Array(256 * 1024);
  const blocksMax = 256;
  let taken = 0;
  let progressAt = performance.now();
  const feed = (): void => {
    client.write(block, () => {
      progressAt = performance.now();
      if (++taken < blocksMax) feed();
    });
  };
  feed();
  await waitFor(
    "it to be full",
    () => performance.now() - progressAt > 1000 || taken === blocksMax,
  );
  assert.ok(taken < blocksMax / 2, `${taken} blocks were taken that nobody reads`);
  client.destroy();
  deaf.close();
});

relay.run();
