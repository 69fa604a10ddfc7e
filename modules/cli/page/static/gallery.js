// The bucket's results, newest first; more are loaded as one scrolls.

import { ask, element, plural, shortName, viewAddress } from "./server.js";

const COUNT = 60; // results in one request
const SEARCH_PAUSE = 250; // milliseconds without a key stroke before a search starts
const REFRESH_PAUSE = 20000; // milliseconds
const POLL_PAUSE = 1000; // milliseconds, while the server still lists or reads

export class Gallery {
  constructor(site, open) {
    this.site = site;
    this.open = open;
    this.keys = [];
    this.query = "";
    this.list = document.getElementById("gallery");
    this.summary = document.getElementById("results-summary");
    this.button = document.getElementById("load-more");
    this.button.onclick = () => this.load();
    this.more = document.getElementById("more");
    this.observer = new IntersectionObserver((entries) => {
      if (entries.at(-1).isIntersecting && this.next) this.load(); // the last is the newest
    }, { rootMargin: "800px" });
    this.observer.observe(this.more);
    setInterval(() => this.refresh(), REFRESH_PAUSE);
    const field = document.getElementById("query");
    field.oninput = () => {
      clearTimeout(this.timer);
      this.timer = setTimeout(() => this.restart(field.value.trim()), SEARCH_PAUSE);
    };
  }

  /** Shows the first results; fresh: also those of the last seconds. */
  restart(query = this.query, { fresh = false } = {}) {
    this.query = query;
    this.next = null;
    return this.load(true, fresh);
  }

  /** Shows results that came meanwhile, unless that would move what one looks at. */
  refresh() {
    if (!document.hidden && this.keys.length <= COUNT && !document.querySelector("dialog[open]")) this.restart();
  }

  async load(isFirst = false, fresh = false) {
    if (this.isLoading && !isFirst) return;
    const request = (this.request = {});
    this.isLoading = true;
    clearTimeout(this.poll);
    try {
      const page = await ask("results", { query: this.query, after: isFirst ? null : this.next, count: COUNT, fresh });
      if (request !== this.request) return; // another search was started meanwhile
      if (isFirst) this.reset(page.items);
      this.show(page.items);
      this.next = page.next;
      this.button.hidden = !page.next;
      this.summarise(page);
      if (window.scrollY > 0) this.lookAtEnd();
      if (page.listing || (page.unread && !page.next)) {
        this.poll = setTimeout(() => this.restart(), POLL_PAUSE);
      }
    } catch (error) {
      this.summary.textContent = error.message;
      this.button.hidden = false;
    } finally {
      if (request === this.request) this.isLoading = false;
    }
  }

  /** Loads more if the end of the list is still near: the observer reports a change only. */
  lookAtEnd() {
    this.observer.unobserve(this.more);
    this.observer.observe(this.more);
  }

  reset(items) {
    // Tiles that stay keep their place, their picture and the focus
    const wanted = new Set(items.map((item) => tileId(item)));
    for (const tile of [...this.list.children]) if (!wanted.has(tile.dataset.id)) tile.remove();
    this.keys = [];
    this.tiles = new Map([...this.list.children].map((tile) => [tile.dataset.id, tile]));
  }

  show(items) {
    for (const item of items) {
      const tile = this.tiles.get(tileId(item)) ?? this.makeTile(item);
      this.tiles.set(tileId(item), tile);
      const there = this.list.children[this.keys.length];
      if (there !== tile) this.list.insertBefore(tile, there ?? null); // a moved tile loses the focus
      this.keys.push(item.key);
    }
  }

  makeTile(item) {
    const name = shortName(item.key, this.site.input_prefix);
    const labels = Object.entries(item.labels)
      .map(([label, count]) => (count > 1 ? `${label} × ${count}` : label))
      .join(", ");
    const picture = element("img", {
      alt: "", loading: "lazy", decoding: "async",
      src: viewAddress(item.key, "annotated", 320, item.version),
    });
    const button = element("button", { type: "button", title: name }, [
      picture,
      element("span", { textContent: name }),
      element("span", { className: "labels", textContent: item.error || labels || "nothing found" }),
    ]);
    button.onclick = () => this.open(item.key, button);
    const tile = element("li", {}, [button]);
    tile.dataset.id = tileId(item);
    return tile;
  }

  summarise(page) {
    const parts = [plural(page.total, "result")];
    if (this.query) parts.push(page.next ? `over ${COUNT} match` : `${this.keys.length} match`);
    if (page.listing) parts.push("still listing the bucket");
    if (page.unread) parts.push(`${page.unread.toLocaleString("en")} not yet searched for labels`);
    this.summary.textContent = parts.join(", ");
  }

  /** Returns the key after or before a key, as shown; undefined at the ends. */
  neighbour(key, step) {
    return this.keys[this.keys.indexOf(key) + step];
  }
}

function tileId(item) {
  return `${item.version} ${item.key}`;
}
