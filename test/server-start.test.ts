/**
 * Starting and ending real chat servers: in any order, with one missing, from a file or by
 * introduction, and what a person reads when it can't be. Source: PROTOCOL.md section 8.
 *
 * @module
 */

import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import process from "node:process";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { askServer } from "../bin/host/admin-client.ts";
import { revokeCertificate } from "../bin/host/certificates.ts";
import type { UsageError } from "../bin/host/cli.ts";
import { certificatesFolder, copyCertificates, issue } from "./support/certificates.ts";
import { temporaryFolder } from "./support/folders.ts";
import { connectLines, type LineClient } from "./support/line-client.ts";
import { freePorts } from "./support/ports.ts";
import { type RunningCommand, runCommand, startCommand } from "./support/process.ts";
import { type RealCluster, serversFile, sharedCluster } from "./support/real-cluster.ts";
import { waitFor } from "./support/wait.ts";

const starts = suite<{ cluster: RealCluster; certs: string }>("starting chat servers");
const running: RunningCommand[] = [];

starts.before(async (context) => {
  context.certs = await certificatesFolder();
  context.cluster = await sharedCluster();
});

starts.after.each(async () => {
  await Promise.all(running.splice(0).map((each) => each.stop("SIGKILL")));
});

function start(...args: string[]): RunningCommand {
  const command = startCommand("bin/chat-server.ts", args);
  running.push(command);
  return command;
}

/** As a person does: Deno's own `kill` of a child sends no second signal. */
function signal({ child }: RunningCommand, name: NodeJS.Signals): void {
  process.kill(child.pid as number, name);
}

async function listed(client: LineClient): Promise<readonly string[]> {
  client.send({ type: "servers" });
  const { servers } = await client.nextOf("servers");
  return (servers as { serverid: string }[]).map((each) => each.serverid).sort();
}

async function rooms(client: LineClient): Promise<readonly string[]> {
  client.send({ type: "list" });
  return (await client.nextOf("roomlist"))["rooms"] as string[];
}

starts("a server waits for the others, five seconds and no longer", async ({ cluster, certs }) => {
  const ports = await freePorts(6);
  const places = ["s1", "s2", "s3"].map((id, index) => ({
    id,
    clientPort: ports[2 * index] as number,
    peerPort: ports[2 * index + 1] as number,
  }));
  const file = join(temporaryFolder(), "servers.txt");
  await writeFile(file, serversFile(places));
  const one = start("-n", "s3", "-l", file, "--certs", certs);
  await one.logged("starting");
  const startedAt = performance.now();
  const two = start("-n", "s1", "-l", file, "--certs", certs);
  const ready = await one.logged("ready");
  assert.ok(performance.now() - startedAt > 3500, "it takes nobody before it has tried");
  assert.equal(ready["members"], ["s1"]);
  await two.logged("ready");

  const late = start("-n", "s2", "-l", file, "--certs", certs);
  assert.equal([...((await late.logged("ready"))["members"] as string[])].sort(), ["s1", "s3"]);
  const port = places[0]?.clientPort as number;
  const client = await connectLines({ port, ca: cluster.ca });
  client.send({ type: "newidentity", identity: "Early", ticket: cluster.ticket("Early") });
  await client.nextOf("roomchange");
  assert.equal(await listed(client), ["s1", "s2", "s3"]);
  client.destroy();
  assert.is((await two.stop("SIGTERM")).code, 0);
});

starts("a newcomer joins a running cluster and is one of it", async ({ cluster, certs }) => {
  const ann = await cluster.login("s1", "Resident");
  ann.send({ type: "createroom", roomid: "before" });
  await ann.nextOf("createroom");
  const [clientPort = 0, peerPort = 0] = await freePorts(2);
  const newcomer = start(
    ...["-n", "s4", "--host", "127.0.0.1", "--certs", certs],
    ...["--client-port", String(clientPort), "--peer-port", String(peerPort)],
    ...["--join", "127.0.0.1:1", "--join", `127.0.0.1:${cluster.server("s2").peerPort}`],
  );
  await newcomer.logged("ready");
  const ben = await connectLines({ port: clientPort, ca: cluster.ca });
  ben.send({ type: "newidentity", identity: "Pioneer", ticket: cluster.ticket("Pioneer") });
  await ben.nextOf("roomchange");
  assert.equal(await listed(ben), ["s1", "s2", "s3", "s4"]);
  await waitFor("the older rooms", async () => (await rooms(ben)).includes("before"));
  for (const id of ["s1", "s2", "s3"]) {
    const other = await cluster.connect(id);
    const ticket = cluster.ticket("Pioneer");
    const { reason } = await other.ask({ type: "newidentity", identity: "Pioneer", ticket });
    assert.is(reason, "identity-in-use", "its names are known everywhere");
  }
  const late = await cluster.login("s3", "Follower");
  const route = await late.ask({ type: "join", roomid: "MainHall-s4" });
  assert.is(route["port"], String(clientPort));
  const moved = await cluster.follow(late, "Follower", "MainHall-s3", route);
  assert.is((await moved.next())["roomid"], "MainHall-s4");

  signal(newcomer, "SIGTERM");
  const away = await ben.nextOf("route");
  assert.match(String(away["roomid"]), /^MainHall-s[123]$/, "a drained server routes its users");
  const again = await cluster.follow(ben, "Pioneer", "MainHall-s4", away);
  assert.is((await again.next())["identity"], "Pioneer");
  moved.destroy();
  assert.equal(await newcomer.ended, { code: 0, signal: null }, newcomer.stderr);
  await waitFor("the others to forget it", async () => (await listed(again)).length === 3);
  for (const each of [ann, again]) each.destroy();
});

