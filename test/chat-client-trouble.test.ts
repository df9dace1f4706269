/**
 * `chat-client` when something is wrong: one clear line on stderr that says what, where and what to
 * do next, the right exit status, and no secret given to the wrong one.
 *
 * @module
 */

import { join } from "node:path";
import type { CAC } from "cac";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { type Flags, runArguments } from "../bin/host/cli.ts";
import {
  clientConfig,
  clientFlags,
  givenPassword,
  readClientFlags,
} from "../bin/host/client-settings.ts";
import type { ClientConfig } from "../lib/client/state.ts";
import { certificatesFolder, forgedFolder } from "./support/certificates.ts";
import { chat } from "./support/chat-client.ts";
import { freePort } from "./support/ports.ts";
import { type CommandOptions, runCommand, startCommand } from "./support/process.ts";
import { authScript, chatScript, serve } from "./support/scripted-server.ts";

const env = { CHAT_PASSWORD: "open sesame" };
const certificates = await certificatesFolder();
const ca = ["--ca", join(certificates, "ca.pem")];

const trouble = suite("chat-client in trouble");

/** Exactly one line on stderr, nothing on stdout. */
function oneLine(ended: { readonly stdout: string; readonly stderr: string }): string {
  assert.is(ended.stdout, "");
  assert.match(ended.stderr, /^[^\n]+\n$/);
  return ended.stderr;
}

/** The command up to where it would connect. */
const readAll = (cli: CAC) => {
  clientFlags(cli).action(async (given: Flags) => {
    const flags = readClientFlags(given);
    await givenPassword(flags);
    await clientConfig(flags, false);
  });
};

const client = (args: readonly string[], options: CommandOptions = { env }) =>
  runCommand("bin/chat-client.ts", args, options);

trouble("says that nobody listens", async () => {
  const port = await freePort();
  const ended = await client(["-h", "127.0.0.1", "-p", `${port}`, "-i", "alice", ...ca]);
  assert.match(oneLine(ended), `127.0.0.1:${port}: connection refused.`);
  assert.is(ended.code, 1);
});

trouble("says that the host is unknown", async () => {
  const ended = await client(["-h", "no-such-host.invalid", "-i", "alice", ...ca]);
  assert.match(oneLine(ended), "no-such-host.invalid:4444: unknown host.");
  assert.is(ended.code, 1);
});

trouble("trusts no certificate of another CA and says nothing to its owner", async () => {
  const server = await serve(chatScript(1), "s1", "server", await forgedFolder());
  const ended = await client(["-h", "127.0.0.1", "-p", `${server.port}`, "-i", "alice", ...ca]);
  assert.match(oneLine(ended), "certificate is not trusted");
  assert.is(ended.code, 1);
  assert.equal(server.received, []);
  await server.stop();
});

trouble("can't be talked out of it by the environment", async () => {
  const server = await serve(chatScript(1), "s1", "server", await forgedFolder());
  const unsafe = { ...env, NODE_TLS_REJECT_UNAUTHORIZED: "0" };
  const args = ["-h", "127.0.0.1", "-p", `${server.port}`, "-i", "alice", ...ca];
  const ended = await client(args, { env: unsafe });
  assert.is(ended.code, 1);
  assert.equal(server.received, []);
  await server.stop();
});

trouble("does not accept a certificate for another name", async () => {
  const server = await serve(chatScript(1));
  // The same machine, but a name that no certificate has.
  const args = ["-h", "127.0.0.2", "-p", `${server.port}`, "-i", "alice", ...ca];
  const ended = await client(args);
  assert.match(oneLine(ended), /another name|connection refused/);
  assert.is(ended.code, 1);
  assert.equal(server.received, []);
  await server.stop();
});

trouble("gives no password to a chat server that names itself as the place to log in", async () => {
  const thief = await serve(authScript, "s2", "server");
  const server = await serve(chatScript(thief.port));
  const ended = await client(["-h", "127.0.0.1", "-p", `${server.port}`, "-i", "alice", ...ca]);
  assert.match(oneLine(ended), "another name (it names the server s2)");
  assert.is(ended.code, 1);
  assert.equal(thief.received, []);
  await Promise.all([server.stop(), thief.stop()]);
});

