/**
 * `chat-client` as a process against scripted servers: pipes, raw lines, debugging without secrets,
 * switching and surviving.
 *
 * @module
 */

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { certificatesFolder } from "./support/certificates.ts";
import { chat } from "./support/chat-client.ts";
import { temporaryFolder } from "./support/folders.ts";
import { runCommand, startCommand } from "./support/process.ts";
import { authScript, chatScript, serve } from "./support/scripted-server.ts";
import { waitFor } from "./support/wait.ts";

const env = { CHAT_PASSWORD: "open sesame" };
const certificates = await certificatesFolder();
const ca = ["--ca", join(certificates, "ca.pem")];

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
