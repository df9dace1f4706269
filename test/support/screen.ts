/**
 * Just enough of a terminal's screen to know what a person sees: text that wraps, and the handful
 * of sequences that the line editor writes.
 *
 * @module
 */

const pieces = new RegExp(`${"\u001b"}\\[([0-9;?]*)([A-Za-z])|.`, "gsu");

/** A screen that never scrolls. */
export class Screen {
  readonly #columns: number;
  readonly #cells: string[][] = [[]];
  #row = 0;
  #column = 0;
  /** Everything that was ever written to it. */
  everything: string = "";

  constructor(columns: number) {
    this.#columns = columns;
  }

  /** What is to be seen, a text a row. */
  get rows(): readonly string[] {
    return this.#cells.map((cells) => cells.map((cell) => cell ?? " ").join(""));
  }

  write(text: string): void {
    this.everything += text;
    for (const [piece, parameter = "", letter] of text.matchAll(pieces)) {
      if (letter !== undefined) this.#control(letter, Number.parseInt(parameter, 10));
      else if (piece === "\r") this.#column = 0;
      else if (piece === "\n") this.#moveTo(this.#row + 1, 0);
      else this.#put(piece);
    }
  }

  #put(character: string): void {
    if (this.#column === this.#columns) this.#moveTo(this.#row + 1, 0);
    const cells = this.#cells[this.#row] as string[];
    cells[this.#column] = character;
    this.#column++;
  }

  #moveTo(row: number, column: number): void {
    this.#row = Math.max(0, row);
    this.#column = Math.min(Math.max(0, column), this.#columns - 1);
    while (this.#cells.length <= this.#row) this.#cells.push([]);
  }

  #control(letter: string, count: number): void {
    const many = Number.isNaN(count) ? 1 : count;
    if (letter === "A") this.#moveTo(this.#row - many, this.#column);
    if (letter === "B") this.#moveTo(this.#row + many, this.#column);
    if (letter === "C") this.#moveTo(this.#row, this.#column + many);
    if (letter === "D") this.#moveTo(this.#row, this.#column - many);
    if (letter === "G") this.#moveTo(this.#row, many - 1);
    if (letter === "J") this.#cells.length = this.#row + 1;
    if (letter === "J" || letter === "K")
      (this.#cells[this.#row] as string[]).length = this.#column;
  }
}
