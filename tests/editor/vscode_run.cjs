// Runs the packaged extension under node: its own code and client, the real server; only the editor is a stand-in, which
// knows an open document and notes what it is told. Arguments: the extension's folder, a file to open, its language, the
// settings as JSON. Prints as JSON what the editor was told: diagnostics of the file, and messages.
"use strict";
const { readFileSync } = require("node:fs");
const Module = require("node:module");
const path = require("node:path");
const { pathToFileURL, fileURLToPath } = require("node:url");

const [folder, file, languageId, settings] = process.argv.slice(2);
const manifest = require(path.join(folder, "package.json"));
const told = { diagnostics: null, messages: [], commands: [] };

class Disposable {
  constructor(end = () => {}) {
    this.dispose = end;
  }
  static from = (...all) => new Disposable(() => all.forEach((one) => one.dispose()));
}
class EventEmitter {
  listeners = new Set();
  event = (listener, self) => {
    const bound = listener.bind(self);
    this.listeners.add(bound);
    return new Disposable(() => this.listeners.delete(bound));
  };
  fire(value) {
    for (const listener of this.listeners) listener(value);
  }
  dispose() {}
}
class Position {
  constructor(line, character) {
    Object.assign(this, { line, character });
  }
}
class Range {
  constructor(a, b, c, d) {
    Object.assign(this, a instanceof Position ? { start: a, end: b } : { start: new Position(a, b), end: new Position(c, d) });
  }
}
class Uri {
  constructor(text) {
    this.text = text;
    this.scheme = new URL(text).protocol.slice(0, -1);
    this.fsPath = this.scheme === "file" ? fileURLToPath(text) : text;
    this.path = new URL(text).pathname;
  }
  toString() {
    return this.text;
  }
  with() {
    return this;
  }
  static parse = (text) => new Uri(text);
  static file = (name) => new Uri(pathToFileURL(name).href);
}
class Diagnostic {
  constructor(range, message, severity) {
    Object.assign(this, { range, message, severity });
  }
}
class TabInputText {
  constructor(uri) {
    this.uri = uri;
  }
}
class CancellationTokenSource {
  token = { isCancellationRequested: false, onCancellationRequested: new EventEmitter().event };
  cancel() {}
  dispose() {}
}
class CodeActionKind {
  constructor(value) {
    this.value = value;
  }
  append(part) {
    return new CodeActionKind(this.value ? `${this.value}.${part}` : part);
  }
  static Empty = new CodeActionKind("");
}

// what is not named here is a class without behaviour, an event that never comes, or a thing that can be disposed of
const rest = (known) =>
  new Proxy(known, {
    get: (target, name) =>
      name in target || typeof name === "symbol"
        ? target[name]
        : /^on[A-Z]/.test(name)
          ? new EventEmitter().event
          : /^[a-z]/.test(name)
            ? () => rest(new Disposable())
            : (target[name] = class {}),
  });

const uri = Uri.file(file);
const text = readFileSync(file, "utf8");
const document = { uri, languageId, version: 1, getText: () => text, isClosed: false, fileName: file, isDirty: false };
const scoreOf = (filter) =>
  (!filter.language || filter.language === languageId) && (!filter.scheme || filter.scheme === uri.scheme) ? 10 : 0;
const defaults = manifest.contributes.configuration.properties;
const configuration = (section) => ({
  get: (key, fallback) => JSON.parse(settings)[`${section}.${key}`] ?? defaults[`${section}.${key}`]?.default ?? fallback,
  inspect: () => undefined,
});
// the part of the Python extension's public interface that tells which interpreter is chosen
const interpreter = configuration("editor").get("interpreter");
const pythonExtension = interpreter && {
  activate: async () => ({
    environments: {
      getActiveEnvironmentPath: () => ({ id: interpreter, path: interpreter }),
      resolveEnvironment: async ({ path: chosen }) => ({ executable: { uri: Uri.file(chosen) } }),
      onDidChangeActiveEnvironmentPath: new EventEmitter().event,
    },
  }),
};

const editor = rest({
  CancellationTokenSource,
  CodeActionKind,
  Diagnostic,
  Disposable,
  EventEmitter,
  Position,
  Range,
  TabInputText,
  Uri,
  version: "1.91.0",
  env: { appName: "stand-in", language: "en" },
  workspace: rest({
    textDocuments: [document],
    notebookDocuments: [],
    isTrusted: configuration("editor").get("trusted", true),
    workspaceFolders: [{ uri: Uri.file(path.dirname(file)), name: "work", index: 0 }],
    getConfiguration: configuration,
    getWorkspaceFolder: () => undefined,
  }),
  window: rest({
    visibleTextEditors: [],
    tabGroups: rest({ all: [{ tabs: [{ input: new TabInputText(uri) }] }] }),
    showErrorMessage: (message) => (told.messages.push(message), new Promise(() => {})), // nobody closes it
    createOutputChannel: () => rest({ appendLine: (line) => process.stderr.write(`${line}\n`) }),
  }),
  languages: rest({
    match: (selector) => Math.max(0, ...[selector].flat().map(scoreOf)),
    createDiagnosticCollection: () =>
      rest({ set: (_, found) => void (told.diagnostics = found), has: () => false, get: () => undefined }),
    registerHoverProvider: () => (told.commands.push("hover"), new Disposable()),
  }),
  extensions: { getExtension: (id) => (id === "ms-python.python" ? pythonExtension : undefined) },
  commands: rest({ registerCommand: (name) => (told.commands.push(name), new Disposable()) }),
});

const load = Module._load;
Module._load = (name, ...others) => (name === "vscode" ? editor : load(name, ...others));

(async () => {
  const extension = require(path.join(folder, manifest.main));
  await extension.activate({ subscriptions: [] });
  const end = Date.now() + 30_000;
  while (told.diagnostics === null && told.messages.length === 0 && Date.now() < end) {
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  await extension.deactivate();
  console.log(JSON.stringify(told));
  process.exit(0);
})();
