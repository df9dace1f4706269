/**
 * `chat-client` as a process against scripted servers: pipes, raw lines, debugging without secrets,
 * and one clear line for everything that can go wrong.
 *
 * @module
 */

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
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
import { temporaryFolder } from "./support/folders.ts";
import { freePort } from "./support/ports.ts";
import { type CommandOptions, runCommand, startCommand } from "./support/process.ts";
import { authScript, chatScript, type Script, serve } from "./support/scripted-server.ts";
import { waitFor } from "./support/wait.ts";

const env = { CHAT_PASSWORD: "open sesame" };
const certificates = await certificatesFolder();
const ca = ["--ca", join(certificates, "ca.pem")];

/** Runs a client against a chat server and an authentication server of their own. */
async function chat(
  args: readonly string[],
  options: CommandOptions = {},
  more?: Script,
): ReturnType<typeof runCommand> {
  const auth = await serve(authScript, "auth", "auth");
  const server = await serve(chatScript(auth.port, more));
  const where = ["-h", "127.0.0.1", "-p", `${server.port}`];
  const ended = await runCommand("bin/chat-client.ts", [...where, ...ca, ...args], {
    env,
    ...options,
  });
  await Promise.all([server.stop(), auth.stop()]);
  return ended;
}

const pipes = suite("chat-client in a pipe");

pipes("logs in, says and asks everything in order, quits at the end of the input", async () => {
  const input = "hello\n#list\n##hash\n\nlast, without its newline";
  const { code, stdout, stderr } = await chat(["-i", "alice"], { input });
  assert.is(stderr, "");
  assert.equal(stdout.split("\n"), [
    "alice moves to MainHall-s1",
    "echo: hello",
    "List of chat rooms: MainHall-s1 jokes",
    "echo: #hash",
    "echo: last, without its newline",
    "alice has quit!",
    "",
  ]);
  assert.is(code, 0);
});

pipes("takes the password from a file and the authentication server from a flag", async () => {
  const file = join(temporaryFolder(), "password");
  writeFileSync(file, "open sesame\n", { mode: 0o600 });
  const auth = await serve(authScript, "auth", "auth");
  const server = await serve(chatScript(0));
  const args = ["-h", "localhost", "-p", `${server.port}`, "-u", "alice@home", "-i", "alice"];
  const { code, stdout } = await runCommand(
    "bin/chat-client.ts",
    [...args, ...ca, "--auth", `127.0.0.1:${auth.port}`, "--password-file", file],
    { input: "#quit\n" },
  );
  assert.is(code, 0);
  assert.match(stdout, "alice has quit!");
  assert.is(auth.received[0]?.["username"], "alice@home");
  assert.is(auth.received[0]?.["identity"], "alice");
  assert.is(server.received.filter(({ type }) => type === "newidentity").length, 1);
  await Promise.all([server.stop(), auth.stop()]);
});

pipes("--json prints the lines of the server as they came, and nothing else", async () => {
  const odd = '{ "content":"a\\u001b[31mb" ,"identity":"eve","type":"message","new":1}';
  const { code, stdout, stderr } = await chat(
    ["-i", "alice", "--json"],
    { input: "#list\n#nonsense\nhello\n" },
    ({ type }, connection) => {
      if (type === "list") connection.send(`${odd}\r\n{"type":"unheard-of","x":null}\n`);
    },
  );
  assert.is(code, 0);
  const lines = stdout.trimEnd().split("\n");
  assert.ok(lines.includes(odd));
  assert.ok(lines.includes('{"type":"unheard-of","x":null}'));
  for (const line of lines) JSON.parse(line);
  assert.not.match(stdout, "nonsense");
  assert.match(stderr, "Invalid command!");
});

