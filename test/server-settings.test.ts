/**
 * What `chat-server` is told: flags, a settings file, the servers file; and the one clear line for
 * whatever is wrong.
 *
 * @module
 */

import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { type Flags, runArguments } from "../bin/host/cli.ts";
import { readRoster, rosterKeeper } from "../bin/host/roster-file.ts";
import { runServer } from "../bin/host/server-process.ts";
import {
  readServerSettings,
  type ServerSettings,
  serverFlags,
} from "../bin/host/server-settings.ts";
import { parseServersFile } from "../bin/host/servers-file.ts";
import type { ServerId } from "../lib/base/ids.ts";
import { defaultTiming } from "../lib/server/config.ts";
import { temporaryFolder } from "./support/folders.ts";
import { waitFor } from "./support/wait.ts";

const settings = suite("settings of a chat server");
const files = suite("servers files");

const text = "s1\t10.0.0.1\t4444\t5555\ns10\t10.0.0.10\t4444\t5555\ns2\t10.0.0.2\t4444\t5555\n";

/** What a command line comes to, as a whole: settings or the line that a person reads. */
async function read(...args: string[]): Promise<ServerSettings | string> {
  let found: ServerSettings | undefined;
  const complaint = await runArguments(
    "chat-server",
    (cli) => {
      serverFlags(cli).action(async (flags: Flags) => {
        found = await readServerSettings(flags);
      });
    },
    args,
  );
  if (complaint !== undefined) assert.not.match(complaint.message, /\n/);
  return complaint?.message ?? (found as unknown as ServerSettings);
}

async function good(...args: string[]): Promise<ServerSettings> {
  const result = await read(...args);
  if (typeof result === "string") throw new Error(result);
  return result;
}

async function file(content: string, name = "servers.txt"): Promise<string> {
  const path = join(temporaryFolder(), name);
  await writeFile(path, content);
  return path;
}

const newcomer = ["--host", "127.0.0.1", "--client-port", "1", "--peer-port", "2"];

settings("the base form takes the own line and dials the others", async () => {
  const { config, listenHost, clientPort, peerPort, certs } = await good(
    "-n",
    "s1",
    "-l",
    await file(text),
  );
  assert.equal([listenHost, clientPort, peerPort, certs], ["10.0.0.1", 4444, 5555, "certs"]);
  assert.is(config.serverid, "s1");
  assert.equal(config.client, { host: "10.0.0.1", port: 4444 });
  assert.equal(config.contacts, [
    { serverid: "s10", address: { host: "10.0.0.10", port: 5555 } },
    { serverid: "s2", address: { host: "10.0.0.2", port: 5555 } },
  ]);
  assert.equal([config.mustJoin, config.partition, config.messageRate], [false, "available", 0]);
  assert.equal(config.timing, defaultTiming);
});

settings("a newcomer needs an address and whom to join, if anybody", async () => {
  const joining = await good(
    ...["-n", "x", ...newcomer, "--join", "a:5555", "--join", "[::1]:5556"],
    ...["--advertise", "chat.example.org:443", "--auth", "auth.example.org:4440"],
  );
  const { config } = joining;
  assert.equal(config.contacts, [
    { serverid: undefined, address: { host: "a", port: 5555 } },
    { serverid: undefined, address: { host: "::1", port: 5556 } },
  ]);
  assert.ok(config.mustJoin);
  assert.equal(config.client, { host: "chat.example.org", port: 443 });
  assert.equal(config.peer, { host: "127.0.0.1", port: 2 });
  assert.equal(config.auth, { host: "auth.example.org", port: 4440 });
  assert.not((await good("-n", "x", ...newcomer)).config.mustJoin);
});

settings("a server that listens everywhere must say where it is reached", async () => {
  const everywhere = ["-n", "x", "--host", "0.0.0.0", "--client-port", "1", "--peer-port", "2"];
  assert.match(
    String(await read(...everywhere)),
    /nobody can connect to 0\.0\.0\.0: add --advertise/,
  );
  const { config, listenHost } = await good(...everywhere, "--advertise", "a.b:7");
  assert.equal([listenHost, config.peer.host], ["0.0.0.0", "a.b"]);
});

settings("an id that looks like a number stays what it is", async () => {
  assert.is((await good("-n", "007", ...newcomer)).config.serverid, "007");
});

settings("the settings file has the same keys, and flags win", async () => {
  const path = await file(
    JSON.stringify({
      id: "x",
      host: "127.0.0.1",
      "client-port": 4444,
      peerPort: "5555",
      join: "a:1",
      "message-rate": 20,
      "log-level": "warn",
      timing: { drainMs: 100 },
    }),
    "settings.json",
  );
  const { config, clientPort, logLevel } = await good("--config", path, "--client-port", "9");
  assert.equal([clientPort, config.messageRate, logLevel], [9, 20, "warn"]);
  assert.equal(config.timing, { ...defaultTiming, drainMs: 100 });
  assert.is(config.contacts.length, 1);
});

