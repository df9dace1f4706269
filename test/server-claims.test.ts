/**
 * Many who want the same name at the same moment on three servers, and moves by those who have no
 * right to. Source: PROTOCOL.md sections 5 and 7.
 *
 * @module
 */

import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Heard, LineClient } from "./support/line-client.ts";
import { type RealCluster, sharedCluster } from "./support/real-cluster.ts";
import { waitFor } from "./support/wait.ts";

const claims = suite<{ cluster: RealCluster }>("names that many want");
const count = 100;

claims.before(async (context) => {
  context.cluster = await sharedCluster();
});

/** One connection for each claimant, on the three servers in turn. */
function gather<Value>(make: (id: string, index: number) => Promise<Value>): Promise<Value[]> {
  return Promise.all(Array.from({ length: count }, (_, i) => make(`s${(i % 3) + 1}`, i)));
}

function destroyAll(clients: readonly LineClient[]): void {
  for (const client of clients) client.destroy();
}

claims("of a hundred claims of one identity exactly one wins", async ({ cluster }) => {
  const clients = await gather((id) => cluster.connect(id));
  for (const client of clients) {
    client.send({
      type: "newidentity",
      identity: "Highlander",
      ticket: cluster.ticket("Highlander"),
    });
  }
  const answers = await Promise.all(clients.map((client) => client.next()));
  const won = answers.filter((answer) => answer["approved"] === "true");
  assert.is(won.length, 1);
  for (const answer of answers) {
    if (answer !== won[0])
      assert.ok(["identity-in-use", "busy"].includes(String(answer["reason"])));
  }
  destroyAll(clients);
});

claims("of a hundred claims of one room exactly one wins", async ({ cluster }) => {
  const clients = await gather((id, index) => cluster.login(id, `Claimant${index}`));
  const answers = await Promise.all(
    clients.map((client) => {
      client.send({ type: "createroom", roomid: "summit" });
      return client.nextOf("createroom");
    }),
  );
  const winner = answers.findIndex((answer) => answer["approved"] === "true");
  assert.is(answers.filter((answer) => answer["approved"] === "true").length, 1);
  for (const [index, answer] of answers.entries()) {
    if (index !== winner) {
      assert.ok(["room-exists", "busy"].includes(String(answer["reason"])), JSON.stringify(answer));
    }
  }
  const listed = async (client: LineClient) => {
    client.send({ type: "list" });
    return ((await client.nextOf("roomlist"))["rooms"] as string[]).filter((r) => r === "summit");
  };
  for (const client of clients.slice(0, 3)) {
    await waitFor("the room everywhere", async () => (await listed(client)).length === 1);
  }
  destroyAll(clients);
});

const serverchange = (reason: string, serverid = "s2"): Heard => ({
  type: "serverchange",
  approved: "false",
  serverid,
  reason,
});

claims("nobody moves in without the pass of that move", async ({ cluster }) => {
  const victim = await cluster.login("s1", "Victim");
  const route = await victim.ask({ type: "join", roomid: "MainHall-s2" });
  assert.is(route.type, "route");
  const base = { type: "movejoin", former: "MainHall-s1", roomid: "MainHall-s2" };
  const attempts: readonly (readonly [string, object])[] = [
    ["s2", { ...base, identity: "Victim" }],
    ["s2", { ...base, identity: "Victim", ticket: "" }],
    ["s2", { ...base, identity: "Victim", username: null }],
    ["s2", { ...base, identity: "Victim", ticket: "0".repeat(32) }],
    ["s2", { ...base, identity: "Victim", ticket: cluster.ticket("Victim") }],
    ["s2", { ...base, identity: "Somebody", ticket: route["ticket"] }],
    ["s2", { ...base, identity: "9 bad!", ticket: route["ticket"] }],
    ["s3", { ...base, identity: "Victim", ticket: route["ticket"] }],
  ];
  for (const [id, request] of attempts) {
    const thief = await cluster.connect(id);
    const { type, approved, serverid, reason } = await thief.ask(request);
    assert.equal(
      [type, approved, serverid],
      ["serverchange", "false", id],
      JSON.stringify(request),
    );
    assert.type(reason, "string");
    await thief.expectClosed();
  }
  const login = await cluster.connect("s3");
  const ticket = cluster.ticket("Victim");
  const answer = await login.ask({ type: "newidentity", identity: "Victim", ticket });
  assert.is(answer["approved"], "false", "the name of a mover is not free");
  const moved = await cluster.follow(victim, "Victim", "MainHall-s1", route);
  const again = await cluster.connect("s2");
  const twice = await again.ask({ ...base, identity: "Victim", ticket: route["ticket"] });
  assert.is(twice["approved"], "false", "a pass works once");
  destroyAll([victim, moved]);
});

claims("a name that is online can't be taken by a move", async ({ cluster }) => {
  const owner = await cluster.login("s2", "Online");
  const thief = await cluster.connect("s2");
  const move = { type: "movejoin", former: "", roomid: "MainHall-s2", identity: "Online" };
  const answer = await thief.ask(move);
  assert.equal({ ...answer, reason: "" }, serverchange(""));
  await thief.expectClosed();
  await owner.expectNothing();
  owner.destroy();
});

claims.run();
