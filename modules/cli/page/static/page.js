// Starts the parts of the page.

import { Gallery } from "./gallery.js";
import { ask, element, plural, shortName } from "./server.js";
import { Uploads } from "./uploads.js";
import { Viewer } from "./viewer.js";

const site = await ask("site");
document.getElementById("bucket").textContent = `s3://${site.bucket}`;
document.title = `${site.bucket}: object detection`;
document.getElementById("limits").textContent =
  `${site.formats.join(", ")}; at most ${(site.max_bytes / 1e6).toLocaleString("en", { maximumFractionDigits: 1 })} MB each. ` +
  `They go to s3://${site.bucket}/${site.input_prefix}.`;

let viewer;
const gallery = new Gallery(site, (key, opener) => viewer.open(key, opener));
viewer = new Viewer(site, gallery);
let timer;
new Uploads(site, {
  open: (key, opener) => viewer.open(key, opener),
  onResult: () => { later(() => { showNewResults(); showModel(); }); },
  onFailure: () => { later(() => { showNewResults(); showFailures(); }); },
});

function showNewResults() {
  return gallery.restart(undefined, { fresh: true });
}

function later(action) { // many answers at once are shown once
  clearTimeout(timer);
  timer = setTimeout(action, 1000);
}

async function showFailures() {
  const summary = document.getElementById("failures-summary");
  try {
    const { failures, more } = await ask("failures");
    const total = failures.length + more;
    summary.textContent = total ? `${plural(total, "picture")} without a result` : "No picture failed.";
    if (more) summary.textContent += `; ${more} are not shown: the command failures lists them`;
    document.getElementById("failures").replaceChildren(...failures.map(makeFailure));
  } catch (error) {
    summary.textContent = error.message;
  }
}

function makeFailure({ key, message, at }) {
  const name = shortName(key, site.input_prefix);
  const button = element("button", { type: "button", textContent: "Try again", ariaLabel: `Try ${name} again` });
  const state = element("span", { role: "status" });
  button.onclick = async () => {
    button.disabled = true;
    try {
      await ask("retry", { key });
      state.textContent = "sent to the function";
      setTimeout(() => { showFailures(); showNewResults(); }, 3000);
    } catch (error) {
      state.textContent = error.message;
      button.disabled = false;
    }
  };
  return element("li", {}, [
    element("span", { className: "name", textContent: name }),
    element("span", { className: "why bad", textContent: message }),
    element("time", { className: "quiet", dateTime: at, textContent: new Date(at).toLocaleString() }),
    button, state,
  ]);
}

async function showModel() {
  const note = document.getElementById("model-note");
  try {
    const { newest, current, why_not: whyNot, folders } = await ask("model");
    const facts = [["Set", current ?? "unknown"]];
    if (newest) {
      facts.push(["Made the newest result", newest.name], ["Digest", newest.digest]);
      facts.push(["Input", `${newest.input.join(" × ")} pixels`]);
    }
    document.getElementById("model").replaceChildren(
      ...facts.flatMap(([term, value]) => [
        element("dt", { textContent: term }), element("dd", { textContent: value }),
      ]),
    );
    const others = folders.filter((folder) => folder !== current);
    document.getElementById("folders").replaceChildren(
      ...others.map((folder) => element("option", { textContent: folder, value: folder })),
    );
    document.getElementById("model-form").hidden = Boolean(whyNot) || !others.length;
    if (whyNot) note.textContent = `It cannot be changed from here: ${whyNot}`;
  } catch (error) {
    note.textContent = error.message;
  }
}

document.getElementById("model-form").onsubmit = async (event) => {
  event.preventDefault();
  const prefix = document.getElementById("folders").value;
  const note = document.getElementById("model-note");
  try {
    await ask("model", { prefix });
    note.textContent = `The next pictures are processed with ${prefix}.`;
    await showModel();
  } catch (error) {
    note.textContent = error.message;
  }
};
document.getElementById("reload-failures").onclick = showFailures;

await Promise.all([showNewResults(), showFailures(), showModel()]);
document.body.dataset.ready = "true";
