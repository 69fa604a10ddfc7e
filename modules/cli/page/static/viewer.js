// One picture with its boxes, drawn from its document.

import { ask, element, shortName, viewAddress } from "./server.js";

const STEP = 1.5; // of the zoom
const MOST = 20;

export class Viewer {
  constructor(site, gallery) {
    this.site = site;
    this.gallery = gallery;
    for (const name of ["viewer", "picture", "boxes", "boxed", "beside", "original", "panes", "confidence",
      "classes", "facts", "save", "copy", "compare", "previous", "next"]) {
      this[name] = document.getElementById(name);
    }
    this.note = document.getElementById("viewer-note");
    this.listen();
  }

  listen() {
    const on = (name, action) => { document.getElementById(name).onclick = action; };
    on("close", () => this.viewer.close());
    on("zoom-in", () => this.zoomTo(this.zoom * STEP));
    on("zoom-out", () => this.zoomTo(this.zoom / STEP));
    on("zoom-fit", () => this.zoomTo(1));
    on("previous", () => this.move(-1));
    on("next", () => this.move(1));
    on("copy", () => this.copyDocument());
    this.compare.onchange = () => {
      this.beside.hidden = !this.compare.checked;
      this.zoomTo(this.zoom);
    };
    this.confidence.oninput = () => this.draw();
    this.picture.onerror = () => { this.note.textContent = "the picture cannot be shown: it was deleted or replaced, or may not be read"; };
    new ResizeObserver(() => this.document && this.zoomTo(this.zoom)).observe(this.panes);
    this.viewer.addEventListener("keydown", (event) => {
      if (event.target.matches("input")) return;
      const actions = {
        ArrowLeft: () => this.zoom === 1 && this.move(-1), ArrowRight: () => this.zoom === 1 && this.move(1),
        "+": () => this.zoomTo(this.zoom * STEP), "-": () => this.zoomTo(this.zoom / STEP), 0: () => this.zoomTo(1),
      };
      actions[event.key]?.();
    });
    this.panes.addEventListener("wheel", (event) => {
      if (!event.ctrlKey) return; // plain scrolling moves the picture
      event.preventDefault();
      this.zoomTo(this.zoom * (event.deltaY < 0 ? STEP : 1 / STEP));
    }, { passive: false });
    this.viewer.onclose = () => this.opener?.focus();
  }

  /** Opens the result of an image; the focus returns to `opener` afterwards. */
  async open(key, opener) {
    this.opener = opener ?? this.opener;
    this.key = key;
    this.note.textContent = "";
    document.getElementById("viewer-title").textContent = shortName(key, this.site.input_prefix);
    if (!this.viewer.open) this.viewer.showModal();
    this.previous.disabled = !this.gallery.neighbour(key, -1);
    this.next.disabled = !this.gallery.neighbour(key, 1);
    this.document = null;
    this.boxes.replaceChildren();
    try {
      const result = await ask(`result?key=${encodeURIComponent(key)}`);
      if (this.key === key) this.show(result);
    } catch (error) {
      this.note.textContent = error.message;
      this.picture.removeAttribute("src");
    }
  }

  show({ document: found, colours }) {
    this.document = found;
    this.colours = colours;
    this.hidden = new Set();
    this.isFull = false;
    const { width, height } = found.image;
    for (const image of [this.picture, this.original]) {
      image.width = width;
      image.height = height;
    }
    this.load(1600);
    this.picture.alt = `The picture, with ${found.detections.length} objects found`;
    const lowest = found.settings.confidence;
    Object.assign(this.confidence, { min: lowest, value: lowest });
    this.facts.textContent =
      `${width} × ${height} pixels, ${found.image.bytes.toLocaleString("en")} bytes; model ${found.model.name}`;
    this.save.href = `annotated?key=${encodeURIComponent(this.key)}`;
    this.save.hidden = found.annotated === null;
    this.save.download = (found.annotated?.key ?? this.key).split("/").pop();
    this.showClasses();
    this.zoomTo(1);
    this.draw();
  }