settings("every mistake is one line that names it", async () => {
  const servers = await file(text);
  const config = async (value: unknown) => [
    "--config",
    await file(typeof value === "string" ? value : JSON.stringify(value), "c.json"),
  ];
  const wrong: readonly (readonly [readonly string[], RegExp])[] = [
    [[], /say who it is: -n ID/],
    [["-n", "s1"], /say where it is to listen: -n ID -l FILE, or/],
    [["-n", "s1", "-l", "/nowhere/servers.txt"], /servers\.txt is not there/],
    [["-n", "s3", "-l", servers], /servers\.txt has no line for the id s3; it names: s1, s10, s2/],
    [["-n", "S1", "-l", servers], /no line for the id S1/],
    [["-n", "s1", "-l", servers, "--join", "a:1"], /--join and -l exclude each other/],
    [["-n", "s1", "-l", servers, "--peer-port", "1"], /--peer-port and -l exclude each other/],
    [["-n", "s 1", ...newcomer], /--id: expected an id of 1 to 32/],
    [["-n", "x", ...newcomer, "--join", "nobody"], /--join.*: expected host:port/],
    [["-n", "x", ...newcomer, "--auth", "host:99999"], /--auth: expected host:port/],
    [
      ["-n", "x", "--host", "h", "--client-port", "0", "--peer-port", "2"],
      /--client-port: .*65535/,
    ],
    [["-n", "x", "--host", "h", "--client-port", "1e3", "--peer-port", "2"], /--client-port/],
    [["-n", "x", "--host", "h", "--client-port", "2", "--peer-port", "2"], /are the same/],
    [["-n", "x", "--host", "a b", "--client-port", "1", "--peer-port", "2"], /"a b" is no host/],
    [
      ["-n", "x", ...newcomer, "--partition", "never"],
      /--partition: expected available or majority/,
    ],
    [["-n", "x", ...newcomer, "--message-rate", "fast"], /--message-rate: expected a number/],
    [["-n", "x", ...newcomer, "--log", "xml"], /--log: expected json or pretty/],
    [["-n", "x", ...newcomer, "--log-level", "loud"], /--log-level: expected debug/],
    [["-n", "x", ...newcomer, "--plaintext"], /Unknown option/],
    [["-n", "x", "-n", "y", ...newcomer], /given more than once/],
    [["-n", "x", ...newcomer, "extra"], /extra/],
    [["-n", "x", ...newcomer, "--config", "/nowhere.json"], /nowhere\.json is not there/],
    [["-n", "x", ...newcomer, ...(await config("{"))], /c\.json is not JSON/],
    [["-n", "x", ...newcomer, ...(await config([]))], /c\.json must hold a JSON object/],
    [["-n", "x", ...newcomer, ...(await config({ colour: 1 }))], /there is no key "colour"/],
    [["-n", "x", ...newcomer, ...(await config({ auth: 7 }))], /key "auth": expected host:port/],
    [["-n", "x", ...newcomer, ...(await config({ timing: { warp: 9 } }))], /key "timing.warp"/],
    [
      ["-n", "x", ...newcomer, ...(await config({ timing: { suspectMs: 10 } }))],
      /suspectMs \(10\) must be at least 1000/,
    ],
  ];
  for (const [args, pattern] of wrong) assert.match(String(await read(...args)), pattern);
});

settings("what needs files is one line as well when they are missing", async () => {
  const missing = await good("-n", "s9", ...newcomer, "--certs", temporaryFolder());
  const error = await runServer(missing).catch((each: Error) => each);
  assert.match(String(error), /ca\.pem is not there: copy it from where chat-certs init made it/);
});

settings("a roster is kept for the next start, the latest one", async () => {
  const data = join(temporaryFolder(), "deep", "data");
  const id = "s1" as ServerId;
  assert.is(await readRoster(data, id), undefined);
  const args = ["-n", "s1", "-l", await file(text), "--partition", "majority", "--data", data];
  assert.equal((await good(...args)).config.roster, ["s1", "s10", "s2"]);
  const keep = rosterKeeper(data, id, (detail) => assert.unreachable(detail));
  keep(["s1"] as ServerId[]);
  keep(["s1", "s4"] as ServerId[]);
  await waitFor("the roster", async () => (await readRoster(data, id))?.length === 2);
  assert.equal((await good(...args)).config.roster, ["s1", "s4"]);
  await writeFile(join(data, "roster-s1.json"), "{}");
  assert.match(String(await read(...args)), /roster-s1\.json is no roster/);
});

settings.run();

files("tabs, blanks, comments, empty lines and CR LF", () => {
  const servers = parseServersFile(
    "f",
    "\uFEFF# all of them\r\ns1\t\t127.0.0.1 \t 4444\t5555\r\n\r\n" +
      "  s2 ::1 4445 5556 # the other\n\t\n",
  );
  assert.equal(servers, [
    {
      serverid: "s1",
      client: { host: "127.0.0.1", port: 4444 },
      peer: { host: "127.0.0.1", port: 5555 },
    },
    { serverid: "s2", client: { host: "::1", port: 4445 }, peer: { host: "::1", port: 5556 } },
  ]);
});

files("what is wrong is told with file and line", () => {
  const wrong: readonly (readonly [string, RegExp])[] = [
    ["", /^f names no server/],
    ["# nobody\n", /^f names no server/],
    ["s1\thost\t4444\n", /^f line 1: expected four columns .* found 3$/],
    ["s1 host 4444 5555 6666\n", /^f line 1: expected four columns .* found 5$/],
    ["\ns1 host 4444 0\n", /^f line 2: the peer port "0" is no number/],
    ["s1 host 70000 5555\n", /^f line 1: the client port "70000"/],
    ["s1 host port 5555\n", /^f line 1: the client port "port"/],
    ["s/1 host 4444 5555\n", /^f line 1: "s\/1" is no id/],
    ["s1 ho$t 4444 5555\n", /^f line 1: "ho\$t" is no host/],
    ["s1 a 1 2\n# x\ns1 b 1 2\n", /^f line 3: the id s1 is in line 1 already$/],
    ["s1 a 1 2\ns2 a 3 2\n", /^f line 2: a:2 is in line 1 already$/],
    ["s1 a 1 1\n", /^f line 1: a:1 is in line 1 already$/],
  ];
  for (const [content, pattern] of wrong) {
    assert.throws(
      () => parseServersFile("f", content),
      (error: Error) => pattern.test(error.message),
    );
  }
});

files.run();
