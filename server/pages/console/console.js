// What the console does better with script than without. Every page works as plain links and forms; this swaps one part of a page in place.
// data-swap="ID" on a link or form: fetch where it leads and put that page's element ID in the place of this one's.
// data-poll="MS" on an element with an id: fetch this page again after so long, and put in the element as it then is.
"use strict";

const here = () => window.location.pathname + window.location.search; // without the part after #, which asks for no other page
let shown = here();
const say = (words) => { document.getElementById("told").textContent = words; };

function put(id, text) {
  const fresh = new DOMParser().parseFromString(text, "text/html").getElementById(id);
  const old = document.getElementById(id);
  if (!fresh || !old) return false;
  old.replaceWith(fresh);
  wait(fresh);
  return true;
}

async function swap(id, address, options, keep) {
  say("Loading");
  const response = await fetch(address, { credentials: "same-origin", ...options });
  const done = (response.ok || options.method === "POST") && put(id, await response.text());
  if (!done) { window.location.assign(keep || window.location.href); return; }
  if (keep) { history.pushState({}, "", keep); shown = here(); }
  const table = document.querySelector(`#${id} caption`);
  say(table ? table.textContent : "Done");
}

function wait(element) {
  if (!element.dataset.poll || !element.id) return;
  setTimeout(async () => {
    const response = await fetch(window.location.href, { credentials: "same-origin" });
    if (response.ok && !put(element.id, await response.text())) window.location.reload();
  }, Number(element.dataset.poll));
}

document.addEventListener("click", (event) => {
  const link = event.target.closest("a[data-swap]");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
  event.preventDefault();
  swap(link.dataset.swap, link.href, {}, link.href).then(() => document.getElementById(link.dataset.swap).scrollIntoView());
});

document.addEventListener("submit", (event) => {
  const form = event.target.closest("form[data-swap]");
  if (!form) return;
  event.preventDefault();
  const filled = new URLSearchParams(new FormData(form));
  if (form.method === "post") {
    swap(form.dataset.swap, form.action, { method: "POST", body: filled });
  } else {
    for (const [name, value] of [...filled]) if (!value) filled.delete(name);
    const address = filled.size ? `${form.action}?${filled}` : form.action;
    swap(form.dataset.swap, address, {}, address);
  }
});

window.addEventListener("popstate", () => { if (here() !== shown) window.location.reload(); });
document.querySelectorAll("[data-poll]").forEach(wait);
