/**
 * The commands of `chat-auth` that manage the users file, and what they say to wrong ones.
 *
 * @module
 */

import { readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { PassThrough, Writable } from "node:stream";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { authCommands } from "../bin/host/auth-commands.ts";
import { runArguments } from "../bin/host/cli.ts";
import { askHidden, readLine } from "../bin/host/password-prompt.ts";
import { checkPassword, hashPassword, passwordMatches } from "../bin/host/passwords.ts";
import { editUsers, readUsers } from "../bin/host/users-file.ts";
import { addUser, formatUsers, noUsers } from "../lib/auth/users.ts";
import { cheapUsers } from "./support/auth-process.ts";
import { temporaryFolder } from "./support/folders.ts";
import { runCommand } from "./support/process.ts";

const commands = suite("chat-auth");
const cheap = { N: 1024, r: 8, p: 1 };

/** Runs a command in this process and returns what it complains about. */
async function complaint(...args: string[]): ReturnType<typeof runArguments> {
  const { log } = console;
  console.log = () => {}; // what it says when all is well is for the person at the keyboard
  try {
    return await runArguments("chat-auth", authCommands, args);
  } finally {
    console.log = log;
  }
}
const run = (args: readonly string[], input = "") =>
  runCommand("bin/chat-auth.ts", args, { input });

commands("adds, changes, disables, enables, lists and removes users", async () => {
  const file = join(temporaryFolder(), "users.json");
  const at = ["--users", file];
  const added = await run(["add-user", "ann", ...at, "--password-stdin"], "first\r\nsecond\n");
  assert.equal([added.code, added.stderr], [0, ""]);
  assert.is(statSync(file).mode & 0o777, 0o600);
  const first = (await readUsers(file)).get("ann");
  assert.equal([first?.scrypt.N, first?.scrypt.r, first?.scrypt.p], [2 ** 17, 8, 1]);
  assert.ok(first !== undefined && (await passwordMatches("first", first.scrypt)));
  assert.is(await complaint("disable-user", "ann", ...at), undefined);
  assert.is((await readUsers(file)).get("ann")?.disabled, true);
  assert.is((await run(["list-users", ...at])).stdout, "ann (disabled)\n");
  assert.is(await complaint("enable-user", "ann", ...at), undefined);
  const changed = await run(["set-password", "ann", ...at, "--password-stdin"], "other");
  assert.is(changed.code, 0, changed.stderr);
  const second = (await readUsers(file)).get("ann");
  assert.ok(second !== undefined && (await passwordMatches("other", second.scrypt)));
  assert.not.equal(second.scrypt.salt, first.scrypt.salt);
  assert.ok(second.passwordSetAt >= first.passwordSetAt && first.passwordSetAt > 1_700_000_000);
  assert.is(await complaint("remove-user", "ann", ...at), undefined);
  assert.is((await readUsers(file)).size, 0);
  assert.equal(readdirSync(join(file, "..")), ["users.json"], "nothing is left behind");
});

commands("two commands at the same time lose nothing", async () => {
  const file = join(temporaryFolder(), "users.json");
  const names = ["ann", "bob"];
  const ended = await Promise.all(
    names.map((name) => run(["add-user", name, "--users", file, "--password-stdin"], "pass\n")),
  );
  assert.equal(
    ended.map(({ code, stderr }) => [code, stderr]),
    [
      [0, ""],
      [0, ""],
    ],
  );
  assert.equal([...(await readUsers(file)).keys()].sort(), names);
});

commands("many edits at the same time lose nothing, through a link too", async () => {
  const folder = temporaryFolder();
  const file = join(folder, "users.json");
  const link = join(folder, "link.json");
  writeFileSync(file, formatUsers(noUsers));
  symlinkSync(file, link);
  const scrypt = await hashPassword("x", cheap);
  const names = Array.from({ length: 12 }, (_, index) => `user${index}`);
  await Promise.all(
    names.map((name, index) =>
      editUsers(index % 2 === 0 ? file : link, (users) => addUser(users, name, scrypt, 0), {
        create: false,
      }),
    ),
  );
  assert.equal([...(await readUsers(file)).keys()].sort(), names.sort());
  assert.equal(readdirSync(folder).sort(), ["link.json", "users.json"]);
});

commands("complains in one line and with status 2 about whatever is wrong", async () => {
  const folder = temporaryFolder();
  const good = join(folder, "users.json");
  const bad = join(folder, "bad.json");
  writeFileSync(good, formatUsers(await cheapUsers({ ann: "x" })));
  writeFileSync(bad, '{"version":1,"users":[{"username":"ann"}]}');
  const missing = join(folder, "missing.json");
  const wrong: readonly (readonly [RegExp, ...string[]])[] = [
    [/^say what to do: serve, add-user/],
    [/^there is no command "adduser"/, "adduser"],
    [/user name has 1 to 64 printable/, "add-user", "a b", "--users", good],
    [/user name has 1 to 64 printable/, "add-user", "", "--users", good],
    [/there is a user "ann" already/, "add-user", "ann", "--users", good],
    [/there is no user "bob"/, "set-password", "bob", "--users", good],
    [
      /missing\.json is not there: make it with: chat-auth add-user/,
      "list-users",
      "--users",
      missing,
    ],
    [/is not there/, "serve", "--users", good, "--certs", missing],
    [/--port: expected a port from 0/, "serve", "--port", "70000"],
    [/Unknown option "-1"/, "serve", "--port", "-1"],
    [/--id: expected an id/, "serve", "--id", "../auth"],
    [/--log: expected json or pretty/, "serve", "--log", "xml"],
    [/--log-level: expected debug, info/, "serve", "--log-level", "loud"],
    [/--users: expected a file/, "list-users", "--users="],
    [/can't be read \(EISDIR\)/, "list-users", "--users", folder],
    ...["remove-user", "disable-user", "enable-user"].flatMap(
      (name) =>
        [
          [/there is no user "bob" \(.*users\.json\)/, name, "bob", "--users", good],
          [/missing\.json is not there/, name, "bob", "--users", missing],
        ] as const,
    ),
    ...["add-user", "set-password", "remove-user", "disable-user", "enable-user"].flatMap(
      (name) =>
        [
          [/missing required args/, name],
          [/Unused args/, name, "ann", "more"],
          [/Unknown option "--bogus"/, name, "ann", "--bogus"],
          [/value is missing/, name, "ann", "--users"],
          [/more than once/, name, "ann", "--users", good, "--users", good],
          [/bad\.json: user 1 \("ann"\): scrypt is missing/, name, "ann", "--users", bad],
        ] as const,
    ),
  ];
  for (const [expected, ...args] of wrong) {
    const error = await complaint(...args);
    assert.match(error?.message ?? "no complaint", expected, args.join(" "));
    assert.is(error?.status, 2, args.join(" "));
  }
});

commands("as a process: one line on stderr, nothing on stdout, status 2", async () => {
  for (const args of [["bogus"], ["serve", "--certs", "/nowhere"], ["add-user", "x"]]) {
    const { code, stdout, stderr } = await run(args);
    assert.equal([code, stdout], [2, ""], args.join(" "));
    assert.match(stderr, /^chat-auth: [^\n]+\n$/, args.join(" "));
  }
  const help = await run(["--help"]);
  assert.is(help.code, 0);
  assert.match(help.stdout, "set-password <name>");
  assert.match((await run(["--version"])).stdout, /^chat-auth\/\d+\.\d+\.\d+ /);
});

commands("refuses passwords that are empty or too long", async () => {
  assert.is(checkPassword("a"), "a");
  assert.is(checkPassword("ä".repeat(512)).length, 512);
  assert.throws(() => checkPassword(""), /empty/);
  assert.throws(() => checkPassword("ä".repeat(513)), /at most 1024 bytes/);
  const file = join(temporaryFolder(), "users.json");
  const { code, stderr } = await run(
    ["add-user", "ann", "--users", file, "--password-stdin"],
    "\n",
  );
  assert.is(code, 2);
  assert.match(stderr, /^chat-auth: the password is empty[^\n]*\n$/);
  assert.equal(readdirSync(join(file, "..")), []);
});

commands("a password is the same however its accents were composed", async () => {
  const record = await hashPassword("Zoe\u0308", cheap);
  assert.is(await passwordMatches("Zo\u00eb", record), true);
  assert.is(await passwordMatches("Zoe", record), false);
  assert.is(await passwordMatches("", record), false);
});

commands("reads one line, whatever ends it", async () => {
  const read = (...chunks: string[]) => {
    const input = new PassThrough();
    for (const chunk of chunks) input.write(chunk);
    input.end();
    return readLine(input);
  };
  assert.is(await read("pass word\nmore\n"), "pass word");
  assert.is(await read("pa", "ss\r\n"), "pass");
  assert.is(await read("pass"), "pass");
  assert.is(await read(), "");
});

/** A terminal whose keys are pressed beforehand. */
function terminal(keys: string) {
  const modes: boolean[] = [];
  const keyboard = Object.assign(new PassThrough(), {
    setRawMode: (raw: boolean) => modes.push(raw),
  });
  const shown: string[] = [];
  const screen = new Writable({
    write: (chunk, _encoding, done) => {
      shown.push(String(chunk));
      done();
    },
  });
  keyboard.write(keys);
  return { keyboard, screen, modes, shown };
}

commands("asks without echo; Backspace, Ctrl-U and arrows do what they should", async () => {
  const typed: readonly (readonly [string, string])[] = [
    ["secret\r", "secret"],
    ["secret\n", "secret"],
    ["sex\u007fcrett\bx\u007f\r", "secret"],
    ["\u007f\u007fa\r", "a"],
    ["wrong\u0015right\r", "right"],
    ["grün\u007f\u007fün\r", "grün"],
    ["a\u0004b\r", "ab"],
  ];
  for (const [keys, expected] of typed) {
    const { keyboard, screen, modes, shown } = terminal(keys);
    assert.is(await askHidden("New password: ", keyboard, screen), expected);
    assert.equal(modes, [true, false]);
    assert.is(shown.join(""), "New password: \n");
  }
});

commands("keeps what was pasted behind a line for the next question", async () => {
  const { keyboard, screen } = terminal("one\rtwo\r");
  assert.is(await askHidden("", keyboard, screen), "one");
  assert.is(await askHidden("", keyboard, screen), "two");
});

commands("Ctrl-C ends the question and gives the terminal back", async () => {
  for (const keys of ["abc\u0003", "\u0004"]) {
    const { keyboard, screen, modes } = terminal(keys);
    let status: unknown;
    await askHidden("", keyboard, screen).catch((error: { readonly status: number }) => {
      status = error.status;
    });
    assert.equal([status, modes], [130, [true, false]]);
  }
});

commands("says what to do about a lock that somebody left", async () => {
  const file = join(temporaryFolder(), "users.json");
  writeFileSync(`${file}.lock`, "");
  const scrypt = await hashPassword("x", cheap);
  let message = "";
  const options = { create: true, patienceMs: 100 };
  await editUsers(file, (users) => addUser(users, "ann", scrypt, 0), options).catch(
    (thrown: Error) => {
      message = thrown.message;
    },
  );
  assert.match(message, /users\.json\.lock has been there for over 0\.1 s: if no other chat-auth/);
  assert.is(readFileSync(`${file}.lock`, "utf8"), "");
});

commands.run();
