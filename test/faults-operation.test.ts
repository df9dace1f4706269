/**
 * What people do to a running cluster: add servers under load, start ones that don't belong, drain,
 * remove, disconnect, rotate and revoke certificates, run out of disk. Everything as the commands
 * do it. Source: PROTOCOL.md sections 6, 8 and 9.
 *
 * @module
 */

import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { issueCertificate } from "../bin/host/certificates.ts";
import { certificatesFolder, copyCertificates, forgedFolder } from "./support/certificates.ts";
import {
  type FaultCluster,
  loginAlone,
  type Seat,
  startFaultCluster,
} from "./support/fault-cluster.ts";
import { temporaryFolder } from "./support/folders.ts";
import { connectLines, type LineClient } from "./support/line-client.ts";
import { freePort } from "./support/ports.ts";
import { type RunningCommand, runCommand, scriptCommand, startCommand } from "./support/process.ts";
import { story, together } from "./support/stories.ts";
import { waitFor } from "./support/wait.ts";

/** A folder like the shared one, which the test may change. */
async function ownCertificates(): Promise<string> {
  const from = await certificatesFolder();
  return await copyCertificates(from, ...(await readdir(from)).filter((name) => !/^s4/.test(name)));
}

async function begin(ids: readonly string[]): Promise<FaultCluster> {
  // At this level the log also says whom it did not let in.
  const settings = { "log-level": "debug" };
  return await startFaultCluster({ ids, certs: await ownCertificates(), settings });
}

const end = (cluster: FaultCluster) => cluster.stop();

/** Runs `chat-server COMMAND` against a server, as an admin. */
async function admin(cluster: FaultCluster, id: string, ...command: string[]) {
  const access = ["--peer", peerOf(cluster, id), "--cert", join(cluster.certs, "boss.pem")];
  return await runCommand("bin/chat-server.ts", [...command, ...access]);
}

/** Logins without end at several servers; returns how to stop, and how many there were. */
function load(cluster: FaultCluster, ids: readonly string[]): () => Promise<number> {
  let isOver = false;
  const work = async (id: string, number: number): Promise<number> => {
    let count = 0;
    for (; !isOver; count++) {
      const client = await cluster.login(id, `Load${number}x${count}`);
      client.send({ type: "message", content: "hello" });
      client.destroy();
    }
    return count;
  };
  const all = Promise.all(ids.map(work));
  all.catch(() => {}); // whoever stops it will see
  return async () => {
    isOver = true;
    return (await all).reduce((sum, each) => sum + each, 0);
  };
}

interface Growth {
  readonly cluster: FaultCluster;
  /** A newcomer with a certificate of another CA, which has been trying from the beginning. */
  readonly stranger: Try;
  /** One that joins where nobody is. */
  readonly lonely: Try;
}

interface Try {
  readonly process: RunningCommand;
  readonly through: string;
}

