/**
 * The examples as processes, on the runtime that runs the tests. They import the package by its
 * name; a condition makes that the sources, so that no build of yesterday is tested.
 *
 * @module
 */

import { join } from "node:path";
import process from "node:process";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { forgedFolder } from "./support/certificates.ts";
import { OldClient } from "./support/old-client.ts";
import { type RunningCommand, runCommand, startCommand } from "./support/process.ts";
import { password, type RealCluster, sharedCluster } from "./support/real-cluster.ts";
import { waitFor } from "./support/wait.ts";

const condition = "@multi-server-chat/source";
const env = {
  NODE_OPTIONS: `${process.env["NODE_OPTIONS"] ?? ""} --conditions=${condition}`,
  DENO_CONDITIONS: condition,
};

const inMemory = suite("examples in memory");

inMemory("embed-server: two clients log in and talk", async () => {
  const { code, stdout, stderr } = await runCommand("examples/embed-server.ts", [], { env });
  assert.is(stderr, "");
  assert.is(code, 0);
  const lines = stdout.trimEnd().split("\n");
  assert.is(lines[0], 'client 1 hears {"type":"newidentity","approved":"true"}');
  const messages = lines.filter((line) => line.includes('"type":"message"'));
  assert.equal(messages, [
    'client 2 hears {"type":"message","identity":"Ann","content":"Knock, knock."}',
    'client 1 hears {"type":"message","identity":"Ben","content":"Who is there?"}',
  ]);
  assert.ok(lines.at(-1)?.includes('"identity":"Ben","former":"MainHall-s1","roomid":""'));
});

