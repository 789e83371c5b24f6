/** The statuses of a hunter as words, at the numbers that the wire contract has for them (`HunterStatus`). */
export const hunterStatusNames = ["healthy", "warning", "error", "stopping"] as const;

/** A status of a hunter as a word. */
export type HunterStatusName = typeof hunterStatusNames[number];
