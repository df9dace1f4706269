/**
 * Runs every test/*.test.ts in one process, the same way on every runtime, and closes with the
 * plain line "N passed, N failed". An argument is a pattern for the file names.
 *
 * @module
 */

import { readdirSync } from "node:fs";
import process from "node:process";

type Result = [errors: string | true, ran: number, skipped: number, total: number];
type Suite = () => Promise<Result>;
type Group = [file: string, ...suites: Suite[]];

// uvu queues suites instead of starting them when it finds these; so they come before its import.
const uvu = globalThis as unknown as { UVU_DEFER: number; UVU_INDEX: number; UVU_QUEUE: Group[] };
uvu.UVU_DEFER = 1;
uvu.UVU_QUEUE = [];

const suiteLimitMs = 180_000;
const root = new URL("./", import.meta.url);
const pattern = new RegExp(process.argv[2] ?? ".");
const files = (readdirSync(root, { recursive: true }) as string[])
  .map((file) => file.replaceAll("\\", "/"))
  .filter((file) => file.endsWith(".test.ts") && pattern.test(file))
  .sort();

const count = { passed: 0, failed: 0, skipped: 0 };
const started = performance.now();
let current = "test/run.ts";

function finish(): never {
  if (count.passed + count.failed === 0) {
    console.error("no test was run");
    count.failed++;
  }
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  console.log(`\n${files.length} files, ${count.skipped} skipped, ${seconds} s`);
  console.log(`${count.passed} passed, ${count.failed} failed`);
  process.exit(count.failed > 0 ? 1 : 0);
}

/** Nothing that follows could be trusted after it. */
function giveUp(why: unknown): never {
  console.error(`${current}:`, why);
  count.failed++;
  return finish();
}

/** Names what took long: the slowest files decide whether people run the tests at all. */
function duration(since: number): string {
  const ms = Math.round(performance.now() - since);
  return ms < 500 ? "" : `  (${(ms / 1000).toFixed(1)} s)`;
}

async function runSuite(suite: Suite): Promise<void> {
  // The timer also keeps an empty event loop alive, so that a promise nobody settles is noticed.
  const timer = setTimeout(() => giveUp(`a suite took over ${suiteLimitMs} ms`), suiteLimitMs);
  const [errors, ran, skipped, total] = await suite();
  clearTimeout(timer);
  count.passed += ran;
  count.failed += total - ran;
  count.skipped += skipped;
  if (errors !== true) console.log(errors);
  // uvu swallows what a hook throws: without this line nobody would learn why the count is short.
  else if (ran < total) console.error(`${current}: a before or after hook of a suite failed`);
}

async function runFile(file: string, index: number): Promise<void> {
  current = file;
  uvu.UVU_INDEX = index;
  uvu.UVU_QUEUE.push([file]);
  const since = performance.now();
  try {
    await import(new URL(file, root).href);
  } catch (error) {
    console.error(`${file}:`, error);
    count.failed++;
    return;
  }
  const [, ...suites] = uvu.UVU_QUEUE[index] as Group;
  if (suites.length === 0) {
    console.error(`${file}: no suite was run (missing .run()?)`);
    count.failed++;
  }
  for (const suite of suites) await runSuite(suite);
  console.log(`${file}${duration(since)}`);
}

process.on("unhandledRejection", giveUp);
process.on("uncaughtException", giveUp);
for (const [index, file] of files.entries()) await runFile(file, index);
await new Promise((resolve) => setTimeout(resolve, 50)); // lets late rejections surface
finish();
