/**
 * The authentication server as a process where it matters how long things take, and what is said
 * about files that others can read.
 *
 * @module
 */

import { chmodSync } from "node:fs";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { cheapUsers, startAuth } from "./support/auth-process.ts";
import { startCommand } from "./support/process.ts";

const password = "correct horse";
const costs = suite("authentication server under load");

costs("takes as long for an unknown name as for a wrong password", async () => {
  const names = ["u1", "u2", "u3", "u4"];
  const accounts = await cheapUsers(
    Object.fromEntries(names.map((name) => [name, password])),
    2 ** 14,
  );
  const other = await startAuth(accounts);
  const client = await other.connect();
  const time = async (username: string) => {
    const since = performance.now();
    const { reason } = await client.ask({ type: "login", username, password: "wrong" });
    assert.is(reason, "credentials");
    return performance.now() - since;
  };
  const wrong: number[] = [];
  const unknown: number[] = [];
  for (let round = 0; round < 13; round++) {
    // Taking turns at being first, so that a machine that slows down slows both.
    const ask = [
      async () => wrong.push(await time(names[round % 4] as string)),
      async () => unknown.push(await time(`nobody${round % 4}`)),
    ];
    for (const each of round % 2 === 0 ? ask : ask.reverse()) await each();
  }
  await other.command.stop("SIGKILL");
  // Noise only ever adds, so the fastest of each shows what the work itself costs.
  const ratio = Math.min(...unknown) / Math.min(...wrong);
  const all = `unknown ${unknown.map(Math.round)}, wrong ${wrong.map(Math.round)}`;
  assert.ok(ratio > 0.6 && ratio < 1.6, all);
  assert.ok(Math.max(...unknown) > Math.min(...wrong), `all faster: ${all}`);
  assert.ok(Math.max(...wrong) > Math.min(...unknown), `all slower: ${all}`);
});

costs("answers busy when too many hashes wait, and does the others", async () => {
  const accounts = await cheapUsers({ ann: password }, 2 ** 14);
  const other = await startAuth(accounts);
  const clients = await Promise.all(Array.from({ length: 72 }, () => other.connect()));
  const replies = clients.map((client, index) =>
    client.ask({ type: "login", username: `nobody${index}`, password: "x" }),
  );
  const reasons = (await Promise.all(replies)).map(({ reason, retryafter }) => ({
    reason,
    retryafter,
  }));
  const busy = reasons.filter(({ reason }) => reason === "busy");
  assert.ok(busy.length > 0 && busy.length <= 6, `${busy.length} busy`);
  assert.ok(busy.every(({ retryafter }) => Number(retryafter) >= 1));
  const failed = reasons.filter(({ reason }) => reason === "credentials").length;
  assert.ok(failed === 30 || failed === 31, `${failed} looked at`);
  assert.ok(reasons.every(({ reason }) => reason !== undefined));
  await other.command.stop("SIGKILL");
});

costs("warns about secrets that others can read", async () => {
  const other = await startAuth(await cheapUsers({ ann: password }));
  await other.command.stop("SIGKILL");
  assert.not.match(other.command.stderr, "secret-exposed");
  chmodSync(other.usersFile, 0o644);
  const where = ["--port", "0", "--users", other.usersFile, "--certs", other.certs];
  const again = startCommand("bin/chat-auth.ts", ["serve", ...where]);
  const line = await again.logged("secret-exposed");
  assert.match(String(line["detail"]), /mode 644\): chmod 600/);
  assert.is(line["level"], "warn");
  await again.stop("SIGKILL");
});

costs.run();
