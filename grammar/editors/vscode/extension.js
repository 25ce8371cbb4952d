// Starts `kili-query lsp` and connects the editor to it. All that is said about queries comes from there.
"use strict";

const path = require("node:path");
const vscode = require("vscode");
const { LanguageClient } = require("vscode-languageclient/node");

const SELECTOR = [
  { language: "kili-query" },
  { scheme: "file", language: "python" },
  { scheme: "untitled", language: "python" },
  { scheme: "vscode-notebook-cell", language: "python" },
];

let client;

/** How the server is started: the program, its arguments, the folder it runs in. */
function executable() {
  const settings = vscode.workspace.getConfiguration("kiliQuery");
  const cwd = vscode.workspace.workspaceFolders?.[0]?.uri.fsPath;
  const [program, ...first] = settings.get("command");
  const ontology = settings.get("ontology");
  return {
    // a bare name is looked for on the PATH, a path counts from the workspace
    command: cwd && /[\\/]/.test(program) ? path.resolve(cwd, program) : program,
    args: [...first, "lsp", ...(ontology ? ["--ontology", ontology] : [])],
    options: { cwd },
  };
}

/** A client that leaves it to `start` to tell of a server that does not start. */
class Client extends LanguageClient {
  error(message, data, show) {
    super.error(message, data, this.isRunning() ? show : false);
  }
}

async function start() {
  const server = executable();
  client = new Client("kiliQuery", "Kili query", server, { documentSelector: SELECTOR });
  try {
    await client.start();
  } catch (error) {
    const choice = await vscode.window.showErrorMessage(
      `\`${server.command}\` cannot be started as a language server (${error.message}). ` +
        'It comes with: pip install "kili_query[editor]". The setting kiliQuery.command says where it is.',
      "Open settings",
    );
    if (choice) await vscode.commands.executeCommand("workbench.action.openSettings", "kiliQuery.command");
  }
}

async function stop() {
  const running = client;
  client = undefined;
  if (running?.isRunning()) await running.dispose(); // one that has not started cannot be stopped
}

// one restart after the other, however fast they are asked for
let last = Promise.resolve();
function restart() {
  last = last.then(stop).then(start);
  return last;
}

function activate(context) {
  context.subscriptions.push(
    vscode.commands.registerCommand("kiliQuery.restart", restart),
    vscode.workspace.onDidChangeConfiguration((change) => {
      if (change.affectsConfiguration("kiliQuery")) restart();
    }),
  );
  last = start();
  return last;
}

function deactivate() {
  return last.then(stop);
}

module.exports = { activate, deactivate };
