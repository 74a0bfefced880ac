// Everything here is comfort: each page can be read and filtered without it.
"use strict";

// Copies a snippet.
document.addEventListener("click", async (event) => {
  const button = event.target.closest("button[data-copy]");
  if (!button) return;
  const text = button.parentElement.querySelector("code").textContent;
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    // Without TLS only localhost may write to the clipboard; a selection can always be copied.
    const selection = getSelection();
    selection.selectAllChildren(button.parentElement.querySelector("code"));
    document.execCommand("copy");
  }
  button.textContent = "Copied";
  setTimeout(() => (button.textContent = "Copy"), 1500);
});

// Says when newer data is there. The page stays as it is until its reader asks.
const reading = document.querySelector(".reading[data-version]");
if (reading) {
  const look = async () => {
    if (document.hidden) return;
    try {
      const answer = await fetch("/version", { headers: { accept: "application/json" } });
      if (!answer.ok) return;
      const state = await answer.json();
      if (state.version && state.version !== reading.dataset.version && !reading.querySelector("a")) {
        const link = document.createElement("a");
        link.href = location.href;
        link.textContent = "Show newer data";
        reading.replaceChildren(link);
      }
    } catch {
      // The server is away; the next look may find it.
    }
  };
  setInterval(look, 10000);
}

// Zooms into a part of a chart over time: what is dragged over becomes the time range.
for (const svg of document.querySelectorAll("svg[data-from][data-to]")) {
  const scale = { from: Number(svg.dataset.from), to: Number(svg.dataset.to), left: Number(svg.dataset.left), right: Number(svg.dataset.right) };
  if (![scale.from, scale.to, scale.left, scale.right].every(Number.isFinite)) continue;
  let start = null;
  let mark = null;
  const at = (event) => {
    const point = new DOMPoint(event.clientX, event.clientY).matrixTransform(svg.getScreenCTM().inverse());
    return Math.min(Math.max(point.x, scale.left), scale.right);
  };
  const time = (x) => Math.round(scale.from + ((x - scale.left) / (scale.right - scale.left)) * (scale.to - scale.from));
  svg.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    start = at(event);
    mark = document.createElementNS("http://www.w3.org/2000/svg", "rect");
    mark.setAttribute("class", "zoom");
    mark.setAttribute("y", 0);
    mark.setAttribute("height", svg.viewBox.baseVal.height);
    svg.append(mark);
  });
  svg.addEventListener("pointermove", (event) => {
    if (start === null) return;
    const x = at(event);
    mark.setAttribute("x", Math.min(start, x));
    mark.setAttribute("width", Math.abs(x - start));
  });
  addEventListener("pointerup", (event) => {
    if (start === null) return;
    const [from, to] = [start, at(event)].sort((a, b) => a - b);
    mark.remove();
    start = null;
    if (to - from < 5) return;
    const url = new URL(location.href);
    const text = (secs) => new Date(secs * 1000).toISOString().replace(".000Z", "Z");
    url.searchParams.set("since", text(time(from)));
    url.searchParams.set("until", text(Math.max(time(to), time(from) + 1)));
    location.href = url;
  });
}

// SQL: runs without leaving the page, and can be cancelled.
const form = document.querySelector("form[data-sql]");
if (form) {
  const editor = form.querySelector("textarea");
  const run = form.querySelector("button[type=submit]");
  const cancel = form.querySelector("button[data-cancel]");
  const result = document.getElementById("result");
  let current = null;
  const stop = () => {
    if (!current) return;
    const body = new URLSearchParams({ id: current.id });
    fetch("/sql/cancel", { method: "POST", body }).catch(() => {});
  };
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (current) return;
    const query = new URLSearchParams(new FormData(form));
    const id = crypto.getRandomValues(new Uint32Array(4)).join("-");
    current = { id };
    run.disabled = true;
    cancel.disabled = false;
    const begun = performance.now();
    const clock = setInterval(() => {
      result.textContent = `Running for ${Math.round((performance.now() - begun) / 1000)} s …`;
    }, 1000);
    try {
      const answer = await fetch(`/sql/rows?${query}&run=${id}`);
      result.innerHTML = await answer.text();
      history.replaceState(null, "", `/sql?${query}`);
      for (const link of document.querySelectorAll("a[data-export]")) link.href = `/sql.${link.dataset.export}?${query}`;
    } catch {
      result.textContent = "The server cannot be reached.";
    } finally {
      clearInterval(clock);
      current = null;
      run.disabled = false;
      cancel.disabled = true;
    }
  });
  cancel.addEventListener("click", stop);
  editor.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      form.requestSubmit();
    }
  });
  document.addEventListener("click", (event) => {
    const word = event.target.closest("button[data-insert]");
    if (!word) return;
    if (word.dataset.insert === "statement") editor.value = word.dataset.text;
    else editor.setRangeText(word.dataset.text, editor.selectionStart, editor.selectionEnd, "end");
    editor.focus();
  });
  complete(editor, form);
}

// Offers names of tables, columns and functions for the word before the cursor.
function complete(editor, form) {
  const names = [...new Set([...form.ownerDocument.querySelectorAll("button[data-insert=word]")].map((b) => b.dataset.text))];
  const list = document.createElement("ul");
  list.className = "completion";
  list.setAttribute("role", "listbox");
  list.hidden = true;
  editor.after(list);
  let chosen = 0;
  const word = () => editor.value.slice(0, editor.selectionStart).match(/[A-Za-z_][A-Za-z0-9_]*$/)?.[0] ?? "";
  const close = () => { list.hidden = true; };
  const take = (name) => {
    const end = editor.selectionStart;
    editor.setRangeText(name, end - word().length, end, "end");
    close();
    editor.focus();
  };
  const show = () => {
    const typed = word().toLowerCase();
    const fits = typed.length < 2 ? [] : names.filter((n) => n.toLowerCase().startsWith(typed) && n.toLowerCase() !== typed).slice(0, 8);
    chosen = 0;
    list.replaceChildren(...fits.map((name, at) => {
      const item = document.createElement("li");
      item.setAttribute("role", "option");
      item.setAttribute("aria-selected", at === 0);
      item.textContent = name;
      item.addEventListener("mousedown", (event) => { event.preventDefault(); take(name); });
      return item;
    }));
    list.hidden = fits.length === 0;
  };
  editor.addEventListener("input", show);
  editor.addEventListener("blur", close);
  editor.addEventListener("keydown", (event) => {
    if (list.hidden) return;
    const items = [...list.children];
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      items[chosen].setAttribute("aria-selected", false);
      chosen = (chosen + (event.key === "ArrowDown" ? 1 : items.length - 1)) % items.length;
      items[chosen].setAttribute("aria-selected", true);
    } else if (event.key === "Tab") {
      event.preventDefault();
      take(items[chosen].textContent);
    } else if (event.key === "Escape") close();
  });
}
