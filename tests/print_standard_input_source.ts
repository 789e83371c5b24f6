/** Reads standard input as a capture source, and prints what came. */
import { FileSource } from "../src/capture/file_source.ts";

const source = new FileSource("-");
try {
  await source.open();
  let bytes = 0;
  for (let block; (block = await source.next()) !== null;) bytes += block.length;
  console.log(`${bytes} bytes, ${source.takeNotices().join("; ") || "no notices"}`);
} catch (error) {
  console.log(String(error));
}
source.close();
