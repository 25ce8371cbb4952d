// Drives a real VS Code, its server and its web page in headless Chromium: node real.mjs TOOLS VSIX [PICTURE]
// Prints as JSON what it shows of two files with a misspelt category. With PICTURE, a screenshot is made there instead.
//
// TOOLS is a folder for: npm install --ignore-scripts code-server@4.100.3 playwright-core
// then, in node_modules/code-server/lib/vscode: npm install --ignore-scripts --omit=dev
//   and npm rebuild @vscode/spdlog native-watchdog node-pty
// CHROMIUM names the browser, if it is not /usr/bin/chromium. `kili-query` is taken from PATH.
import { spawn, spawnSync } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";

const FILES = {
  "pyproject.toml": '[tool.kili-query]\nexport = "coco.zip"\n',
  "query.kq": "# many cars\nOBJECT_DETECTION_JOB.carr.count > 2\n",
  "script.py": `from kili_query import Kili

kili = Kili()
project = "clx12345"
crowded = kili.assets(
    project,
    label_category_search="OBJECT_DETECTION_JOB.carr.count > 2",
)
empty = kili.assets(project, label_category_search="OBJECT_DETECTION_JOB.person.count == 0")
`,
};

const [tools, vsix, picture] = process.argv.slice(2).map((name) => path.resolve(name));
const { chromium } = createRequire(path.join(tools, "package.json"))("playwright-core");

const command = spawnSync("sh", ["-c", "command -v kili-query"], { encoding: "utf8" }).stdout.trim();
if (!command) throw new Error("`kili-query` is not on the PATH");
const home = mkdtempSync(path.join(tmpdir(), "vscode-"));
const [data, folder] = [path.join(home, "data"), path.join(home, "work")];
mkdirSync(folder);
for (const [name, content] of Object.entries(FILES)) writeFileSync(path.join(folder, name), content);
const sample = fileURLToPath(new URL("../../../tests/data/", import.meta.url));
copyFileSync(`${sample}coco.zip`, path.join(folder, "coco.zip"));
copyFileSync(`${sample}coco.interface.json`, path.join(folder, "kili-ontology.json"));

const settings = {
  "breadcrumbs.enabled": false,
  "editor.fontFamily": "DejaVu Sans Mono",
  "editor.minimap.enabled": false,
  "editor.scrollbar.vertical": "hidden",
  "editor.scrollbar.horizontal": "hidden",
  "files.autoSave": "off",
  "kiliQuery.command": [command],
  "security.workspace.trust.enabled": false,
  "window.commandCenter": false,
  "window.menuBarVisibility": "hidden",
  "workbench.activityBar.location": "hidden",
  "workbench.colorTheme": "Default Dark Modern",
  "workbench.editor.editorActionsLocation": "hidden",
  "workbench.layoutControl.enabled": false,
  "workbench.startupEditor": "none",
};
mkdirSync(path.join(data, "data", "User"), { recursive: true });
writeFileSync(path.join(data, "data", "User", "settings.json"), JSON.stringify(settings));

const main = path.join(tools, "node_modules", "code-server", "lib", "vscode", "out", "server-main.js");
const common = [main, "--server-data-dir", data, "--accept-server-license-terms", "--telemetry-level", "off"];
const install = spawnSync("node", [...common, "--install-extension", vsix], { encoding: "utf8" });
if (install.status) throw new Error(install.stderr);
const server = spawn("node", [...common, "--host", "127.0.0.1", "--port", "0", "--without-connection-token"]);

/** The port that the server says it has taken. */
const port = await new Promise((resolve, reject) => {
  let said = "";
  server.on("exit", () => reject(new Error(said)));
  for (const stream of [server.stdout, server.stderr]) {
    stream.on("data", (text) => {
      said += text;
      const found = said.match(/agent listening on (\d+)/);
      if (found) resolve(found[1]);
    });
  }
});
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync"], // prettier-ignore
});

/** A page of VS Code that shows a file with a mistake in it. */
async function opened(name) {
  const page = await browser.newPage({ viewport: { width: 940, height: 500 }, deviceScaleFactor: 1.5 });
  const at = `localhost:${port}`;
  const payload = JSON.stringify([["openFile", `vscode-remote://${at}${path.join(folder, name)}`]]);
  await page.goto(`http://${at}/?folder=${encodeURIComponent(folder)}&payload=${encodeURIComponent(payload)}`);
  await page.locator(".squiggly-error").first().waitFor({ timeout: 60_000 });
  return page;
}

/** The words of the lines, each with its colour, white space left out. */
const coloured = (page) =>
  page.locator(".view-line").evaluateAll((lines) =>
    lines.flatMap((line) =>
      [...line.querySelectorAll("span > span")]
        .filter((span) => span.textContent.trim())
        .map((span) => [span.textContent.trim(), getComputedStyle(span).color]),
    ),
  );
const text = (page) => page.locator(".view-lines").first().innerText().then((all) => all.replaceAll("\u00a0", " ")); // prettier-ignore
const rows = (page) => page.locator(".suggest-widget.visible .monaco-list-row .label-name").allInnerTexts();

async function suggested(page, typed) {
  await page.keyboard.type(typed, { delay: 60 });
  await page.locator(".suggest-widget.visible .monaco-list-row").first().waitFor();
  await page.waitForTimeout(1000); // the list is asked for anew with each letter
  return rows(page);
}

/** What VS Code shows of a file with a mistake, and the file after the first fix that is offered. */
async function seen(page) {
  const shown = { colours: await coloured(page) };
  const mistake = await page.locator(".squiggly-error").first().boundingBox();
  const middle = [mistake.x + mistake.width / 2, mistake.y + mistake.height / 2];
  shown.underlined = await page.evaluate(([x, y]) => {
    const under = document.elementsFromPoint(x, y).find((one) => /^mtk/.test(one.className));
    return under?.textContent;
  }, middle);
  await page.mouse.move(...middle, { steps: 4 });
  await page.locator(".monaco-hover:visible", { hasText: "KQ" }).first().waitFor();
  shown.hover = (await page.locator(".monaco-hover:visible").allInnerTexts()).join("\n");
  await page.mouse.click(...middle);
  await page.keyboard.press("Control+Period");
  await page.locator(".action-widget .monaco-list-row.action").first().waitFor();
  shown.fixes = await page.locator(".action-widget .monaco-list-row.action").allInnerTexts();
  await page.keyboard.press("Enter");
  await page.locator(".squiggly-error").first().waitFor({ state: "detached" });
  shown.fixed = await text(page);
  return shown;
}

async function portrait() {
  const page = await opened("script.py");
  await page.keyboard.press("Control+b"); // no side bar
  await page.keyboard.press("Control+End");
  await suggested(page, 'kili.labels(project, category_search="SEGMENTATION_JOB.');
  await page.locator(".codelens-decoration").first().waitFor();
  await page.screenshot({ path: picture });
}

async function report() {
  const query = await opened("query.kq");
  const told = { query: { language: await query.locator("#status\\.editor\\.mode").innerText(), ...(await seen(query)) } };
  const page = await opened("script.py");
  told.python = await seen(page);
  await page.keyboard.press("Control+End");
  told.jobs = await suggested(page, 'kili.labels(project, category_search="');
  told.categories = await suggested(page, "OBJECT_DETECTION_JOB.tru");
  await page.keyboard.press("Tab");
  told.completed = await text(page);
  console.log(JSON.stringify(told, null, 2));
}

try {
  await (picture ? portrait() : report());
} finally {
  await browser.close();
  server.kill();
  await new Promise((resolve) => server.once("close", resolve));
  rmSync(home, { recursive: true, force: true });
}
