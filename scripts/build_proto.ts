/**
 * Writes what the program needs of `proto/`: the descriptor `proto/contract.json` and the TypeScript types of the
 * messages. Run by `deno task build:proto`; a test checks that the files are current.
 *
 * @module
 */
import "../src/runtime/environment.ts";
import protobuf from "protobufjs";

const packages = [
  { proto: "proto/data.proto", types: "src/proto/data_messages.ts", namespace: "lippycat.data" },
  {
    proto: "proto/management.proto",
    types: "src/proto/management_messages.ts",
    namespace: "lippycat.management",
  },
] as const;

const scalars: Readonly<Record<string, string>> = {
  bool: "boolean",
  bytes: "Uint8Array",
  double: "number",
  float: "number",
  int32: "number",
  int64: "bigint",
  string: "string",
  uint32: "number",
  uint64: "bigint",
};

/** The generated files: path from the repository's root, and text. */
export function generate(): Map<string, string> {
  const root = new protobuf.Root();
  for (const { proto } of packages) {
    const source = Deno.readTextFileSync(new URL(`../${proto}`, import.meta.url));
    protobuf.parse(source, root, { keepCase: true, alternateCommentMode: true });
  }
  root.resolveAll();
  const files = new Map<string, string>();
  for (const { proto, types, namespace } of packages) {
    files.set(types, typesOf(root.lookup(namespace) as protobuf.Namespace, proto));
  }
  files.set("proto/contract.json", JSON.stringify(root.toJSON(), null, 2) + "\n");
  return files;
}

function typesOf(namespace: protobuf.Namespace, proto: string): string {
  const head =
    `/**\n * The messages of \`${proto}\`, generated from it by \`deno task build:proto\`. Field names are those of ` +
    `the wire\n * contract; 64-bit integers are bigints; a message field that is not set is null; enum numbers that ` +
    `are not known\n * here arrive as they are.\n *\n * @module\n */\n`;
  const parts = namespace.nestedArray.flatMap((item) =>
    item instanceof protobuf.Type
      ? [messageType(item)]
      : item instanceof protobuf.Enum
      ? [enumType(item)]
      : []
  );
  return [head, ...parts].join("\n");
}

function messageType(message: protobuf.Type): string {
  if (message.fieldsArray.length === 0) {
    return `${comment(message, "")}export type ${message.name} = Readonly<Record<never, never>>;\n`;
  }
  let inherited = "";
  const fields = message.fieldsArray.map((field) => {
    inherited = field.comment ?? inherited;
    const optional = field.partOf === null ? "" : "?";
    return `  /** ${inherited} */\n  readonly ${field.name}${optional}: ${fieldType(field)};\n`;
  });
  return `${comment(message, "")}export interface ${message.name} {\n${fields.join("")}}\n`;
}

function fieldType(field: protobuf.Field): string {
  const type = field.resolvedType?.name ?? scalars[field.type];
  if (type === undefined) throw new Error(`${field.fullName}: no TypeScript type for ${field.type}`);
  if (field.map) return `Readonly<Record<string, ${type}>>`;
  if (field.repeated) return `readonly ${type}[]`;
  return field.resolvedType instanceof protobuf.Type && field.partOf === null ? `${type} | null` : type;
}

function enumType(item: protobuf.Enum): string {
  const values = Object.entries(item.values).map(([name, number]) =>
    `  /** ${item.comments[name]} */\n  ${name}: ${number},\n`
  );
  return `${comment(item, "")}export const ${item.name} = {\n${values.join("")}} as const;\n\n` +
    `/** A number of {@link ${item.name}}. */\n` +
    `export type ${item.name} = typeof ${item.name}[keyof typeof ${item.name}];\n`;
}

function comment(item: protobuf.ReflectionObject, indent: string): string {
  return `${indent}/** ${item.comment} */\n`;
}

if (import.meta.main) {
  for (const [path, text] of generate()) {
    Deno.writeTextFileSync(new URL(`../${path}`, import.meta.url), text);
  }
}
