/** Width where nothing is known of the terminal, characters. */
const USUAL_COLUMNS = 80;

/** Characters per line of the terminal that this process has; 80 when it does not tell. */
export function terminalColumns(): number {
  try {
    const { columns } = Deno.consoleSize();
    return columns > 0 ? columns : USUAL_COLUMNS;
  } catch {
    return USUAL_COLUMNS;
  }
}
