/**
 * What a disk buffer holds, read without the program's own reader: segments of a header of 64 bytes and records of a
 * header of 64 bytes, whose body length is at 12 (`src/delivery/spool/record.ts`), and a body.
 */
import { numbersIn } from "./numbered_frames.ts";

const headerBytes = 64;
const bodyLengthAt = 12;

/** The numbers of all packets that stand in whole records. What is torn at the end never counted as kept. */
export function numbersInSpool(folder: string): Set<number> {
  const numbers = new Set<number>();
  for (const { name } of Deno.readDirSync(folder)) {
    if (!name.endsWith(".segment")) continue;
    const bytes = Deno.readFileSync(`${folder}/${name}`);
    const view = new DataView(bytes.buffer);
    for (let at = headerBytes; at + headerBytes <= bytes.length;) {
      const begin = at + headerBytes;
      at = begin + view.getUint32(at + bodyLengthAt, true);
      if (at > bytes.length) break;
      for (const number of numbersIn(bytes.subarray(begin, at))) numbers.add(number);
    }
  }
  return numbers;
}