  /** Loads the original; what is hidden in the annotated image is shown only to compare. */
  load(side) {
    const { image, model, settings } = this.document;
    this.original.src = viewAddress(this.key, "original", side, image.etag);
    const hides = ["blur", "pixelate"].includes(settings.draw);
    const version = [image.etag, model.digest, JSON.stringify(settings)].join();
    this.picture.src = hides ? viewAddress(this.key, "annotated", side, version) : this.original.src;
  }

  showClasses() {
    const counts = new Map();
    for (const { label } of this.document.detections) counts.set(label, (counts.get(label) ?? 0) + 1);
    const rows = [...counts].map(([label, count]) => {
      const box = element("input", { type: "checkbox", checked: true });
      box.onchange = () => {
        this.hidden[box.checked ? "delete" : "add"](label);
        this.draw();
      };
      const colour = element("span", { className: "colour" });
      colour.style.background = this.colours[label];
      return element("label", {}, [box, colour, `${label} (${count})`]);
    });
    if (!rows.length) rows.push(element("p", { textContent: "nothing found" }));
    this.classes.replaceChildren(element("legend", { textContent: "Classes" }), ...rows);
  }

  draw() {
    const { width, height } = this.document.image;
    const least = Number(this.confidence.value);
    document.getElementById("confidence-value").textContent = `${Math.round(100 * least)} %`;
    const shown = this.document.detections.filter(
      (item) => item.confidence >= least && !this.hidden.has(item.label),
    );
    const boxes = shown.map(({ label, confidence, box }) => {
      const tag = element("span", { textContent: `${label} ${Math.round(100 * confidence)}%` });
      const frame = element("div", { className: "box" }, [tag]);
      Object.assign(frame.style, {
        left: `${(100 * box.x) / width}%`, top: `${(100 * box.y) / height}%`,
        width: `${(100 * box.width) / width}%`, height: `${(100 * box.height) / height}%`,
        borderColor: this.colours[label],
      });
      tag.style.background = this.colours[label];
      tag.style.color = textColour(this.colours[label]);
      frame.classList.toggle("low", box.y < 0.06 * height); // no room for the label above it
      return frame;
    });
    this.boxes.replaceChildren(...boxes.reverse()); // the most confident on top
  }

  zoomTo(zoom) {
    this.zoom = Math.min(Math.max(zoom, 1), MOST);
    if (!this.document) return;
    const { width, height } = this.document.image;
    const panes = this.compare.checked ? 2 : 1;
    const room = { width: (this.panes.clientWidth - 8 * (panes - 1)) / panes, height: this.panes.clientHeight };
    const fit = Math.min(room.width / width, room.height / height);
    const side = `${Math.max(1, Math.floor(fit * width * this.zoom))}px`;
    this.boxed.style.width = this.beside.style.width = side;
    document.getElementById("zoom-level").textContent = `${Math.round(100 * this.zoom)} %`;
    if (!this.isFull && fit * this.zoom * Math.max(width, height) > 1600 && Math.max(width, height) > 1600) {
      this.isFull = true; // the small version would be blurred
      this.load(0);
    }
  }

  move(step) {
    const key = this.gallery.neighbour(this.key, step);
    if (key) this.open(key);
  }

  async copyDocument() {
    const text = JSON.stringify(this.document, null, 1);
    try {
      await navigator.clipboard.writeText(text);
      this.note.textContent = "The JSON is in the clipboard.";
    } catch {
      this.note.textContent = "The browser refused to copy it.";
    }
  }
}

/** Returns black or white, whichever is easier to read on a colour, #rrggbb (WCAG 2, 1.4.3). */
function textColour(colour) {
  const [red, green, blue] = [1, 3, 5].map((at) => {
    const value = parseInt(colour.slice(at, at + 2), 16) / 255;
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.179 ? "#000" : "#fff";
}