inMemory("two-servers: an identity is locked on both and released", async () => {
  const { code, stdout, stderr } = await runCommand("examples/two-servers.ts", [], { env });
  assert.is(stderr, "");
  assert.is(code, 0);
  const said = stdout
    .trimEnd()
    .split("\n")
    .map((line) => line.replace(/^ *\d+ ms {2}(.*?) {2}\{"type":"(\w+)".*$/, "$1 $2"));
  assert.equal(said, [
    "s2 → s1 newserver",
    "s2 → s1 holdings",
    "s1 → s2 serverreply",
    "s1 → s2 members",
    "s1 → s2 holdings",
    "s2 → s1 lockidentity",
    "s1 → s2 lockidentity",
    "s2 → client newidentity",
    "s2 → client roomchange",
    "s2 → s1 releaseidentity",
  ]);
});

inMemory.run();

const bots = suite("examples/bot.ts");

bots("makes its room, greets, answers, and leaves when it is told to", async () => {
  const cluster = await sharedCluster();
  const { clientPort } = cluster.server("s1");
  const bot = startCommand("examples/bot.ts", [`127.0.0.1:${clientPort}`, "ann", "BotRoom"], {
    env: { ...env, CHAT_PASSWORD: password, CHAT_CA: join(cluster.certs, "ca.pem") },
  });
  await waitFor("the bot's room", () => bot.stderr.includes("moves from MainHall-s1 to BotRoom"));
  const guest = await cluster.login("s2", "Guest", "guest");
  guest.send({ type: "join", roomid: "BotRoom" });
  const route = await guest.nextOf("route");
  const moved = await cluster.follow(guest, "Guest", "MainHall-s2", route);
  await moved.nextOf("message", ({ content }) => content === "Welcome, Guest!");
  moved.send({ type: "message", content: "!roll" });
  await moved.nextOf("message", ({ content }) => /^Guest rolls [1-6]$/.test(String(content)));
  assert.is((await bot.stop("SIGTERM")).code, 0);
  await moved.nextOf("roomchange", ({ roomid, identity }) => identity === "ann" && roomid === "");
  moved.send({ type: "quit" });
  await moved.nextOf("roomchange", ({ roomid }) => roomid === "");
});

bots.run();

const bridges = suite("examples/login-bridge.ts");

let cluster: RealCluster;
let bridge: RunningCommand;
let port = 0;

function startBridge(certs: string): RunningCommand {
  const chat = `127.0.0.1:${cluster.server("s1").clientPort}`;
  return startCommand("examples/login-bridge.ts", [chat, `127.0.0.1:${cluster.authPort}`, "0"], {
    env: {
      ...env,
      CHAT_USERNAME: "ben",
      CHAT_PASSWORD: password,
      CHAT_CA: join(certs, "ca.pem"),
    },
  });
}

/** The port that a bridge says it listens on. */
function portOf(running: RunningCommand): Promise<number> {
  return waitFor("the bridge", () => {
    if (running.result !== undefined) throw new Error(`the bridge ended:\n${running.stderr}`);
    return Number(/127\.0\.0\.1:(\d+)/.exec(running.stdout)?.[1]) || undefined;
  });
}

/** An old client that is in. */
async function enter(identity: string): Promise<OldClient> {
  const client = await OldClient.start(port, identity);
  const roomid = "MainHall-s1";
  await client.expect(
    { type: "newidentity", approved: "true" },
    { type: "roomchange", identity, former: "", roomid },
  );
  return client;
}

bridges.before(async () => {
  cluster = await sharedCluster();
  bridge = startBridge(cluster.certs);
  port = await portOf(bridge);
});

bridges.after(async () => {
  await bridge.stop("SIGKILL");
});

bridges("logs old clients in, lets them talk, and ends with them", async () => {
  const one = await enter("OldOne");
  const two = await enter("OldTwo");
  one.send({ type: "createroom", roomid: "OldRoom" });
  await one.nextOf("createroom", ({ approved }) => approved === "true");
  two.send({ type: "joinroom", roomid: "OldRoom" });
  await one.nextOf("roomchange", ({ identity }) => identity === "OldTwo");
  two.send({ type: "message", content: "grüße" });
  assert.is((await one.nextOf("message"))["content"], "grüße");
  one.send({ type: "quit" });
  await one.nextOf("roomchange", ({ roomid }) => roomid === "");
  await waitFor("the end of the first", () => one.closed);
  two.destroy();
  const again = await waitFor("the name to be free", () => enterAgain("OldTwo"));
  again.destroy();
});

/** Its name is free as soon as the server has noticed that it is gone. */
async function enterAgain(identity: string): Promise<OldClient | undefined> {
  const client = await OldClient.start(port, identity);
  if ((await client.nextOf("newidentity"))["approved"] === "true") return client;
  client.destroy();
  return undefined;
}

bridges("carries old clients from server to server and back", async () => {
  const host = await cluster.login("s2", "Host", "host");
  host.send({ type: "createroom", roomid: "Elsewhere" });
  await host.nextOf("createroom", ({ approved }) => approved === "true");
  const mover = await enter("Mover");
  const identity = "Mover";
  await waitFor("the room on s1", async () => {
    mover.send({ type: "list" });
    return ((await mover.nextOf("roomlist"))["rooms"] as string[]).includes("Elsewhere");
  });
  mover.send({ type: "joinroom", roomid: "Elsewhere" });
  await mover.nextOf("serverchange", ({ serverid }) => serverid === "s2");
  await mover.expect({
    type: "roomchange",
    identity,
    former: "MainHall-s1",
    roomid: "Elsewhere",
  });
  const [route] = mover.routes;
  assert.is(route?.["host"], "127.0.0.1");
  assert.is.not(route?.["port"], String(cluster.server("s2").clientPort));
  mover.send({ type: "message", content: "here I am" });
  await host.nextOf("message", ({ content }) => content === "here I am");
  host.send({ type: "message", content: "welcome" });
  assert.is((await mover.nextOf("message"))["content"], "welcome");

  mover.send({ type: "joinroom", roomid: "MainHall-s3" });
  await mover.nextOf("serverchange", ({ serverid }) => serverid === "s3");
  await mover.expect({
    type: "roomchange",
    identity,
    former: "Elsewhere",
    roomid: "MainHall-s3",
  });
  mover.send({ type: "quit" });
  await mover.nextOf("roomchange", ({ roomid }) => roomid === "");
  host.send({ type: "quit" });
  await host.nextOf("roomchange", ({ roomid }) => roomid === "");
});

bridges("refuses in the old client's words, and goes on", async () => {
  const thief = await OldClient.start(port, "cat"); // the user name of another account
  await thief.expect({ type: "newidentity", approved: "false" });
  await waitFor("the end of the thief", () => thief.closed);
  await waitFor("the reason", () => bridge.stderr.includes("identity-reserved"));
  assert.not.match(bridge.stderr + bridge.stdout, password);
  (await enter("Honest")).destroy();
});

bridges("sends nothing to a server that it can't verify", async () => {
  const misled = startBridge(await forgedFolder());
  const client = await OldClient.start(await portOf(misled), "OldOne");
  await waitFor("the end of the connection", () => client.closed);
  assert.equal(client.heard, []);
  await waitFor("the reason", () => misled.stderr.includes("can't connect"));
  await misled.stop("SIGKILL");
});

bridges.run();
