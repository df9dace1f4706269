/**
 * What an admin asks running servers, and who may not. Source: PROTOCOL.md section 9.
 *
 * @module
 */

import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { askServer } from "../bin/host/admin-client.ts";
import { adminCommands } from "../bin/host/admin-commands.ts";
import { runArguments } from "../bin/host/cli.ts";
import { certificatesFolder } from "./support/certificates.ts";
import { runCommand } from "./support/process.ts";
import { type RealCluster, sharedCluster } from "./support/real-cluster.ts";
import { waitFor } from "./support/wait.ts";

const admins = suite<{ cluster: RealCluster; cert: string }>("admins");

admins.before(async (context) => {
  context.cluster = await sharedCluster();
  context.cert = join(await certificatesFolder(), "boss.pem");
});

/** Runs a command in this process, which is much cheaper, and keeps what it says. */
async function run(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const said: string[] = [];
  const { log } = console;
  console.log = (line: string) => said.push(line);
  try {
    const error = await runArguments("chat-server", adminCommands, args);
    return { code: error?.status ?? 0, stdout: said.join("\n"), stderr: error?.message ?? "" };
  } finally {
    console.log = log;
  }
}

const peerOf = (cluster: RealCluster, id: string) => `127.0.0.1:${cluster.server(id).peerPort}`;

admins("status shows every member, as a table and as JSON", async ({ cluster, cert }) => {
  const ann = await cluster.login("s2", "Counted");
  const args = ["status", "--peer", peerOf(cluster, "s2"), "--cert", cert];
  const table = await runCommand("bin/chat-server.ts", args);
  assert.is(table.code, 0, table.stderr);
  const [heading, ...rows] = table.stdout.trim().split("\n");
  assert.match(String(heading), /^server +state +incarnation +rooms +users +last heard/);
  assert.equal(
    rows.slice(0, 3).map((row) => row.slice(0, 2)),
    ["s1", "s2", "s3"],
  );
  assert.match(String(rows[1]), /^s2 \(asked\) +alive +\d+ +1 +1 /);
  const help = await runCommand("bin/chat-server.ts", ["--help"]);
  for (const word of ["--join", "--partition", "status", "drain", "remove", "disconnect"]) {
    assert.match(help.stdout, new RegExp(word));
  }
  const json = await run(...args, "--json");
  const { type, serverid, members } = JSON.parse(json.stdout);
  assert.equal([type, serverid, members.length], ["status", "s2", 3]);
  for (const member of members) {
    assert.is(member.status, "alive");
    assert.ok(member.daysleft >= 28 && member.daysleft <= 30, `${member.daysleft} days`);
  }
  ann.destroy();
});

admins("disconnect ends the sessions of a user, on whichever server", async ({ cluster, cert }) => {
  const here = await cluster.login("s1", "RogueHere", "rogue");
  const there = await cluster.login("s3", "RogueThere", "rogue");
  const other = await cluster.login("s1", "Decent", "decent");
  const peer = peerOf(cluster, "s1");
  const done = await run("disconnect", "rogue", "--peer", peer, "--cert", cert);
  assert.is(done.code, 0, done.stderr);
  for (const client of [here, there]) await waitFor("the end", () => client.closed);
  await other.expectNothing().catch(() => other.expectNothing()); // the farewell of RogueHere
  other.destroy();
});

admins("a live member can't be removed, nor one that nobody knows", async ({ cluster, cert }) => {
  for (const id of ["s2", "s77"]) {
    const refused = await run("remove", id, "--peer", peerOf(cluster, "s1"), "--cert", cert);
    assert.equal([refused.code, refused.stdout], [1, ""]);
    assert.match(refused.stderr, /^remove was refused: .+$/);
  }
});

admins("only a certificate of the role admin is one", async ({ cluster, cert }) => {
  const server = cert.replace("boss.pem", "s4.pem");
  const refused = await run("status", "--peer", peerOf(cluster, "s1"), "--cert", server);
  assert.is(refused.code, 2);
  assert.match(refused.stderr, /s4\.pem is no certificate of the role admin/);
  const asServer = await cluster.connectPeer("s1", "s4");
  asServer.send({ type: "drain" });
  await waitFor("the end", () => asServer.closed);
  const asAdmin = await cluster.connectPeer("s1", "boss");
  asAdmin.send({ type: "releaseidentity", serverid: "s2", identity: "Ann" });
  const answer = await asAdmin.next();
  assert.is(answer.type, "error");
  asAdmin.destroy();
  const onClientPort = await cluster.connect("s1");
  onClientPort.send({ type: "status" });
  assert.is((await onClientPort.next())["reason"], "unknown-type");
  onClientPort.destroy();
  assert.is(
    (await askServer({ type: "status" }, { peer: peerOf(cluster, "s1"), cert })).type,
    "status",
  );
});

admins.run();
