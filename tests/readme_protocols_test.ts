/**
 * The README's list of protocols is that of the engine's sources.
 *
 * @module
 */
import assert from "node:assert/strict";

const root = new URL("../", import.meta.url);

function text(path: string): string {
  return Deno.readTextFileSync(new URL(path, root));
}

/** Names by the place of their signature (`http2::GRPC`). Families name theirs in a call: `by_identifier::<1>("IUA"`. */
function signatureNames(): Map<string, string> {
  const names = new Map<string, string>();
  for (const { name: file } of Deno.readDirSync(new URL("wasm/src/detect/", root))) {
    if (!file.endsWith(".rs")) continue;
    const found = text(`wasm/src/detect/${file}`).matchAll(
      /^pub static (\w+): Signature\s*=\s*(?:Signature \{\s*name: |[\w:<>]+\()"([^"]+)"/gm,
    );
    for (const [, place = "", name = ""] of found) names.set(`${file.slice(0, -3)}::${place}`, name);
  }
  return names;
}

Deno.test("README: the protocols are those of the registry", () => {
  const names = signatureNames();
  const registered = [...text("wasm/src/detect/registry.rs").matchAll(/^ +&(\w+::\w+),$/gm)]
    .map(([, place = ""]) => names.get(place) ?? assert.fail(`${place} has no name`));
  assert.ok(registered.length > 0);
  const [, list] = text("README.md").match(/<!-- protocols: begin -->(.*)<!-- protocols: end -->/s) ?? [];
  assert.ok(list !== undefined, "the README has no such list");
  const told = [...list.matchAll(/^- [^:]+:([^]*?)(?=^- |\s*$(?![^]))/gm)]
    .flatMap(([, group = ""]) => group.trim().split(/,\s+/));
  assert.deepEqual(told.toSorted(), registered.toSorted());
});