trouble("says that the login was refused, and where", async () => {
  const ended = await chat(["-i", "alice"], { env: { CHAT_PASSWORD: "wrong" } });
  assert.match(
    oneLine(ended),
    /^Login refused by the authentication server 127\.0\.0\.1:\d+: wrong/,
  );
  assert.is(ended.code, 1);
});

trouble("says that there is no password", async () => {
  const ended = await chat(["-i", "alice"], { env: {} });
  assert.match(oneLine(ended), "CHAT_PASSWORD");
  assert.is(ended.code, 1);
});

trouble("says that something else answers", async () => {
  const server = await serve((_line, connection) => connection.send("HTTP/1.1 400 No\r\n\r\n"));
  const ended = await client(["-h", "127.0.0.1", "-p", `${server.port}`, "-i", "alice", ...ca]);
  assert.match(oneLine(ended), "does not speak this protocol");
  assert.is(ended.code, 1);
  await server.stop();
});

trouble("ends when the server ends the session", async () => {
  const auth = await serve(authScript, "auth", "auth");
  const server = await serve(
    chatScript(auth.port, ({ type }, connection) => {
      if (type !== "message") return;
      connection.send({ type: "roomchange", identity: "alice", former: "x", roomid: "" });
      connection.end();
    }),
  );
  const args = ["-h", "127.0.0.1", "-p", `${server.port}`, "-i", "alice", ...ca];
  const kicked = startCommand("bin/chat-client.ts", args, { env });
  kicked.type("kick me");
  assert.is((await kicked.ended).code, 1);
  assert.match(kicked.stderr, "has ended your session");
  await Promise.all([server.stop(), auth.stop()]);
});

for (const [args, complaint] of [
  [[], "say where to connect to"],
  [["-h", "x", "--wrong", "-i", "a"], "--wrong"],
  [["-h", "x", "-i", "a", "--ca", "no/such/file"], "no/such/file"],
] as const) {
  trouble(`one line and status 2 for ${JSON.stringify(args.join(" "))}`, async () => {
    const ended = await client(args);
    assert.match(oneLine(ended), complaint);
    assert.is(ended.code, 2);
  });
}

for (const [args, complaint] of [
  [["-h"], "-h"],
  [["-h", "a b", "-i", "a"], "no host name"],
  [["-h", "x", "-p", "0", "-i", "a"], "--port"],
  [["-h", "x", "-p", "1", "-p", "2", "-i", "a"], "more than once"],
  [["-h", "x", "--auth", "nowhere", "-i", "a"], "--auth"],
  [["-h", "x"], "say who logs in"],
  [["-h", "x", "-i", "a", "--password-file", "no/such/file"], "no/such/file"],
  [["-h", "x", "stray"], "stray"],
] as const) {
  trouble(`refuses ${JSON.stringify(args.join(" "))}`, async () => {
    const complaints = await runArguments("chat-client", readAll, args);
    assert.match(complaints?.message ?? "", complaint);
    assert.is(complaints?.status, 2);
  });
}

trouble("reads the flags of the client everybody knows", async () => {
  let config: ClientConfig | undefined;
  const args = ["-h", "::1", "-p", "0044", "-i", "0123", "-d", "--auth", "[::2]:4440"];
  const complaint = await runArguments(
    "chat-client",
    (cli) => {
      clientFlags(cli).action(async (given: Flags) => {
        config = await clientConfig(readClientFlags(given), false);
      });
    },
    args,
  );
  assert.is(complaint, undefined);
  const { seed: _seed, patienceMs: _patience, ...rest } = config ?? ({} as ClientConfig);
  assert.equal(rest, {
    server: { host: "::1", port: 44 },
    auth: { host: "::2", port: 4440 },
    username: "0123",
    identity: "0123",
  });
});

trouble("--help still helps, though -h is the host", async () => {
  const { code, stdout } = await client(["--help"]);
  assert.is(code, 0);
  assert.match(stdout, "-h, --host <host>");
});

trouble.run();
