/**
 * `npm start`: what it makes, what it prints, and that nothing is left when it ends.
 *
 * @module
 */

import { once } from "node:events";
import { readFile, stat } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { demoUsers, makeDemoUsers } from "../bin/host/demo-files.ts";
import { hashPassword } from "../bin/host/passwords.ts";
import { certificatesFolder } from "./support/certificates.ts";
import { temporaryFolder } from "./support/folders.ts";
import { connectLines } from "./support/line-client.ts";
import { freePorts } from "./support/ports.ts";
import { type RunningCommand, startCommand } from "./support/process.ts";
import { waitFor } from "./support/wait.ts";

const demo = suite("the demo");
const cheap = (password: string) => hashPassword(password, { N: 1024, r: 8, p: 1 });

/** Three ports in a row that are free, and another one. */
async function demoPorts(): Promise<{ auth: number; client: number; peer: number }> {
  for (;;) {
    const [auth = 0, client = 0, peer = 0] = await freePorts(3);
    const wanted = [client + 1, client + 2, peer + 1, peer + 2];
    if (wanted.includes(auth) || Math.abs(client - peer) < 3 || Math.max(client, peer) > 65000) {
      continue;
    }
    const free = await Promise.all(
      wanted.map(async (port) => {
        const server = createServer().listen(port, "127.0.0.1");
        const bound = await once(server, "listening").then(
          () => true,
          () => false,
        );
        server.close();
        return bound;
      }),
    );
    if (free.every(Boolean)) return { auth, client, peer };
  }
}

function start(dir: string, ports: Awaited<ReturnType<typeof demoPorts>>): RunningCommand {
  const { auth, client, peer } = ports;
  return startCommand("bin/chat-demo.ts", [
    ...["--dir", dir, "--auth-port", String(auth)],
    ...["--client-port", String(client), "--peer-port", String(peer)],
  ]);
}

demo("users are made once, with passwords nobody else can read", async () => {
  const dir = temporaryFolder();
  const said: string[] = [];
  const made = await makeDemoUsers(dir, (line) => said.push(line), cheap);
  assert.equal([...made.keys()], [...demoUsers]);
  assert.is(new Set(made.values()).size, demoUsers.length);
  assert.match(said.join(), /hashing passwords/);
  const users = await readFile(join(dir, "users.json"), "utf8");
  for (const password of made.values()) {
    assert.match(password, /^[a-z2-9]{4}(-[a-z2-9]{4}){3}$/);
    assert.not(users.includes(password));
  }
  for (const file of ["users.json", "demo-passwords.txt"]) {
    assert.is((await stat(join(dir, file))).mode & 0o777, 0o600, file);
  }
  assert.equal([...(await makeDemoUsers(dir, () => {}, cheap))], [...made]);
  assert.is(await readFile(join(dir, "users.json"), "utf8"), users);
});

demo("it starts, a printed user logs in, a lost server is told, Ctrl-C ends it all", async () => {
  const dir = temporaryFolder();
  await makeDemoUsers(dir, () => {}, cheap); // the rest is made by the demo itself
  const ports = await demoPorts();
  const running = start(dir, ports);
  await waitFor("the welcome", () => running.result ?? running.stdout.includes("Ctrl-C"), 90_000);
  assert.is(running.result, undefined, running.stderr);
  const [, username, password] = /^ {2}(alice) +(\S+)$/m.exec(running.stdout) ?? [];
  assert.match(running.stdout, /chat-client\.(js|ts) -h localhost -p \d+ -u alice --ca /);
  const ca = await readFile(join(dir, "ca.pem"), "utf8");
  const auth = await connectLines({ port: ports.auth, ca });
  const { ticket } = await auth.ask({ type: "login", username, password });
  const client = await connectLines({ port: ports.client + 1, ca });
  client.send({ type: "newidentity", identity: "alice", ticket });
  await client.expect(
    { type: "newidentity", approved: "true" },
    { type: "roomchange", identity: "alice", former: "", roomid: "MainHall-s2" },
  );

  const second = start(dir, ports);
  assert.is((await second.ended).code, 1);
  assert.match(second.stderr, /^chat-demo: port \d+ of 127\.0\.0\.1 is in use: [^\n]+\n$/);

  const pids = [...running.stdout.matchAll(/\(pid (\d+)\)/g)].map((match) => Number(match[1]));
  assert.is(pids.length, 4);
  process.kill(pids[3] as number, "SIGKILL");
  const loss = /s3 has ended \(signal SIGKILL\)[\s\S]*to bring it back.*\n {2}\S.* -n s3 -l /i;
  await waitFor("the loss, and what to do", () => loss.test(running.stdout));
  assert.is((await running.stop("SIGINT")).code, 0);
  for (const pid of pids) assert.throws(() => process.kill(pid, 0), /ESRCH/);
  for (const each of [auth, client]) each.destroy();
});

demo("a process of the demo ends when the demo is gone, however that came", async () => {
  const [clientPort, peerPort] = await freePorts(2);
  const child = startCommand("bin/host/demo-child.ts", [
    ...["chat-server", "-n", "s1", "--host", "127.0.0.1", "--certs", await certificatesFolder()],
    ...["--client-port", String(clientPort), "--peer-port", String(peerPort)],
  ]);
  await child.logged("ready");
  child.child.stdin?.end();
  assert.equal(await child.ended, { code: 0, signal: null });
});

demo.run();
