/**
 * The log: one line an event, nothing forged, no secrets, no waiting for its reader.
 *
 * @module
 */

import { suite } from "uvu";
import * as assert from "uvu/assert";
import { createLog, type LogEvent, type LogFormat, type LogLevel } from "../bin/host/log.ts";
import { createLineWriter } from "../bin/host/log-writer.ts";

const log = suite("log");

type Facts = LogEvent & Readonly<Record<string, unknown>>;

/** What is logged of the events, line by line. */
function logged(format: LogFormat, events: readonly Facts[], level: LogLevel = "debug"): string[] {
  const lines: string[] = [];
  const writer = {
    write: (line: string) => void lines.push(line),
    takeDropped: () => 0,
    takeRest: () => "",
    flush: () => Promise.resolve(),
  };
  const target = createLog({ serverid: "s1", format, level }, writer);
  for (const event of events) target.report(event);
  return lines;
}

log("json has one object a line with event, serverid, time and the facts", () => {
  const [line = ""] = logged("json", [{ event: "login", identity: "adel", members: ["s2"], n: 3 }]);
  assert.ok(line.endsWith("}\n"));
  const { time, ...rest } = JSON.parse(line) as Record<string, unknown>;
  assert.match(String(time), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  assert.equal(rest, {
    level: "info",
    event: "login",
    serverid: "s1",
    identity: "adel",
    members: ["s2"],
    n: 3,
  });
});

log("neither format lets a text end the line, colour the terminal or turn it round", () => {
  const detail = 'a\nb\u001b[31m\u009b\u202e\u2028"c';
  for (const format of ["json", "pretty"] as const) {
    const [line = ""] = logged(format, [{ event: "peer-error", detail }]);
    assert.not.match(line.slice(0, -1), /[\p{Cc}\p{Cf}\u2028]/u, format);
    assert.ok(line.endsWith("\n"));
    if (format === "json") assert.is((JSON.parse(line) as { detail: string }).detail, detail);
  }
});

log("secrets are masked, also deep inside", () => {
  for (const format of ["json", "pretty"] as const) {
    const event = {
      event: "x",
      password: "hunter2",
      deep: [{ Ticket: "hunter2" }],
      pass: "hunter2",
    };
    const [line = ""] = logged(format, [event]);
    assert.not.match(line, /hunter2/, format);
    assert.match(line, /\*\*\*/, format);
    assert.is(event.password, "hunter2"); // the event itself is left alone
  }
});

log("pretty puts what matters first", () => {
  const [line = ""] = logged("pretty", [{ event: "member-suspect", member: "s2", reason: "a b" }]);
  assert.match(line, /^\d\d:\d\d:\d\d\.\d{3} warn {2}s1 member-suspect member=s2 reason="a b"\n$/);
});

log("a level leaves out what is below it", () => {
  const events = ["client-error", "login", "link-lost"].map((event) => ({ event }));
  assert.is(logged("json", events, "debug").length, 3);
  assert.is(logged("json", events, "info").length, 2);
  assert.is(logged("json", events, "warn").length, 1);
  assert.is(logged("json", events, "error").length, 0);
});

log("the writer joins a turn's lines, keeps order and writes what was left over", async () => {
  const written: string[] = [];
  let calls = 0;
  const writer = createLineWriter((text, done) => {
    calls++;
    written.push(text.slice(0, 3));
    setImmediate(done, text.slice(3));
  });
  writer.write("ab\n");
  writer.write("cd\n");
  await writer.flush();
  assert.is(written.join(""), "ab\ncd\n");
  assert.is(calls, 2);
});

log("the writer drops and counts what a stuck reader does not take", async () => {
  let text = "";
  let go: (rest: string) => void = () => {};
  const writer = createLineWriter((chunk, done) => {
    text += chunk;
    go = done;
  });
  writer.write("first\n");
  await new Promise((resolve) => setImmediate(resolve));
  const long = `${"x".repeat(400_000)}\n`;
  for (let i = 0; i < 10; i++) writer.write(long);
  go("");
  assert.is(text.length, 6 + 2 * 400_001);
  text = "";
  createLog({ serverid: "s1", format: "json" }, writer).report({ event: "login" });
  go("");
  assert.match(
    text,
    /"log-lines-dropped","serverid":"s1","count":8\}\n.*"login","serverid":"s1"\}\n$/,
  );
  assert.is(writer.takeDropped(), 0);
});

log.run();