const growing = story<Growth>({
  about: "growing and shrinking",
  begin: async () => {
    const cluster = await begin(["s1", "s2", "s3"]);
    const through = peerOf(cluster, "s1");
    const nowhere = `127.0.0.1:${await freePort()}`;
    const [stranger, lonely] = await Promise.all([
      newcomer("s2", through, await forgedFolder()),
      newcomer("s2", nowhere, cluster.certs),
    ]);
    return {
      cluster,
      stranger: { process: stranger, through },
      lonely: { process: lonely, through: nowhere },
    };
  },
  end: ({ cluster }) => cluster.stop(),
  steps: {
    "a server with a new certificate joins under load and votes": async ({ cluster }) => {
      const stopLoad = load(cluster, ["s1", "s2", "s3"]);
      const issued = await runCommand("bin/chat-certs.ts", [
        ...["issue", "s4", "--host", "127.0.0.1", "--dir", cluster.certs],
      ]);
      assert.is(issued.code, 0, issued.stderr);
      const fourth = await cluster.join("s4", "s2");
      cluster.seats.set("s4", fourth);
      await fourth.process.logged("ready");
      const held = await cluster.login("s4", "Fourth");
      for (const id of ["s1", "s2", "s3"]) {
        const { client, answer } = await cluster.claim(id, "Fourth", "rival");
        assert.is(answer["reason"], "identity-in-use", id);
        client.destroy();
        await cluster.sees(id, "s4");
      }
      assert.ok((await stopLoad()) > 3);
      held.destroy();
    },
    "status shows everybody, as a table and as JSON": async ({ cluster }) => {
      const [json, table] = await Promise.all([
        admin(cluster, "s1", "status", "--json"),
        admin(cluster, "s1", "status"),
      ]);
      assert.is(json.code, 0, json.stderr);
      const { members } = JSON.parse(json.stdout) as { members: Record<string, unknown>[] };
      assert.equal(members.map((member) => member["serverid"]).sort(), ["s1", "s2", "s3", "s4"]);
      for (const member of members) assert.is(member["status"], "alive");
      for (const id of ["s1", "s2", "s3", "s4"]) assert.match(table.stdout, id);
    },
    "disconnect ends every session of a user, wherever it is": async ({ cluster }) => {
      const [one, other, third] = [
        await cluster.login("s2", "Anna", "ann"),
        await cluster.login("s4", "Annika", "ann"),
        await loginAlone(cluster, "s2", "Ben", "bens"),
      ] as const;
      const done = await admin(cluster, "s1", "disconnect", "ann");
      assert.is(done.code, 0, done.stderr);
      await waitFor("both to be closed", () => one.closed && other.closed);
      await third.expectNothing();
      third.destroy();
    },
    "drain routes everybody, and all who follow are in": async ({ cluster }) => {
      const names = Array.from({ length: 12 }, (_, n) => `Guest${n}`);
      const guests = await Promise.all(names.map((name) => cluster.login("s4", name)));
      const { process } = cluster.seat("s4");
      process.signal("SIGTERM");
      const moved = await Promise.all(
        guests.map((guest, n) => follow(cluster, guest, names[n] as string)),
      );
      assert.is((await process.ended).code, 0);
      await waitFor("all to be in", async () => {
        const rows = await cluster.status("s1");
        return rows.reduce((sum, row) => sum + row.users, 0) === names.length;
      });
      for (const each of moved) assert.not.ok(each.closed);
      assert.not.ok((await cluster.status("s1")).some((row) => row.serverid === "s4"));
      for (const each of moved) each.destroy();
    },
    "who does not belong ends with status 1 and says whom it tried": async (growth) => {
      for (const { process, through } of [growth.stranger, growth.lonely]) {
        assert.is((await process.ended).code, 1, process.stderr);
        const failed = process.log.find((line) => line.event === "join-failed");
        assert.match(String(failed?.["detail"]), through);
        const [first, last] = [process.log[0], failed].map((line) => String(line?.["time"]));
        const triedMs = Date.parse(String(last)) - Date.parse(String(first));
        assert.ok(triedMs > 9000 && triedMs < 13_000, `tried for ${triedMs} ms`);
      }
    },
    "a second server with an id that lives is refused, and says so": async ({ cluster }) => {
      const twin = await newcomer("s3", peerOf(cluster, "s1"), cluster.certs);
      assert.is((await twin.ended).code, 1, twin.stderr);
      assert.match(twin.stderr, /a server with the id s3 is a member already, and it answers/);
      assert.is((await cluster.sees("s1", "s3")).users, 0);
    },
    "drain as a command, remove for the dead only": async ({ cluster }) => {
      const drained = await admin(cluster, "s3", "drain");
      assert.is(drained.code, 0, drained.stderr);
      assert.is((await cluster.seat("s3").process.ended).code, 0);
      const alive = await admin(cluster, "s1", "remove", "s2");
      assert.is(alive.code, 1);
      assert.match(alive.stderr, /only a dead member can be removed/);
      await cluster.seat("s2").process.stop("SIGKILL");
      await cluster.sees("s1", "s2", "dead");
      const removed = await admin(cluster, "s1", "remove", "s2");
      assert.is(removed.code, 0, removed.stderr);
      assert.equal(
        (await cluster.status("s1")).map((row) => row.serverid),
        ["s1"],
      );
    },
  },
});

function peerOf(cluster: FaultCluster, id: string): string {
  return `127.0.0.1:${cluster.seat(id).peerPort}`;
}

async function newcomer(id: string, through: string, certs: string): Promise<RunningCommand> {
  return startCommand("bin/chat-server.ts", [
    ...["-n", id, "--host", "127.0.0.1", "--certs", certs, "--join", through],
    ...["--client-port", String(await freePort()), "--peer-port", String(await freePort())],
  ]);
}

/** Follows the route of a server that drains, as a client does. */
async function follow(cluster: FaultCluster, old: LineClient, identity: string) {
  const route = await old.nextOf("route");
  const { roomid, ticket, port } = route;
  const moved = await connectLines({ port: Number(port), ca: cluster.ca });
  moved.send({ type: "movejoin", former: "MainHall-s4", roomid, identity, ticket });
  const change = await moved.next();
  assert.is(change["approved"], "true", JSON.stringify(change));
  return moved;
}

/** Reads its files again, and waits for what it says to that. */
async function hangUp(seat: Seat, event: string): Promise<string> {
  const count = () => seat.process.log.filter((line) => line.event === event).length;
  const before = count();
  seat.process.signal("SIGHUP");
  await waitFor(`${event} of ${seat.id}`, () => count() > before);
  return String(seat.process.log.filter((line) => line.event === event).at(-1)?.["detail"]);
}

