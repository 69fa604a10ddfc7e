// Dropped, chosen and pasted pictures: their uploads, and the wait for their answers.

import { ask, element, plural, shortName, upload } from "./server.js";

const AT_ONCE = 4;
const MOST_SHOWN = 500; // rows; the summary counts all
const FIRST_PAUSE = 300; // milliseconds between two looks for answers
const LONGEST_PAUSE = 3000;

export class Uploads {
  /** onResult: called with the document and colours of each picture that has a result. */
  constructor(site, { onResult, onFailure, open }) {
    this.site = site;
    this.onResult = onResult;
    this.onFailure = onFailure;
    this.open = open;
    this.queue = [];
    this.running = 0;
    this.waiting = [];
    this.counts = { total: 0, done: 0, failed: 0 };
    this.list = document.getElementById("uploads");
    this.summary = document.getElementById("upload-summary");
    this.listen();
  }

  listen() {
    const area = document.getElementById("drop");
    for (const [button, input] of [["choose", "files"], ["choose-folder", "folder"]]) {
      const field = document.getElementById(input);
      document.getElementById(button).onclick = () => field.click();
      field.onchange = () => {
        this.add([...field.files].map((file) => [file.webkitRelativePath || file.name, file]));
        field.value = "";
      };
    }
    // The whole page takes drops: a picture that misses the frame must not replace the page
    document.addEventListener("dragover", (event) => {
      event.preventDefault();
      area.classList.add("over");
    });
    document.addEventListener("dragleave", (event) => {
      if (!event.relatedTarget) area.classList.remove("over");
    });
    document.addEventListener("drop", async (event) => {
      event.preventDefault();
      area.classList.remove("over");
      this.add(await droppedFiles(event.dataTransfer));
    });
    document.addEventListener("paste", (event) => {
      const time = new Date().toISOString().replace(/[:.]/g, "-");
      const files = [...event.clipboardData.files];
      this.add(files.map((file) => [`pasted-${time}-${file.name}`, file]));
    });
  }

  add(files) {
    for (const [name, file] of files) {
      const row = this.makeRow(name);
      this.counts.total += 1;
      if (file.size === 0) this.fail(row, "the file is empty");
      else if (file.size > this.site.max_bytes) {
        const most = this.site.max_bytes.toLocaleString("en");
        this.fail(row, `${file.size.toLocaleString("en")} bytes are too many; at most ${most} are allowed`);
      } else this.queue.push([name, file, row]);
    }
    this.update();
    this.start();
  }

  makeRow(name) {
    const state = element("span", { className: "state", textContent: "waiting" });
    const bar = element("progress", { max: 1, value: 0, ariaLabel: `Upload of ${name}` });
    const row = element("li", {}, [element("span", { className: "name", textContent: name }), bar, state]);
    this.list.prepend(row);
    if (this.list.children.length > MOST_SHOWN) this.list.lastChild.remove();
    return { row, bar, state };
  }

  start() {
    while (this.running < AT_ONCE && this.queue.length) {
      this.running += 1;
      this.send(...this.queue.shift()).finally(() => {
        this.running -= 1;
        this.start();
      });
    }
  }

  async send(name, file, row) {
    row.state.textContent = "uploading";
    try {
      const uploaded = await upload(name, file, (share) => { row.bar.value = share; });
      row.bar.remove();
      row.state.textContent = uploaded.is_renamed
        ? `uploaded as ${shortName(uploaded.key, this.site.input_prefix)}; waiting for the result`
        : "waiting for the result";
      this.waiting.push({ uploaded, row });
      this.watch();
    } catch (error) {
      this.fail(row, error.message);
      this.update();
    }
  }

  async watch() {
    if (this.isWatching) return;
    this.isWatching = true;
    let pause = FIRST_PAUSE;
    while (this.waiting.length) {
      const asked = this.waiting.slice(0, 50);
      try {
        const answers = await ask("answers", asked.map((item) => item.uploaded));
        const answered = asked.filter((item, number) => answers[number]);
        asked.forEach((item, number) => this.show(item, answers[number]));
        this.waiting = this.waiting.filter((item) => !answered.includes(item));
        // those without an answer go to the end, so that others are asked for, too
        this.waiting.push(...this.waiting.splice(0, asked.length - answered.length));
        pause = answered.length ? FIRST_PAUSE : Math.min(2 * pause, LONGEST_PAUSE);
        this.update();
      } catch (error) {
        this.summary.textContent = error.message;
        pause = LONGEST_PAUSE;
      }
      await new Promise((resolve) => setTimeout(resolve, pause));
    }
    this.isWatching = false;
  }

  show({ row, uploaded }, answer) {
    if (!answer) return;
    if (answer.failure !== undefined) {
      this.fail(row, answer.failure);
      this.onFailure();
      return;
    }
    this.counts.done += 1;
    const found = answer.result.document.detections;
    const button = element("button", { type: "button", textContent: describe(found) });
    button.onclick = () => this.open(uploaded.key, button);
    row.state.replaceChildren(button);
    this.onResult(answer.result);
  }

  fail(row, message) {
    this.counts.failed += 1;
    row.bar.remove();
    row.state.textContent = message;
    row.state.classList.add("bad");
  }

  update() {
    const { total, done, failed } = this.counts;
    const left = total - done - failed;
    const parts = [plural(total, "picture"), `${done} done`];
    if (failed) parts.push(`${failed} failed`);
    if (left) parts.push(`${left} on the way`);
    this.summary.textContent = parts.join(", ");
  }
}

function describe(detections) {
  const counts = new Map();
  for (const { label } of detections) counts.set(label, (counts.get(label) ?? 0) + 1);
  const parts = [...counts].map(([label, count]) => (count > 1 ? `${count} ${label}` : label));
  return parts.join(", ") || "nothing found";
}

/** Returns [path, file] of all dropped files, and of those in dropped folders. */
async function droppedFiles(transfer) {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  if (!entries.length) return [...transfer.files].map((file) => [file.name, file]);
  const found = [];
  for (const entry of entries) await collect(entry, found);
  return found;
}

async function collect(entry, found) {
  if (entry.isFile) {
    const file = await new Promise((resolve, reject) => entry.file(resolve, reject));
    found.push([entry.fullPath.replace(/^\/+/, ""), file]);
    return;
  }
  const reader = entry.createReader();
  for (;;) { // a reader returns at most 100 entries at a time
    const entries = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (!entries.length) return;
    for (const child of entries) await collect(child, found);
  }
}
