/**
 * The command-line wrapper: one clear line for whatever a person gets wrong.
 *
 * @module
 */

import type { CAC } from "cac";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import * as v from "valibot";
import { type Flags, packageVersion, runArguments, UsageError, validate } from "../bin/host/cli.ts";

const cli = suite("cli");
let seen: unknown[] = [];

function define(program: CAC): void {
  program
    .command("serve <id>", "runs")
    .option("-n, --name <name>", "a name")
    .option("--port <port>", "a port", { default: 4440 })
    .option("--join <address>", "may be repeated", { type: [] })
    .option("-d, --debug", "more")
    .action((id: string, flags: Flags) => {
      seen = [id, flags["name"], flags["port"], flags["join"], flags["debug"]];
    });
  program.command("fail", "fails").action(async () => {
    await Promise.resolve();
    throw new UsageError("the file\nis\u001b[31m bad", 1);
  });
  program.command("trip", "has a bug").action(() => {
    throw new TypeError("a bug of ours");
  });
}

const complaint = async (...args: string[]) => {
  seen = [];
  return (await runArguments("prog", define, args))?.message;
};

cli("hands values over as the texts that were typed", async () => {
  assert.is(await complaint("serve", "0123", "-n", "007", "--port", "0x10"), undefined);
  assert.equal(seen, ["0123", "007", "0x10", undefined, undefined]);
  assert.is(await complaint("serve", "a", "--name=1e3", "--port=", "-d"), undefined);
  assert.equal(seen, ["a", "1e3", "", undefined, true]);
});

cli("gives defaults as texts and repeatable flags as lists", async () => {
  assert.is(await complaint("serve", "a", "--join", "1"), undefined);
  assert.equal(seen, ["a", undefined, "4440", ["1"], undefined]);
  assert.is(await complaint("serve", "a", "--join", "h:1", "--join=h:2"), undefined);
  assert.equal(seen[3], ["h:1", "h:2"]);
});

cli("complains in one line about whatever is wrong", async () => {
  const wrong: readonly (readonly [RegExp, ...string[]])[] = [
    [/say what to do: serve, fail/],
    [/no command "bogus"/, "bogus"],
    [/no command "7"/, "7"],
    [/Unknown option "--bogus"/, "serve", "a", "--bogus"],
    [/value is missing/, "serve", "a", "--name"],
    [/its value is missing/, "serve", "a", "--join"],
    [/missing required args/, "serve"],
    [/Unused args: "5"/, "serve", "a", "5"],
    [/more than once/, "serve", "a", "-n", "x", "--name", "y"],
    [/no parts/, "serve", "a", "--port.x", "1"],
    [/no parts/, "serve", "a", "--name.x", "1"],
  ];
  for (const [expected, ...args] of wrong) {
    assert.match((await complaint(...args)) ?? "nothing", expected, args.join(" "));
    assert.equal(seen, [], args.join(" "));
  }
});

cli("keeps the exit status of an error and lets a bug through", async () => {
  assert.is((await runArguments("prog", define, ["fail"]))?.status, 1);
  assert.is((await runArguments("prog", define, ["bogus"]))?.status, 2);
  let thrown: unknown;
  await runArguments("prog", define, ["trip"]).catch((error: unknown) => {
    thrown = error;
  });
  assert.instance(thrown, TypeError);
});

cli("reads the version of the package", () => {
  assert.match(packageVersion(), /^\d+\.\d+\.\d+/);
});

cli("validate() names the flag or key that does not fit, never its value", () => {
  const schema = v.object({ clientPort: v.pipe(v.string("a port"), v.regex(/^\d+$/, "a port")) });
  assert.equal(validate("flag", schema, { clientPort: "1" }), { clientPort: "1" });
  const message = (kind: "flag" | "key", value: unknown) => {
    try {
      validate(kind, schema, value);
    } catch (error) {
      return (error as Error).message;
    }
    return undefined;
  };
  assert.is(message("flag", { clientPort: "x" }), "--client-port: expected a port");
  assert.is(message("key", {}), 'key "clientPort" is missing');
});

cli.run();