async function serialOf(cluster: FaultCluster, id: string): Promise<string> {
  const client = await cluster.connect(id);
  const { serialNumber } = client.socket.getPeerCertificate();
  client.destroy();
  return serialNumber;
}

const hosts = ["127.0.0.1", "localhost"];

const certificates = story<FaultCluster>({
  about: "certificates",
  begin: () => begin(["s1", "s2", "s3"]),
  end,
  steps: {
    "a renewed one is shown after SIGHUP, and no link is lost": async (cluster) => {
      const before = await serialOf(cluster, "s1");
      const renewed = await runCommand("bin/chat-certs.ts", [
        "issue",
        "s1",
        "--dir",
        cluster.certs,
      ]);
      assert.is(renewed.code, 0, renewed.stderr);
      await hangUp(cluster.seat("s1"), "reloaded");
      assert.is.not(await serialOf(cluster, "s1"), before);
      await cluster.sees("s1", "s2");
      for (const { process } of cluster.seats.values()) {
        assert.not.ok(process.log.some((line) => line.event === "link-lost"));
      }
    },
    "an expired one is refused, and the old one stays": async (cluster) => {
      const before = await serialOf(cluster, "s3");
      const request = { id: "s3", role: "server", hosts, days: -1 } as const;
      await issueCertificate(cluster.certs, request);
      assert.match(await hangUp(cluster.seat("s3"), "reload-refused"), /s3\.pem has expired/);
      assert.is(await serialOf(cluster, "s3"), before);
      await cluster.sees("s3", "s1");
      await cluster.seat("s3").process.stop("SIGKILL");
      const { code } = await cluster.start("s3").ended;
      assert.is(code, 2);
      const { stderr } = cluster.seat("s3").process;
      assert.match(stderr, /s3\.pem has expired: make it with: chat-certs issue s3/);
      assert.is(stderr.trim().split("\n").length, 1, stderr);
    },
    "a revoked one loses its links on SIGHUP and can't come back": async (cluster) => {
      await cluster.sees("s1", "s3", "dead");
      const revoked = await runCommand("bin/chat-certs.ts", [
        "revoke",
        "s2",
        "--dir",
        cluster.certs,
      ]);
      assert.is(revoked.code, 0, revoked.stderr);
      await hangUp(cluster.seat("s1"), "reloaded");
      await cluster.seat("s1").process.logged("link-lost", (line) => line["member"] === "s2");
      await cluster
        .seat("s1")
        .process.logged("tls-refused", (line) =>
          /the certificate of s2 is revoked/.test(String(line["cause"])),
        );
      await cluster.sees("s1", "s2", "dead");
      (await cluster.login("s1", "Ann")).destroy();
    },
  },
});

/** Runs a command that may write no more than so many blocks of 512 bytes into a file. */
async function withLittleDisk(blocks: number, script: string, args: readonly string[]) {
  const limit = `trap "" XFSZ; ulimit -f ${blocks}; exec "$@"`;
  const command = ["-c", limit, "sh", ...scriptCommand(script), ...args];
  const child = spawn("sh", command, { env: { ...process.env, TSX_DISABLE_CACHE: "1" } });
  let stderr = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
  });
  child.stdin.end("a long password\n");
  const [code] = (await once(child, "close")) as [number];
  return { code, stderr };
}

const disk = story<string>({
  about: "a full disk",
  begin: async () => {
    const users = join(temporaryFolder(), "users.json");
    for (const name of ["ann", "ben", "cat"]) {
      const added = await addUser(users, name);
      assert.is(added.code, 0, added.stderr);
    }
    return users;
  },
  end: async () => {},
  steps: {
    "leaves the users file as it was, and nothing beside it": async (users) => {
      const before = await readFile(users, "utf8");
      const { code, stderr } = await withLittleDisk(1, "bin/chat-auth.ts", [
        ...["add-user", "dan", "--users", users, "--password-stdin"],
      ]);
      assert.is.not(code, 0);
      assert.is(stderr.trim().split("\n").length, 1, stderr);
      assert.match(stderr, "users.json");
      assert.is(await readFile(users, "utf8"), before);
      assert.equal(await readdir(join(users, "..")), ["users.json"]);
    },
    "and once there is room the command works": async (users) => {
      assert.is((await addUser(users, "dan")).code, 0);
      assert.match(await readFile(users, "utf8"), "dan");
    },
    "a file that can't be written is one clear line": async () => {
      const { code, stderr } = await addUser("/proc/users.json", "ann");
      assert.is.not(code, 0);
      assert.is(stderr.trim().split("\n").length, 1, stderr);
      assert.match(stderr, "/proc/users.json");
    },
  },
});

function addUser(users: string, name: string) {
  const args = ["add-user", name, "--users", users, "--password-stdin"];
  return runCommand("bin/chat-auth.ts", args, { input: "a long password\n" });
}

together("faults in operation", growing, certificates, disk);
