/**
 * The client's terminal on streams of the test: what a person would see is worked out by a small
 * screen of its own. No terminal is needed, and none is pretended where there is none.
 *
 * @module
 */

import { PassThrough, Writable } from "node:stream";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { TerminalView } from "../bin/host/client-views.ts";
import { Terminal } from "../bin/host/terminal.ts";
import { complete } from "../lib/client/commands.ts";
import { loggedIn } from "./support/client-script.ts";
import { Screen } from "./support/screen.ts";
import { waitFor } from "./support/wait.ts";

const terminals = suite("terminal");

/** A terminal of the given width, its keyboard and what it did. */
function open(columns = 40) {
  const screen = new Screen(columns);
  const output = new Writable({
    decodeStrings: false,
    write: (text: string, _encoding, done) => {
      screen.write(String(text));
      done();
    },
  });
  Object.assign(output, { columns, rows: 24, isTTY: true });
  const input = new PassThrough();
  const lines: string[] = [];
  let left = 0;
  const terminal = new Terminal({
    input,
    output,
    complete: (line) => complete(line, { rooms: [], identities: ["albert"] as never[] }),
    onLine: (line) => lines.push(line),
    onLeave: () => left++,
  });
  terminal.setPrompt("[hall] al> ");
  /** One key after another, as from a keyboard: what comes at once counts as pasted. */
  const press = async (...keys: string[]) => {
    for (const key of keys) {
      input.write(key);
      await new Promise((resolve) => setImmediate(resolve));
    }
  };
  const sees = (...rows: string[]) =>
    waitFor(
      `${JSON.stringify(rows)} on ${JSON.stringify(screen.rows)}`,
      () => screen.rows.join("\n") === rows.join("\n"),
    ).catch(() => assert.equal(screen.rows, rows));
  return { screen, input, press, terminal, lines, sees, output, left: () => left };
}

terminals("keeps prompt and half-typed text below what arrives", async () => {
  const { terminal, input, sees, lines } = open();
  await sees("[hall] al> ");
  input.write("half");
  await sees("[hall] al> half");
  terminal.print("bob: hi", "eve: ho");
  await sees("bob: hi", "eve: ho", "[hall] al> half");
  input.write(" done\r");
  await sees("bob: hi", "eve: ho", "[hall] al> half done", "[hall] al> ");
  assert.equal(lines, ["half done"]);
  terminal.close();
});

terminals("keeps half-typed text whole that is longer than the width", async () => {
  const { terminal, input, press, sees, lines } = open(20);
  input.write("0123456789abcdefghijklmnop");
  await sees("[hall] al> 012345678", "9abcdefghijklmnop");
  terminal.print("bob: hi");
  await sees("bob: hi", "[hall] al> 012345678", "9abcdefghijklmnop");
  await press("\u001b[D", "\u001b[D", "\u001b[D"); // the cursor within the text
  terminal.print("eve: a line that is longer than the width");
  await press("X", "\r");
  await waitFor("the line", () => lines.length > 0);
  assert.equal(lines, ["0123456789abcdefghijklmXnop"]);
  await sees(
    "bob: hi",
    "eve: a line that is ",
    "longer than the widt",
    "h",
    "[hall] al> 012345678",
    "9abcdefghijklmXnop",
    "[hall] al> ",
  );
  terminal.close();
});

terminals("changes the prompt and keeps what is typed", async () => {
  const { terminal, input, sees } = open();
  input.write("text");
  await sees("[hall] al> text");
  terminal.setPrompt("[jokes] al> ");
  await sees("[jokes] al> text");
  terminal.close();
});

terminals("completes, and brings back earlier lines", async () => {
  const { terminal, press, sees, lines } = open();
  await press("#crea", "\t");
  await sees("[hall] al> #createroom ");
  await press("x", "\r");
  await waitFor("the line", () => lines.length === 1);
  await press("\u001b[A");
  await sees("[hall] al> #createroom x", "[hall] al> #createroom x");
  await press("\u0015", "al", "\t");
  await sees("[hall] al> #createroom x", "[hall] al> albert: ");
  await press("\r");
  await waitFor("the second line", () => lines.length === 2);
  assert.equal(lines, ["#createroom x", "albert: "]);
  terminal.close();
});

terminals("shows nothing of a password and does not remember it", async () => {
  const { terminal, press, sees, screen, lines } = open();
  await press("first", "\r");
  await waitFor("a line", () => lines.length === 1);
  const asked = terminal.ask("Password for al: ", true);
  await waitFor("the question", () => screen.rows.at(-1) === "Password for al: ");
  await press("open sesamee", "\u007f", "\t", "\r");
  assert.is(await asked, "open sesame");
  await sees("[hall] al> first", "Password for al: ", "[hall] al> ");
  await press("\u001b[A");
  await sees("[hall] al> first", "Password for al: ", "[hall] al> first");
  assert.not.match(screen.everything, "sesam");
  assert.equal(lines, ["first"]);
  terminal.close();
});

terminals("leaves on Ctrl-C, also from a question, and on Ctrl-D", async () => {
  const { terminal, input, left } = open();
  const asked = terminal.ask("Password for al: ", true);
  input.write("\u0003");
  assert.is(await asked, undefined);
  assert.is(left(), 1);
  input.write("\u0004");
  await waitFor("the end", () => left() === 2);
  terminal.print("still printable");
  terminal.close();
});

terminals("a view shows what the machine says, with room, countdown and names", async () => {
  const { terminal, input, press, output, screen } = open(60);
  terminal.close();
  const options = { identity: "alice", password: undefined, debug: false, json: false };
  const view = new TerminalView(options, (self) => self.onStreams(input, output));
  const client = loggedIn();
  view.changed(client.state);
  await waitFor("the prompt", () => screen.rows.at(-1) === "[MainHall-s1] alice> ");
  client.line(1, { type: "message", identity: "barbara", content: "a\u001b]0;x\u0007b\nc" });
  for (const effect of client.effects) if (effect.type === "show") view.show(effect.shown);
  view.changed(client.state);
  await waitFor("the message", () => screen.rows.at(-2) === "barbara: ab c");
  await press("barb", "\t");
  await waitFor("the name", () => screen.rows.at(-1) === "[MainHall-s1] alice> barbara: ");
  client.close(1);
  for (const effect of client.effects) if (effect.type === "show") view.show(effect.shown);
  view.show({ kind: "countdown", seconds: 3 });
  view.changed(client.state);
  await waitFor("the countdown", () =>
    screen.rows.at(-1)?.startsWith("[reconnecting in 3 s] alice> barbara: "),
  );
  view.close();
});

terminals.run();
