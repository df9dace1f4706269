/**
 * The authentication server as a process, over TLS: what clients get, and how it lives with files
 * that change under it.
 *
 * @module
 */

import { createPublicKey, generateKeyPairSync, verify as verifyNatively } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { connect as connectTcp } from "node:net";
import { join } from "node:path";
import process from "node:process";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { loadTicketVerifier } from "../bin/host/ticket-keys.ts";
import { readTicket, type TicketClaims } from "../lib/auth/ticket.ts";
import { formatUsers, setDisabled, type Users } from "../lib/auth/users.ts";
import { type AuthProcess, cheapUsers, startAuth } from "./support/auth-process.ts";
import { runCommand } from "./support/process.ts";
import { waitFor } from "./support/wait.ts";

const server = suite("authentication server process");
const password = "correct horse";
let users: Users;
let auth: AuthProcess;
let silent: { readonly since: number; readonly ended: Promise<number> };

const login = (username: string, given = password, identity?: string) => {
  const more = identity === undefined ? {} : { identity };
  return auth.ask({ type: "login", username, password: given, ...more });
};

async function claimsOf({ ticket = "" }: { readonly ticket?: string }): Promise<TicketClaims> {
  const verify = await loadTicketVerifier(auth.certs);
  const read = readTicket(ticket, { unixSeconds: Math.floor(Date.now() / 1000), verify });
  if (!read.ok) throw new Error(read.error);
  return read.value;
}

server.before(async () => {
  const enabled = await cheapUsers({ ann: password, bob: password, off: password, cy: password });
  const disabled = setDisabled(enabled, "off", true);
  users = disabled.ok ? disabled.value : enabled;
  auth = await startAuth(users);
  const since = performance.now();
  const client = await auth.connect();
  silent = { since, ended: client.closed().then(() => performance.now()) };
});

server.after(async () => {
  await auth?.command.stop("SIGKILL");
});

server("gives a ticket that chat servers accept", async () => {
  const reply = await login("ann", password, "annie");
  assert.is(reply.approved, "true");
  const claims = await claimsOf(reply);
  assert.equal([claims.username, claims.identity], ["ann", "annie"]);
  assert.is(String(claims.expiresAt), reply.expires);
  const [head, body, signature] = (reply.ticket ?? "").split(".") as [string, string, string];
  const key = createPublicKey(readFileSync(join(auth.certs, "ticket.pub")));
  const bytes = Buffer.from(`${head}.${body}`);
  assert.ok(verifyNatively(null, bytes, key, Buffer.from(signature, "base64url")));
  const told = await auth.command.logged("login", (line) => line["identity"] === "annie");
  assert.is(told["serverid"], "auth");
});

server("refuses wrong, unknown and disabled with the very same line", async () => {
  const expected = { type: "login", approved: "false", reason: "credentials" };
  assert.equal(await login("ann", "wrong"), expected);
  assert.equal(await login("nobody"), expected);
  assert.equal(await login("off"), expected);
});

server("refuses identities that are unfit or another's", async () => {
  assert.is((await login("ann", password, "bob")).reason, "identity-reserved");
  assert.is((await login("ann", password, "a-b")).reason, "identity-invalid");
});

server("renews a ticket without a password, several times on one connection", async () => {
  const client = await auth.connect();
  let { ticket = "" } = await login("bob");
  const { authTime } = await claimsOf({ ticket });
  for (let round = 0; round < 3; round++) {
    const reply = await client.ask({ type: "login", ticket });
    assert.is(reply.approved, "true");
    ticket = reply.ticket ?? "";
    assert.is((await claimsOf(reply)).authTime, authTime);
  }
  assert.is((await client.ask({ type: "login", ticket: `${ticket}A` })).reason, "ticket-invalid");
  client.socket.destroy();
});

server("throttles a pair after five failures and lets others in", async () => {
  const client = await auth.connect();
  const wrong = { type: "login", username: "cy", password: "wrong" } as const;
  for (let tries = 0; tries < 5; tries++) {
    assert.is((await client.ask(wrong)).reason, "credentials");
  }
  const reply = await client.ask({ ...wrong, password });
  assert.equal([reply.reason, reply.retryafter], ["throttled", "1"]);
  assert.is((await login("ann")).approved, "true");
  client.socket.destroy();
});

server("answers what is malformed and goes on, or ends only that connection", async () => {
  const client = await auth.connect();
  const error = async (text: string) => {
    client.write(text);
    const { type, reason } = await client.reply();
    return `${type} ${reason}`;
  };
  assert.is(await error("[]\n"), "error malformed");
  assert.is(await error('{"type":"list"}\n'), "error unknown-type");
  assert.is(await error('{"type":"login","username":"ann","password":7}\r\n'), "error malformed");
  assert.is((await client.ask({ type: "login", username: "ann", password })).approved, "true");
  assert.is(await error("{\n"), "error malformed");
  await client.closed();
  for (const [bytes, reason] of [
    ["x".repeat(8193), "too-long"],
    [Uint8Array.of(0x7b, 0xff, 0x0a), "not-utf8"],
  ] as const) {
    const other = await auth.connect();
    other.socket.write(bytes);
    assert.is((await other.reply()).reason, reason);
    await other.closed();
  }
  assert.is((await login("ann")).approved, "true");
});

