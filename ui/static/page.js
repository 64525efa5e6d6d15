// What the page does without the server: taps are sent on as events, steps are ticked off, answers copied and printed.
window.fc = (() => {
  const MINE = "fc:ticked";
  const ASK = new Set(["ask"]), SAY = new Set(["up", "down", "route", "gap"]);
  const SHOW = new Set(["cite", "warning", "nearest", "previous", "next", "close"]);

  function store() {
    try { return JSON.parse(localStorage.getItem(MINE) || "{}"); } catch { return {}; }
  }

  function keep(ticked) {
    const keys = Object.keys(ticked);
    for (const old of keys.slice(0, Math.max(0, keys.length - 500))) delete ticked[old];
    try { localStorage.setItem(MINE, JSON.stringify(ticked)); } catch { /* a private window: kept until it closes */ }
  }

  function progress(root) {
    const ticked = store();
    for (const box of root.querySelectorAll("input[data-fc=tick]")) box.checked = Boolean(ticked[box.dataset.key]);
    for (const told of root.querySelectorAll("[data-steps]")) {
      const list = told.previousElementSibling;
      if (!list) continue;
      const boxes = [...list.querySelectorAll("input[data-fc=tick]")];
      const done = boxes.filter((box) => box.checked).length;
      const text = told.dataset.told.replace("{done}", done).replace("{all}", boxes.length);
      if (told.textContent !== text) told.textContent = text;
      told.classList.toggle("fc-done", done === boxes.length);
    }
  }

  async function copy(button) {
    const answer = button.closest(".fc-answer");
    const parts = [".fc-warnings", "[data-copy]", ".fc-sources"].flatMap((name) => [...answer.querySelectorAll(name)]);
    const text = parts.map((part) => part.innerText.trim()).join("\n\n");
    try {
      await navigator.clipboard.writeText(text);
    } catch { // without https there is no clipboard
      const area = document.createElement("textarea");
      area.value = text;
      area.style.position = "fixed";
      document.body.append(area);
      area.select();
      document.execCommand("copy");
      area.remove();
    }
    const before = button.innerHTML;
    button.textContent = button.dataset.done;
    setTimeout(() => { button.innerHTML = before; }, 2000);
  }

  function print(button) {
    const turn = button.closest(".fc-turn");
    document.body.classList.add("fc-printing");
    turn.classList.add("fc-printed");
    const after = () => {
      document.body.classList.remove("fc-printing");
      turn.classList.remove("fc-printed");
    };
    window.addEventListener("afterprint", after, { once: true });
    window.print();
  }

  // A figure over the whole window; a tap, Escape or the button closes it, and the focus goes back to the thumbnail.
  function enlarge(button) {
    const box = document.createElement("dialog");
    box.className = "fc-enlarged";
    const shut = document.createElement("button");
    shut.type = "button";
    shut.textContent = "✕";
    shut.setAttribute("aria-label", button.dataset.close);
    box.append(shut, button.querySelector("img").cloneNode());
    box.addEventListener("click", () => box.close());
    box.addEventListener("close", () => { box.remove(); button.focus(); });
    (document.querySelector(".gradio-container") || document.body).append(box);
    box.showModal();
  }

  // On a phone what was opened beside the conversation is below it, out of sight.
  function reveal(selector) {
    const found = document.querySelector(selector);
    if (found && found.offsetParent !== null && narrow()) found.scrollIntoView({ behavior: "smooth", block: "start" });
  }

  function narrow() { return window.matchMedia("(max-width: 860px)").matches; }

  function bind(element, trigger, watch, names) {
    element.addEventListener("click", (event) => {
      const button = event.target.closest("[data-fc]");
      if (!button || !element.contains(button) || button.disabled) return;
      const wanted = button.dataset.fc;
      if (wanted === "tick") return;
      if (wanted === "copy") return void copy(button);
      if (wanted === "print") return void print(button);
      if (wanted === "figure") return void enlarge(button);
      const data = { ...button.dataset };
      if (wanted === "down") {
        const box = button.closest(".fc-menu")?.querySelector("textarea");
        data.comment = box ? box.value : "";
      }
      const menu = button.closest("details");
      if (menu) menu.open = false;
      if (ASK.has(wanted)) trigger("fc_ask", data);
      else if (SAY.has(wanted)) trigger("fc_say", data);
      else if (SHOW.has(wanted)) {
        trigger("fc_show", data);
        if (narrow() && wanted !== "close") awaiting = true;
        if (narrow() && wanted === "close") document.querySelector("#fc-log")?.scrollIntoView({ block: "end" });
      }
      else if (wanted === "open") trigger("fc_open", data);
      else {
        trigger("fc_act", data);
        if (wanted === "preview" && narrow()) awaiting = true;
      }
    });
    element.addEventListener("change", (event) => {
      const box = event.target.closest("input[data-fc=tick]");
      if (!box) return;
      const ticked = store();
      if (box.checked) ticked[box.dataset.key] = 1; else delete ticked[box.dataset.key];
      keep(ticked);
      progress(element);
    });
    watch("value", () => { progress(element); settled(element); });
    progress(element);
  }

  let awaiting = false;

  // The last turn comes into sight from its beginning; an opened page with the marked words in sight.
  function settled(element) {
    if (element.closest("#fc-log")) {
      const turns = element.querySelectorAll(".fc-turn");
      const last = turns[turns.length - 1];
      if (last && element.dataset.turns !== String(turns.length)) {
        last.scrollIntoView({ behavior: "smooth", block: "start" });
      }
      element.dataset.turns = String(turns.length);
    }
    const page = element.querySelector(".fc-page");
    if (page) {
      const image = page.querySelector("img");
      page.scrollTop = (image.clientHeight || page.scrollHeight) * Number(page.dataset.top || 0) / 100;
      page.onclick = () => page.classList.toggle("fc-large");
    }
    const mark = element.querySelector(".fc-paper mark");
    if (mark) {
      const paper = mark.closest(".fc-paper");
      paper.scrollTop += mark.getBoundingClientRect().top - paper.getBoundingClientRect().top - 80;
    }
    if (awaiting && element.closest("#fc-viewer-box, #fc-preview")) {
      awaiting = false;
      element.scrollIntoView({ behavior: "smooth", block: "start" });
    }
  }

  function speaks(code) { document.documentElement.lang = code; }

  function language(code) {
    document.cookie = `fc_language=${encodeURIComponent(code)};path=/;max-age=31536000;samesite=lax`;
    speaks(code);
  }

  // Speech stays on this device, or there is none: most browsers would send it to their makers.
  async function speech(element) {
    const Recognition = window.SpeechRecognition || window.webkitSpeechRecognition;
    if (!Recognition || typeof Recognition.available !== "function") return;
    const lang = () => element.querySelector("#fc-speak")?.dataset.speech || navigator.language;
    try {
      if (await Recognition.available({ langs: [lang()], processLocally: true }) !== "available") return;
    } catch { return; }
    document.body.classList.add("fc-can-speak");
    element.addEventListener("click", (event) => {
      const button = event.target.closest("#fc-speak");
      if (!button) return;
      const heard = new Recognition();
      heard.lang = lang();
      heard.processLocally = true;
      button.classList.add("fc-listening");
      heard.onend = () => button.classList.remove("fc-listening");
      heard.onresult = (result) => {
        const box = document.querySelector("#fc-text textarea, #fc-text input");
        box.value = result.results[0][0].transcript;
        box.dispatchEvent(new Event("input", { bubbles: true }));
        box.focus();
      };
      heard.start();
    });
  }

  // A session that has ended can do nothing more; the sign-in form takes the place of the page.
  const fetched = window.fetch.bind(window);
  window.fetch = async (...asked) => {
    const answer = await fetched(...asked);
    if (answer.status === 401) location.assign("/login?ended");
    return answer;
  };

  // Files that are too large together are refused before they are sent, in the page's language.
  function tooLarge(event, files) {
    const said = document.querySelector("#fc-upload-said [data-most]");
    if (!said || !files) return;
    const bytes = [...files].reduce((sum, file) => sum + file.size, 0);
    const refused = bytes > Number(said.dataset.most) * 1048576;
    const size = Math.ceil(bytes / 1048576);
    said.textContent = refused ? said.dataset.told.replace("{size}", size).replace("{most}", said.dataset.most) : "";
    if (!refused) return;
    event.stopImmediatePropagation();
    event.preventDefault();
    if (event.type === "change") event.target.value = "";
  }
  const DROPS = "#fc-files, #fc-folder";
  document.addEventListener("change", (event) => {
    if (event.target.matches?.(`:is(${DROPS}) input[type=file]`)) tooLarge(event, event.target.files);
  }, true);
  document.addEventListener("drop", (event) => {
    if (event.target.closest?.(DROPS)) tooLarge(event, event.dataTransfer?.files);
  }, true);

  function theme(dark) { document.body.classList.toggle("dark", dark); }

  document.addEventListener("click", (event) => {
    if (event.target.closest("#fc-theme")) {
      const dark = !document.body.classList.contains("dark");
      theme(dark);
      try { localStorage.setItem("fc:dark", dark ? "1" : "0"); } catch { /* not kept */ }
    }
    for (const menu of document.querySelectorAll("details.fc-menu[open]")) {
      if (!menu.contains(event.target)) menu.open = false;
    }
  });
  window.addEventListener("load", () => {
    const kept = (() => { try { return localStorage.getItem("fc:dark"); } catch { return null; } })();
    if (kept !== null) setTimeout(() => theme(kept === "1"), 0);
  });

  return { bind, language, reveal, speaks, speech };
})();