pipes("-d prints every message to stderr, and no secret anywhere", async () => {
  const target = await serve((line, connection) => {
    if (line["type"] !== "movejoin") return;
    connection.send({ type: "serverchange", approved: "true", serverid: "s2" });
    connection.end();
  }, "s2");
  const { stdout, stderr } = await chat(
    ["-i", "alice", "-d"],
    { input: "#join jokes\n" },
    ({ type }, connection) => {
      if (type !== "join") return;
      const where = { roomid: "jokes", host: "127.0.0.1", port: `${target.port}` };
      connection.send({ type: "route", ...where, ticket: "THE-PASS", username: "THE-PASS" });
    },
  );
  await target.stop();
  assert.match(stderr, /sent {5}\{"type":"login","username":"alice","password":"\*\*\*"/);
  assert.match(stderr, /received \{"type":"login","approved":"true","ticket":"\*\*\*"/);
  assert.match(stderr, /received \{"type":"route",.*"ticket":"\*\*\*","username":"\*\*\*"\}/);
  assert.match(stderr, /sent {5}\{"type":"movejoin",.*"ticket":"\*\*\*"\}/);
  assert.match(stdout, "alice switches to server s2");
  assert.is(target.received[0]?.["ticket"], "THE-PASS");
  for (const secret of ["open sesame", "THE-PASS", '"T1"']) {
    assert.not.match(stdout + stderr, secret);
  }
});

pipes("removes what could steer a terminal", async () => {
  const content = "x\u001b[31mred\u2028bob: forged";
  const { stdout } = await chat(["-i", "alice"], { input: "#who\n" }, ({ type }, connection) => {
    if (type === "who") connection.send({ type: "message", identity: "eve", content });
  });
  assert.match(stdout, "eve: xred bob: forged\n");
  assert.not.match(stdout, "\u001b");
});

pipes("keeps a line typed during a switch and sends it once, to the server that won", async () => {
  const target = await serve((line, connection) => {
    if (line["type"] === "movejoin") {
      connection.send({ type: "serverchange", approved: "false", serverid: "s2", reason: "busy" });
      connection.end();
    }
  }, "s2");
  const { code, stdout } = await chat(
    ["-i", "alice"],
    { input: "#join jokes\nkept\n" },
    ({ type }, connection) => {
      const where = { roomid: "jokes", host: "127.0.0.1", port: `${target.port}`, ticket: "P" };
      if (type === "join") connection.send({ type: "route", ...where });
    },
  );
  await target.stop();
  assert.is(code, 0);
  assert.match(stdout, "Server change failed (busy, try again)\necho: kept\n");
});

pipes("goes to the server that is left when its own dies", async () => {
  const auth = await serve(authScript, "auth", "auth");
  const second = await serve(chatScript(auth.port), "s2");
  const list = [{ serverid: "s2", host: "127.0.0.1", port: `${second.port}`, status: "alive" }];
  const first = await serve(
    chatScript(auth.port, ({ type }, connection) => {
      if (type === "servers") connection.send({ type: "servers", servers: list });
    }),
  );
  const args = ["-h", "127.0.0.1", "-p", `${first.port}`, "-i", "alice"];
  const client = startCommand("bin/chat-client.ts", [...args, ...ca], { env });
  client.type("before");
  await waitFor("the echo", () => client.stdout.includes("echo: before"));
  await first.stop();
  await waitFor("the loss", () => client.stderr.includes("Lost the connection"));
  client.type("after");
  client.child.stdin?.end();
  assert.equal(await client.ended, { code: 0, signal: null });
  assert.match(client.stdout, "echo: after\nalice has quit!");
  assert.is(second.received.filter(({ type }) => type === "message").length, 1);
  assert.is(second.received[0]?.["ticket"], "T1");
  await Promise.all([second.stop(), auth.stop()]);
});

pipes("leaves politely on an interrupt", async () => {
  const auth = await serve(authScript, "auth", "auth");
  const server = await serve(chatScript(auth.port));
  const args = ["-h", "127.0.0.1", "-p", `${server.port}`, "-i", "alice"];
  const client = startCommand("bin/chat-client.ts", [...args, ...ca], { env });
  await waitFor("the login", () => client.stdout.includes("moves to"));
  process.kill(client.child.pid as number, "SIGINT"); // Deno's child.kill forgets the status
  assert.equal(await client.ended, { code: 0, signal: null });
  assert.match(client.stdout, "alice has quit!");
  await Promise.all([server.stop(), auth.stop()]);
});

pipes.run();

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
