/**
 * What a person types: commands begin with `#` (or `/`), everything else is text. The words are
 * those of the client everybody knows; an abbreviation or an unknown command is never sent as text.
 *
 * @module
 */

import type { Identity, RoomId } from "../base/ids.ts";
import type { ClientRequest } from "../wire/client-messages.ts";

/** What a typed line means; `nothing` for an empty one. */
export type Command =
  | { readonly kind: "request"; readonly request: ClientRequest }
  | { readonly kind: "help" | "invalid" | "nothing" };

const withoutArgument: ReadonlyMap<string, Command> = new Map<string, Command>([
  ["list", { kind: "request", request: { type: "list" } }],
  ["who", { kind: "request", request: { type: "who" } }],
  ["servers", { kind: "request", request: { type: "servers" } }],
  ["quit", { kind: "request", request: { type: "quit" } }],
  ["help", { kind: "help" }],
]);

const withRoom: ReadonlyMap<string, "join" | "createroom" | "deleteroom"> = new Map<
  string,
  "join" | "createroom" | "deleteroom"
>([
  ["join", "join"],
  ["joinroom", "join"],
  ["createroom", "createroom"],
  ["deleteroom", "deleteroom"],
]);

/** What `#help` prints, a line each. */
export const helpLines: readonly string[] = [
  "#list              all rooms of all servers",
  "#who               who is in this room (* owns it)",
  "#join ROOM         go there, also to another server (#joinroom is the same)",
  "#createroom ROOM   make a room of your own and go there",
  "#deleteroom ROOM   delete your room; everybody in it moves to the main hall",
  "#servers           the servers and how they are",
  "#quit              leave",
  "Everything else is a message. / works like #. To begin a message with # or /, double it.",
];

/**
 * Reads a line that was typed.
 *
 * @example
 * ```ts
 * readCommand("#join jokes"); // kind "request": { type: "join", roomid: "jokes" }
 * readCommand("hello");       // kind "request": { type: "message", content: "hello" }
 * readCommand("##1 fan");     // kind "request": { type: "message", content: "#1 fan" }
 * readCommand("#listen");     // kind "invalid"
 * ```
 */
export function readCommand(line: string): Command {
  if (line.trim() === "") return { kind: "nothing" };
  if (!isMarked(line)) return message(line);
  if (line[1] === line[0]) return message(line.slice(1));
  const [word = "", ...rest] = line.slice(1).trimEnd().split(/\s+/);
  if (rest.length === 0) return withoutArgument.get(word) ?? { kind: "invalid" };
  const type = withRoom.get(word);
  const roomid = rest[0];
  if (type === undefined || roomid === undefined || rest.length > 1) return { kind: "invalid" };
  return { kind: "request", request: { type, roomid } };
}

function isMarked(line: string): boolean {
  return line.startsWith("#") || line.startsWith("/");
}

function message(content: string): Command {
  return { kind: "request", request: { type: "message", content } };
}

/** Names that were seen and can be completed; the latest last, never more than a few hundred. */
export interface KnownNames {
  readonly rooms: readonly RoomId[];
  readonly identities: readonly Identity[];
}

/** Nothing seen yet. */
export const noKnownNames: KnownNames = { rooms: [], identities: [] };

const namesMax = 500;

/** The list with the names added that it lacks; the oldest go when it gets too long. */
export function remember<Name>(known: readonly Name[], names: readonly Name[]): readonly Name[] {
  const fresh = names.slice(-namesMax).filter((name) => !known.includes(name));
  return fresh.length === 0 ? known : [...known, ...fresh].slice(-namesMax);
}

/** What a half-typed line may become: full words that replace its last, begun word. */
export interface Completion {
  readonly begun: string;
  readonly candidates: readonly string[];
}

/**
 * Completes a half-typed line: commands, rooms after a command that takes one, else identities.
 *
 * @example
 * ```ts
 * complete("#jo", names);        // { begun: "#jo", candidates: ["#join ", "#joinroom "] }
 * complete("#join jo", names);   // { begun: "jo", candidates: ["jokes"] }
 * ```
 */
export function complete(line: string, names: KnownNames): Completion {
  const begun = /\S*$/.exec(line)?.[0] ?? "";
  const before = line.slice(0, line.length - begun.length);
  const startingWithBegun = (words: readonly string[]) => ({
    begun,
    candidates: words.filter((word) => word.startsWith(begun)).sort(),
  });
  if (before === "" && isMarked(begun)) {
    const mark = begun[0];
    const plain = [...withoutArgument.keys()].map((word) => `${mark}${word}`);
    const roomy = [...withRoom.keys()].map((word) => `${mark}${word} `);
    return startingWithBegun([...plain, ...roomy]);
  }
  const command = /^[#/](\w+)\s+$/.exec(before)?.[1];
  if (isMarked(before)) {
    return startingWithBegun(command !== undefined && withRoom.has(command) ? names.rooms : []);
  }
  if (begun === "") return { begun, candidates: [] };
  return startingWithBegun(
    names.identities.map((identity) => (before === "" ? `${identity}: ` : identity)),
  );
}
