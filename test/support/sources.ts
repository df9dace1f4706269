/**
 * The sources of the project as text, for the tests that watch over their form. There is no parser
 * here: the formatter makes the indentation something one can rely on.
 *
 * @module
 */

import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { packageFolder } from "./process.ts";

/** One source file. */
export interface Source {
  /** From the package's folder on, with slashes. */
  readonly path: string;
  readonly text: string;
  readonly lines: readonly string[];
}

/** A function and how long it is. */
export interface FunctionLength {
  readonly line: number;
  readonly length: number;
}

/** The TypeScript files of some folders of the package. */
export function sourcesOf(...folders: string[]): readonly Source[] {
  return folders.flatMap((folder) =>
    (readdirSync(join(packageFolder, folder), { recursive: true }) as string[])
      .map((file) => `${folder}/${file.replaceAll("\\", "/")}`)
      .filter((path) => path.endsWith(".ts") && !path.includes("node_modules"))
      .sort()
      .map(readSource),
  );
}

function readSource(path: string): Source {
  const text = readFileSync(join(packageFolder, path), "utf8");
  return { path, text, lines: text.replace(/\n$/, "").split("\n") };
}

/** What a file imports or re-exports, as written. */
export function importsOf({ text }: Source): readonly string[] {
  const code = text.replace(/\/\*[\s\S]*?\*\//g, "").replace(/^\s*\/\/.*$/gm, "");
  const found = code.matchAll(
    /^\s*(?:import|export)\b[^;"]*?\bfrom\s+"([^"]+)"|^\s*import\s+"([^"]+)"|\bimport\(\s*"([^"]+)"/gm,
  );
  return [...found].map(([, named, bare, late]) => (named ?? bare ?? late) as string);
}

/** The names that a file of `export` lines exports. */
export function exportedNames({ text }: Source): readonly string[] {
  const code = text.replace(/\/\*[\s\S]*?\*\//g, "");
  return [...code.matchAll(/export\s+(?:type\s+)?\{([^}]*)\}/g)]
    .flatMap(([, list]) => (list ?? "").split(","))
    .map((name) =>
      name
        .trim()
        .replace(/^type\s+/, "")
        .replace(/^\S+\s+as\s+/, ""),
    )
    .filter((name) => name !== "")
    .sort();
}

const comment = /\/\*[\s\S]*?\*\/|\/\/[^\n]*/;
const literals: readonly RegExp[] = [
  /"(?:\\.|[^"\\\n])*"/,
  /'(?:\\.|[^'\\\n])*'/,
  /`(?:\\.|[^`\\])*`/,
  // A slash begins a regular expression where a value may stand, and no comment.
  /(?<=[=(,:[!&|?{};\n]\s*|return )\/(?![*/])(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\n[])+\/[a-z]*/,
];

/**
 * The code without comments, and with the contents of texts and regular expressions blanked; lines
 * stay where they are.
 */
export function bareCode({ text }: Source): string {
  const blank = (piece: string) => piece.replace(/[^\n]/g, " ");
  const pieces = new RegExp([...literals, comment].map(({ source }) => source).join("|"), "g");
  // Of a template only what is between its braces is code.
  return text.replace(pieces, (piece) =>
    piece.startsWith("`")
      ? piece.replace(/(^|\})[\s\S]*?(\$\{|$)/g, (fixed) => blank(fixed))
      : blank(piece),
  );
}

/** The functions of a file: what begins with `) {` or `=> {` and ends at the same indentation. */
export function functionsOf(source: Source): readonly FunctionLength[] {
  const lines = bareCode(source).split("\n");
  const found: FunctionLength[] = [];
  for (const [index, line] of lines.entries()) {
    if (!/(\)|=>|\)\s*:.*)\s*\{$/.test(line)) continue;
    if (/^\s*(\} )?(if|for|while|switch|else|do|try|catch|return switch)\b/.test(line)) continue;
    const indentation = /^\s*/.exec(line)?.[0] ?? "";
    const end = lines.findIndex((each, i) => i > index && each.startsWith(`${indentation}}`));
    if (end !== -1) found.push({ line: index + 1, length: end - index + 1 });
  }
  return found;
}

/** Exported declarations without a doc comment right above them, by line. */
export function undocumentedExports({ lines }: Source): readonly number[] {
  const missing: number[] = [];
  for (const [index, line] of lines.entries()) {
    if (
      !/^export (async |abstract |declare )?(function|class|const|interface|type \w)/.test(line)
    ) {
      continue;
    }
    if (!/\*\/$/.test(lines[index - 1] ?? "")) missing.push(index + 1);
  }
  return missing;
}

/** The files under version control; `undefined` where there is none. */
export function trackedFiles(): readonly string[] | undefined {
  try {
    const options = { cwd: packageFolder, encoding: "utf8", stdio: "pipe" } as const;
    return execFileSync("git", ["ls-files", "-z"], options).split("\0").filter(Boolean);
  } catch {
    return undefined;
  }
}
