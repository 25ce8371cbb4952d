// Starts `kili-query lsp` and connects the editor to it. All that is said about queries comes from there.
"use strict";

const { existsSync } = require("node:fs");
const path = require("node:path");
const vscode = require("vscode");
const { LanguageClient } = require("vscode-languageclient/node");

const SELECTOR = [
  { language: "kili-query" },
  { scheme: "file", language: "python" },
  { scheme: "untitled", language: "python" },
  { scheme: "vscode-notebook-cell", language: "python" },
];

const [SCRIPTS, SUFFIX] = process.platform === "win32" ? ["Scripts", ".exe"] : ["bin", ""];

let client;
let started; // the program that runs, or was tried

/** What the Python extension tells of environments, if it is there. */
async function pythonEnvironments() {
  return (await vscode.extensions.getExtension("ms-python.python")?.activate())?.environments;
}

/** Folders where the workspace's own Python keeps its programs; none while the workspace is not trusted. */
async function scripts(folder) {
  if (!vscode.workspace.isTrusted) return [];
  const found = [];
  try {
    const environments = await pythonEnvironments();
    const chosen = await environments?.resolveEnvironment(environments.getActiveEnvironmentPath(folder?.uri));
    const python = chosen?.executable.uri;
    if (python) found.push(path.dirname(python.fsPath), path.join(path.dirname(python.fsPath), SCRIPTS));
  } catch (error) {
    console.warn("kili-query: the Python extension does not tell its environment:", error);
  }
  if (folder) found.push(path.join(folder.uri.fsPath, ".venv", SCRIPTS));
  return found;
}

/** How the server is started: the program, its arguments, the folder it runs in. */
async function executable() {
  const folder = vscode.workspace.workspaceFolders?.[0];
  const settings = vscode.workspace.getConfiguration("kiliQuery", folder?.uri);
  const cwd = folder?.uri.fsPath;
  const [program, ...first] = settings.get("command");
  const ontology = settings.get("ontology");
  const isPath = /[\\/]/.test(program);
  const places = isPath ? [] : (await scripts(folder)).map((place) => path.join(place, program + SUFFIX));
  return {
    // a path counts from the workspace; a bare name is looked for in its Python environment, then on the PATH
    command: isPath && cwd ? path.resolve(cwd, program) : (places.find((place) => existsSync(place)) ?? program),
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
  const server = await executable();
  started = server.command;
  client = new Client("kiliQuery", "Kili query", server, { documentSelector: SELECTOR });
  try {
    await client.start();
  } catch (error) {
    tell(server.command, error?.message ?? error); // not awaited: a message stays until it is closed
  }
}

async function tell(program, reason) {
  const choice = await vscode.window.showErrorMessage(
    `\`${program}\` cannot be started as a language server (${reason}). ` +
      'It comes with: pip install "kili_query[editor]". The setting kiliQuery.command says where it is.' +
      (vscode.workspace.isTrusted ? "" : " The environment of a workspace that is not trusted is left alone."),
    "Try again",
    "Open settings",
  );
  if (choice === "Try again") await restart();
  if (choice === "Open settings") {
    await vscode.commands.executeCommand("workbench.action.openSettings", "kiliQuery.command");
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

/** Starts another server if its place has changed, as when another Python environment is chosen. */
async function moved() {
  if ((await executable()).command !== started) await restart();
}

async function follow(context) {
  const environments = await pythonEnvironments();
  if (environments) context.subscriptions.push(environments.onDidChangeActiveEnvironmentPath(moved));
}

function activate(context) {
  context.subscriptions.push(
    vscode.commands.registerCommand("kiliQuery.restart", restart),
    vscode.workspace.onDidChangeConfiguration((change) => {
      if (change.affectsConfiguration("kiliQuery")) restart();
    }),
    vscode.workspace.onDidGrantWorkspaceTrust(() => {
      follow(context).catch(() => {});
      moved();
    }),
  );
  if (vscode.workspace.isTrusted) follow(context).catch(() => {}); // `scripts` tells of a Python extension that fails
  last = start();
  return last;
}

function deactivate() {
  return last.then(stop);
}

module.exports = { activate, deactivate };
