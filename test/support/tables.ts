/**
 * The tables of PROTOCOL.md, so that tests can compare them with what the code does.
 *
 * @module
 */

import { readFileSync } from "node:fs";
import type { Test } from "uvu";
import * as assert from "uvu/assert";

/** The whole text of the specification. */
export const text: string = readFileSync(new URL("../../lib/PROTOCOL.md", import.meta.url), "utf8");

/** A table of the specification: its header and rows, back quotes kept. */
export interface Table {
  readonly columns: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** The rules of the specification by their numbers, in order. */
export function rules(): readonly string[] {
  return [...text.matchAll(/^\*\*(\d+\.\d+)\*\*/gm)].map(([, number]) => number as string);
}

/** The first table after a line that begins so. */
export function tableAfter(beginning: string): Table {
  const lines = text.split("\n");
  const start = lines.findIndex((line) => line.startsWith(beginning));
  if (start === -1) throw new Error(`PROTOCOL.md has no line that begins with ${beginning}`);
  const first = lines.findIndex((line, index) => index > start && line.startsWith("|"));
  const end = lines.findIndex((line, index) => index > first && !line.startsWith("|"));
  const [columns, , ...rows] = lines.slice(first, end === -1 ? undefined : end).map(cells);
  return { columns: columns ?? [], rows };
}

/** The words in back quotes of one column, several in a cell each for itself. */
export function words(table: Table, column: number): readonly string[] {
  return table.rows.flatMap((row) => quoted(row[column] ?? ""));
}

/** The words in back quotes. */
export function quoted(cell: string): readonly string[] {
  return [...cell.matchAll(/`([^`]+)`/g)].map(([, word]) => word as string);
}

function cells(line: string): readonly string[] {
  return line
    .split("|")
    .slice(1, -1)
    .map((cell) => cell.trim());
}

/** What a table of states is checked on: how a state is reached, what may happen, what is seen. */
export interface Bench {
  readonly begin: (state: string) => void;
  readonly events: Readonly<Record<string, () => void>>;
  readonly state: () => string;
  /** What the server has said since the last call, in the words of the table. */
  readonly said: () => readonly string[];
}

/** Makes one test of each row of a table of states; a row that no test knows fails. */
export function checkRows(test: Test, section: string, heading: string, bench: () => Bench): void {
  const { rows } = tableAfter(heading);
  assert.ok(rows.length > 5, `${heading} has rows`);
  for (const [state = "", event = "", next = "", says = ""] of rows) {
    test(`${section} ${state}: ${event} → ${next}`, () => {
      const { begin, events, state: present, said } = bench();
      begin(state);
      assert.is(present(), state);
      said();
      const happen = events[event];
      if (happen === undefined) throw new Error(`no test knows the event "${event}"`);
      happen();
      assert.is(present(), next);
      assert.equal([...new Set(said())].sort(), says === "" ? [] : says.split(", ").sort());
    });
  }
}