starts(
  "SIGHUP reads the files again, bad ones change nothing; two signals end it at once",
  async (context) => {
    const { cluster, certs } = context;
    const files = ["ca.pem", "ca.key", "ticket.pub", "s4.pem", "s4.key", "boss.pem", "boss.key"];
    const own = await copyCertificates(certs, ...files);
    const [clientPort = 0, peerPort = 0] = await freePorts(2);
    const ports = ["--client-port", String(clientPort), "--peer-port", String(peerPort)];
    const server = start("-n", "s4", "--host", "127.0.0.1", ...ports, "--certs", own);
    await server.logged("ready");
    const before = await connectLines({ port: clientPort, ca: cluster.ca });
    const serial = before.socket.getPeerCertificate().serialNumber;

    await writeFile(join(own, "ticket.pub"), "garbage");
    signal(server, "SIGHUP");
    const { detail } = await server.logged("reload-refused");
    assert.match(String(detail), /ticket\.pub/);
    await writeFile(join(own, "ticket.pub"), await readFile(join(certs, "ticket.pub"), "utf8"));

    await issue(own, "s4");
    const access = { peer: `127.0.0.1:${peerPort}`, cert: join(own, "boss.pem") };
    assert.is((await askServer({ type: "status" }, access)).type, "status");
    await revokeCertificate(own, "boss");
    signal(server, "SIGHUP");
    await server.logged("reloaded");
    const after = await connectLines({ port: clientPort, ca: cluster.ca });
    assert.is.not(after.socket.getPeerCertificate().serialNumber, serial);
    const revoked = askServer({ type: "status" }, { ...access, ca: join(certs, "ca.pem") });
    assert.is(await revoked.catch((error: UsageError) => error.status), 1);
    const ticket = cluster.ticket("Reloaded");
    const answer = await before.ask({ type: "newidentity", identity: "Reloaded", ticket });
    assert.is(answer["approved"], "true", "who is in stays in");
    signal(server, "SIGINT");
    signal(server, "SIGTERM");
    await server.ended;
    for (const each of [before, after]) each.destroy();
  },
);

starts("whom nobody answers ends after ten seconds and says whom it tried", async ({ certs }) => {
  const [clientPort, peerPort] = await freePorts(2);
  const config = join(temporaryFolder(), "config.json");
  await writeFile(config, JSON.stringify({ timing: { joinMs: 1000 } }));
  const lonely = start(
    ...["-n", "s4", "--host", "127.0.0.1", "--certs", certs, "--config", config],
    ...["--client-port", String(clientPort), "--peer-port", String(peerPort)],
    ...["--join", "127.0.0.1:1", "--join", "127.0.0.1:2"],
  );
  const ended = await lonely.ended;
  assert.is(ended.code, 1);
  const { detail } = await lonely.logged("join-failed").catch(() => lonely.log.at(-1) ?? {});
  assert.match(String(detail), /127\.0\.0\.1:1.*127\.0\.0\.1:2/);
});

starts("what can't be is one clear line and no stack", async ({ cluster, certs }) => {
  const { clientPort } = cluster.server("s1");
  const [free = 0] = await freePorts(1);
  const place = (client: number, peer: number) => [
    ...["-n", "s4", "--host", "127.0.0.1", "--certs", certs],
    ...["--client-port", String(client), "--peer-port", String(peer)],
  ];
  const wrong: readonly (readonly [readonly string[], number, RegExp])[] = [
    [["--nonsense"], 2, /Unknown option/],
    [place(clientPort, free), 1, new RegExp(`client port 127.0.0.1:${clientPort} is in use`)],
  ];
  await Promise.all(
    wrong.map(async ([args, code, pattern]) => {
      const ended = await runCommand("bin/chat-server.ts", args);
      assert.match(ended.stderr, pattern);
      assert.equal([ended.code, ended.stdout], [code, ""], args.join(" "));
      assert.is(ended.stderr.split("\n").length, 2, ended.stderr);
    }),
  );
});

starts.run();
