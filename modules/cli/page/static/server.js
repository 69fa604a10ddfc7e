// Requests to the server of this page. Addresses are relative, so each one has the page's token.

/** Sends a request; returns the answer's JSON. Throws an Error with the server's message. */
export async function ask(path, body) {
  const options = body === undefined ? {} : {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  };
  let answer;
  try {
    answer = await fetch(path, options);
  } catch {
    throw new Error("the page's command does not answer; is it still running?");
  }
  const data = await answer.json();
  if (!answer.ok) throw new Error(data.error);
  return data;
}

/** Uploads a file; calls `progress` with a number from 0 to 1. XMLHttpRequest reports progress. */
export function upload(name, file, progress) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", `pictures?name=${encodeURIComponent(name)}`);
    request.responseType = "json";
    request.upload.onprogress = (event) => progress(event.loaded / event.total);
    request.onload = () => {
      if (request.status === 200) resolve(request.response);
      else reject(new Error(request.response?.error ?? `the server answered ${request.status}`));
    };
    request.onerror = () => reject(new Error("it could not be sent; is the command still running?"));
    request.send(file);
  });
}

/** Returns the address of a picture as JPEG; side: 320, 1600, or 0 for full size. */
export function viewAddress(key, of, side, version) {
  const query = new URLSearchParams({ key, of, side });
  if (version) query.set(of === "original" ? "etag" : "version", version);
  return `view?${query}`;
}

/** Creates an element; texts are set as text, never as HTML. */
export function element(name, properties = {}, children = []) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

/** Returns a key without the prefix under which pictures are dropped. */
export function shortName(key, prefix) {
  return key.startsWith(prefix) ? key.slice(prefix.length) : key;
}

export function plural(count, noun) {
  return `${count.toLocaleString("en")} ${noun}${count === 1 ? "" : "s"}`;
}
