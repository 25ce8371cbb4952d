// The engine that colours in VS Code, as a server of lines. First line: JSON with `grammars` (files) and `injections`
// (scope to the scopes put into it). Then for each line [scope, text] its runs [from, to, scopes], in UTF-16 units.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { createInterface } from "node:readline";

const require = createRequire(`${process.cwd()}/`);
const { Registry, INITIAL, parseRawGrammar } = require("vscode-textmate");
const oniguruma = require("vscode-oniguruma");

const engine = ({ grammars, injections }) => {
  const known = new Map();
  for (const file of grammars) {
    const grammar = parseRawGrammar(readFileSync(file, "utf8"), file);
    known.set(grammar.scopeName, grammar);
  }
  const wasm = readFileSync(require.resolve("vscode-oniguruma/release/onig.wasm"));
  const onigLib = oniguruma.loadWASM(wasm.buffer).then(() => ({
    createOnigScanner: (patterns) => new oniguruma.OnigScanner(patterns),
    createOnigString: (text) => new oniguruma.OnigString(text),
  }));
  const loadGrammar = async (scope) => known.get(scope) ?? null;
  return new Registry({ onigLib, loadGrammar, getInjections: (scope) => injections[scope] });
};

const runs = (grammar, text) => {
  const found = [];
  let [state, offset] = [INITIAL, 0];
  for (const line of text.split("\n")) {
    const { tokens, ruleStack } = grammar.tokenizeLine(line, state, 0);
    for (const { startIndex, endIndex, scopes } of tokens) {
      const end = Math.min(endIndex, line.length);
      if (end > startIndex) found.push([offset + startIndex, offset + end, scopes]);
    }
    [state, offset] = [ruleStack, offset + line.length + 1];
  }
  return found;
};

let registry;
for await (const line of createInterface({ input: process.stdin })) {
  const message = JSON.parse(line);
  if (!registry) registry = engine(message);
  else console.log(JSON.stringify(runs(await registry.loadGrammar(message[0]), message[1])));
}
