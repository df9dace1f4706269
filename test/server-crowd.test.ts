/**
 * A thousand clients in one room of one real server: it works, in bounded time, and nobody misses
 * or doubles a line. Source: PROTOCOL.md section 3.
 *
 * @module
 */

import { suite } from "uvu";
import * as assert from "uvu/assert";
import { connectLines, type LineClient } from "./support/line-client.ts";
import { type RealCluster, sharedCluster } from "./support/real-cluster.ts";
import { waitFor } from "./support/wait.ts";

const crowd = suite<{ cluster: RealCluster }>("a thousand clients in one room");
const size = 1000;
/** Far more than it takes on an idle machine; a cost that grows with the square would not do. */
const limitMs = 60_000;

crowd.before(async (context) => {
  context.cluster = await sharedCluster();
});

/** Connects so many, a few at a time, and then logs them all in at the same moment. */
async function burst(cluster: RealCluster, first: number, count: number): Promise<LineClient[]> {
  const { clientPort: port } = cluster.server("s1");
  const clients: LineClient[] = [];
  const worker = async (): Promise<void> => {
    while (clients.length < count) {
      const index = clients.push(undefined as unknown as LineClient) - 1;
      clients[index] = await connectLines({ port, ca: cluster.ca });
    }
  };
  await Promise.all(Array.from({ length: 20 }, worker));
  const answers = clients.map((client, index) => {
    const identity = `Crowd${first + index}`;
    client.send({ type: "newidentity", identity, ticket: cluster.ticket(identity) });
    return client.nextOf("newidentity");
  });
  for (const { approved, reason } of await Promise.all(answers)) {
    assert.is(approved, "true", String(reason));
  }
  return clients;
}

crowd("fill it, speak to it, and see it go", async ({ cluster }) => {
  const began = performance.now();
  const since = () => `${((performance.now() - began) / 1000).toFixed(1)} s`;
  const clients: LineClient[] = [];
  while (clients.length < size) clients.push(...(await burst(cluster, clients.length, 200)));
  const steps = [`${size} logins ${since()}`];
  const [speaker, ...others] = clients as [LineClient, ...LineClient[]];
  const { identities } = await (async () => {
    speaker.send({ type: "who" });
    return await speaker.nextOf("roomcontents");
  })();
  assert.is(new Set(identities as string[]).size, size);

  for (const client of clients) client.heard.length = 0;
  for (let index = 0; index < 20; index++) {
    speaker.send({ type: "message", content: `line ${index}` });
  }
  const messages = (client: LineClient) =>
    client.heard.filter((line) => line.type === "message").map((line) => line["content"]);
  const wanted = Array.from({ length: 20 }, (_, index) => `line ${index}`);
  await waitFor("all messages everywhere", () => others.every((c) => messages(c).length >= 20));
  for (const client of others) assert.equal(messages(client), wanted);
  assert.equal(messages(speaker), []);
  steps.push(`20 messages to all ${since()}`);

  for (const client of others) client.destroy();
  const gone = () => speaker.heard.filter((line) => line["roomid"] === "").length;
  await waitFor("everybody's farewell", () => gone() === others.length);
  await speaker.ask({ type: "who" });
  steps.push(`all gone ${since()}`);
  console.log(`  ${steps.join(", ")}`);
  assert.ok(performance.now() - began < limitMs, steps.join(", "));
  speaker.destroy();
});

crowd.run();