server("answers pipelined requests in order", async () => {
  const client = await auth.connect();
  const line = (given: string) =>
    `${JSON.stringify({ type: "login", username: "bob", password: given })}\n`;
  client.write(`${line("wrong")}${line(password)}{"type":"login","ticket":"x"}\n`);
  const reasons = [await client.reply(), await client.reply(), await client.reply()];
  assert.equal(
    reasons.map(({ reason }) => reason),
    ["credentials", undefined, "ticket-invalid"],
  );
  client.socket.destroy();
});

server("speaks nothing without TLS", async () => {
  const { port } = await auth.command.logged("ready");
  const socket = connectTcp(Number(port), "127.0.0.1");
  let received = "";
  let ended = false;
  socket.on("data", (bytes) => {
    received += bytes.toString("latin1");
  });
  socket.on("error", () => {});
  socket.on("close", () => {
    ended = true;
  });
  socket.write(`{"type":"login","username":"ann","password":"${password}"}\n`);
  await waitFor("the end of a plain connection", () => ended);
  assert.not.match(received, "login");
});

server("takes a changed users file in without a restart, and refuses a bad one", async () => {
  const edit = async (...args: string[]) => {
    const more = args[0] === "add-user" ? ["--password-stdin"] : [];
    const all = [...args, "--users", auth.usersFile, ...more];
    const ended = await runCommand("bin/chat-auth.ts", all, { input: `${password}\n` });
    assert.is(ended.code, 0, ended.stderr);
  };
  const ticket = (await login("ann")).ticket ?? "";
  await edit("disable-user", "ann");
  await waitFor("ann to be refused", async () => {
    return (await auth.ask({ type: "login", ticket })).reason === "credentials";
  });
  writeFileSync(auth.usersFile, '{"version":1,"users":[{"username":"eve"}]}');
  const refused = await auth.command.logged("reload-refused", (line) => line["what"] === "users");
  assert.match(String(refused["detail"]), /user 1 \("eve"\): scrypt is missing/);
  assert.is((await login("bob")).approved, "true", "the old one stays");
  writeFileSync(auth.usersFile, formatUsers(users));
  await waitFor("ann to be let in", async () => {
    return (await auth.ask({ type: "login", ticket })).approved === "true";
  });
});

server("reads keys and users again on SIGHUP, and refuses what does not fit", async () => {
  const before = (await login("ann")).ticket ?? "";
  const { privateKey, publicKey } = generateKeyPairSync("ed25519");
  const keyFile = join(auth.certs, "ticket.key");
  const openFile = join(auth.certs, "ticket.pub");
  const hup = async (event: string, what: string) => {
    const count = () => auth.command.log.filter((l) => l.event === event && l["what"] === what);
    const old = count().length;
    // Not child.kill(): Deno's takes the process for ended after the first signal.
    process.kill(auth.command.child.pid as number, "SIGHUP");
    return await waitFor(`${event} ${what}`, () => count()[old]);
  };
  writeFileSync(keyFile, privateKey.export({ type: "pkcs8", format: "pem" }));
  const refused = await hup("reload-refused", "ticket keys");
  assert.match(String(refused["detail"]), /lacks the public key of .*the old one stays/);
  await claimsOf(await login("ann"));
  const old = readFileSync(openFile, "utf8");
  writeFileSync(openFile, old + publicKey.export({ type: "spki", format: "pem" }));
  await hup("reloaded", "ticket keys");
  const renewed = await auth.ask({ type: "login", ticket: before });
  assert.is(renewed.approved, "true", "the old key is still known");
  const [head, body, signature] = (renewed.ticket ?? "").split(".") as [string, string, string];
  const bytes = Buffer.from(`${head}.${body}`);
  assert.ok(verifyNatively(null, bytes, publicKey, Buffer.from(signature, "base64url")));
});

server("closes a connection that says nothing for 10 s", async () => {
  const ms = (await silent.ended) - silent.since;
  assert.ok(ms >= 9_900 && ms < 30_000, `after ${ms} ms`);
});

server("writes no password and no ticket into its log", async () => {
  assert.not.match(auth.command.stderr, password);
  assert.not.match(auth.command.stderr, "wrong");
  assert.not.match(auth.command.stderr, "eyJ");
  assert.not.match(auth.command.stderr, "nobody");
});

server("stops on SIGTERM with status 0", async () => {
  const client = await auth.connect();
  const ended = await auth.command.stop("SIGTERM");
  assert.equal(ended, { code: 0, signal: null });
  await client.closed();
  assert.ok(auth.command.log.some((line) => line.event === "stopped"));
  assert.is(auth.command.stdout, "");
});

server.run();
