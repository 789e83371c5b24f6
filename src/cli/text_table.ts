/** A column of a {@link textTable}. */
export interface Column<Row> {
  /** Its heading. */
  readonly name: string;
  /** What a row has there. */
  readonly text: (row: Row) => string;
  /** Numbers stand right, words left. */
  readonly align: "left" | "right";
  /** Columns with higher numbers go first where the table is too wide; one without number stays. */
  readonly dropOrder?: number;
}

const GAP = "  ";
/** The first column is cut no further than this, characters. */
const NARROWEST = 6;

/**
 * Rows as lines of aligned columns below a line of headings. Columns are left out until the table is no wider than
 * `width` characters; where that is not enough, texts of the first column are cut, and at last lines.
 */
export function textTable<Row>(
  columns: readonly Column<Row>[],
  rows: readonly Row[],
  width = Infinity,
): string[] {
  let shown = columns.map((column) => {
    const cells = [column.name, ...rows.map(column.text)];
    return { ...column, cells, room: Math.max(...cells.map((cell) => cell.length)) };
  });
  const excess = () => shown.reduce((sum, { room }) => sum + room + GAP.length, -GAP.length - width);
  const droppable = shown.filter(({ dropOrder = 0 }) => dropOrder > 0);
  droppable.sort((one, other) => (other.dropOrder ?? 0) - (one.dropOrder ?? 0));
  for (const column of droppable) if (excess() > 0) shown = shown.filter((one) => one !== column);
  const [first] = shown;
  if (first !== undefined && excess() > 0) first.room = Math.max(NARROWEST, first.room - excess());
  return Array.from({ length: rows.length + 1 }, (_, row) => {
    const line = shown.map(({ cells, room, align }) => {
      const cell = cut(cells[row] ?? "", room);
      return align === "right" ? cell.padStart(room) : cell.padEnd(room);
    }).join(GAP).trimEnd();
    return cut(line, width);
  });
}

function cut(text: string, length: number): string {
  return text.length <= length ? text : `${text.slice(0, Math.max(0, length - 1))}…`;
}
