/**
 * One line for each thing worth reporting: JSON for programs, columns for people. Whatever a remote
 * put into it can neither end the line nor steer a terminal, and secrets are masked.
 *
 * @module
 */

import process from "node:process";
import { type ILogObjMeta, Logger } from "tslog";
import { type LineWriter, stderrWriter } from "./log-writer.ts";

/** How a line looks. */
export type LogFormat = "json" | "pretty";
/** What is left out: everything below the level. */
export type LogLevel = "debug" | "info" | "warn" | "error";

/** The formats, for flags and settings. */
export const logFormats: readonly LogFormat[] = ["json", "pretty"];
/** The levels from most to least talkative, for flags and settings. */
export const logLevels: readonly LogLevel[] = ["debug", "info", "warn", "error"];

/** Something to log: `event` names it, the rest are its facts. */
export interface LogEvent {
  readonly event: string;
}

/** Where events go. */
export interface Log {
  /** Writes a line; the level follows from the event's name unless it is said. */
  report(event: LogEvent, level?: LogLevel): void;
  /** Resolves when what was logged has been written. */
  flush(): Promise<void>;
}

/** What a log needs to know. */
export interface LogOptions {
  readonly serverid: string;
  /** Without it: `pretty` on a terminal, `json` elsewhere. */
  readonly format?: LogFormat | undefined;
  readonly level?: LogLevel | undefined;
}

type Facts = Readonly<Record<string, unknown>>;
type LogRecord = Facts & ILogObjMeta;

/** Values under these keys are never written, however deep they lie. */
const secrets = ["password", "ticket", "pass", "secret", "token", "random", "privatekey", "proof"];

/**
 * Makes a log on stderr.
 *
 * @example
 * ```ts
 * const log = createLog({ serverid: "s1", format: "json" });
 * log.report({ event: "ready" });
 * ```
 */
export function createLog(options: LogOptions, writer: LineWriter = stderrWriter()): Log {
  const { serverid, level = "info" } = options;
  const format = options.format ?? (process.stderr.isTTY ? "pretty" : "json");
  const logger = new Logger<Facts>({
    type: "hidden",
    minLevel: level.toUpperCase() as "INFO",
    stack: { capture: "off" }, // a stack on every line costs ten times the line
    mask: { keys: [...secrets], caseInsensitive: true, placeholder: "***" },
  });
  logger.attachTransport({
    format: format === "json" ? formatJson : formatPretty,
    write: (_record, line) => writer.write(`${line}\n`),
  });
  const log = ({ event, ...facts }: LogEvent, eventLevel: LogLevel) => {
    logger[eventLevel]({ event, serverid, ...facts });
  };
  return {
    report: (event, eventLevel = levelOf(event.event)) => {
      const count = writer.takeDropped();
      if (count > 0) log({ event: "log-lines-dropped", count } as LogEvent, "warn");
      log(event, eventLevel);
    },
    flush: () => writer.flush(),
  };
}

/** Troubles are warnings; what any stranger can cause by connecting is not. */
function levelOf(event: string): LogLevel {
  if (/^(client|tls|handshake)-/.test(event)) return "debug";
  if (/-(error|failed|lost|suspect|evicted|dropped)$/.test(event)) return "warn";
  return /^(introduction|reload)-refused$/.test(event) ? "warn" : "info";
}

/** One JSON object: when, how grave, then the event's own facts in their order. */
function formatJson({ _logMeta: meta, ...facts }: LogRecord): string {
  const time = meta?.date.toISOString();
  const level = meta?.logLevelName.toLowerCase();
  return escapeUnprintable(JSON.stringify({ time, level, ...facts }));
}

/** Columns for people: time of day, level, server, event, then `key=value`. */
function formatPretty({ _logMeta: meta, ...facts }: LogRecord): string {
  const { event, serverid, ...rest } = facts as Facts;
  const time = meta?.date.toISOString().slice(11, 23);
  const head = [time, meta?.logLevelName.toLowerCase().padEnd(5), serverid, event];
  const tail = Object.entries(rest).map(([key, value]) => `${key}=${plain(value)}`);
  return escapeUnprintable([...head, ...tail].join(" "));
}

function plain(value: unknown): string {
  const simple = typeof value === "string" && /^[^\s"=]+$/.test(value);
  return simple ? value : (JSON.stringify(value) ?? "");
}

/** Controls, and marks that change the direction of a text: as JSON writes them. */
function escapeUnprintable(line: string): string {
  return line.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (found) =>
    Array.from(
      { length: found.length },
      (_, index) => `\\u${found.charCodeAt(index).toString(16).padStart(4, "0")}`,
    ).join(""),
  );
}
