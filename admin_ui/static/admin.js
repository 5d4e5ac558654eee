// What the pages do beyond htmx: who frames us, toasts, questions before an act, and where the
// keyboard stands after a page changed. App Bridge adds the session token to every fetch.
(() => {
  const root = document.documentElement;
  // Shopify's sidebar shows our navigation then; a second one would be in the way.
  if (window.shopify && window.top !== window.self) root.dataset.framed = "";

  const SHOWN_MS = 6000;

  function toast(words) {
    const region = document.getElementById("toasts");
    if (!region) return;
    const box = document.createElement("div");
    box.className = "toast";
    const text = document.createElement("span");
    text.textContent = words;
    const close = document.createElement("button");
    close.type = "button";
    close.textContent = "×";
    close.setAttribute("aria-label", region.dataset.close);
    close.addEventListener("click", () => box.remove());
    box.append(text, close);
    region.replaceChildren(box);
    let timer = setTimeout(() => box.remove(), SHOWN_MS);
    const stay = () => clearTimeout(timer);
    const leave = () => { stay(); timer = setTimeout(() => box.remove(), SHOWN_MS); };
    box.addEventListener("mouseenter", stay);
    box.addEventListener("focusin", stay);
    box.addEventListener("mouseleave", leave);
    box.addEventListener("focusout", leave);
  }

  // A browser may refuse window.confirm in a frame of another origin.
  function ask(event) {
    const { ctx, issueRequest, dropRequest } = event.detail;
    const dialog = document.getElementById("ask");
    if (!ctx.confirm || !dialog) return;
    event.preventDefault();
    document.getElementById("ask-title").textContent = ctx.confirm;
    dialog.returnValue = "no";
    dialog.addEventListener(
      "close",
      () => (dialog.returnValue === "yes" ? issueRequest() : dropRequest()),
      { once: true },
    );
    dialog.showModal();
  }

  // A link could not show who asks: App Bridge adds the session token to a fetch only.
  async function download(event) {
    const button = event.target.closest("[data-download]");
    if (!button) return;
    busy(1);
    const answer = await fetch(button.dataset.download).catch(() => ({}));
    const file = answer.ok && (await answer.blob().catch(() => null));  // it may break off half-way
    busy(-1);
    if (!file) return toast(document.getElementById("toasts").dataset.lost);
    const link = document.createElement("a");
    link.href = URL.createObjectURL(file);
    link.download = /filename="([^"]+)"/.exec(answer.headers.get("content-disposition") || "")?.[1] || "file.json";
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), SHOWN_MS);
  }

  // A file goes up in pieces: each is small enough for any line and brings a fresh token.
  async function upload(form) {
    const file = form.querySelector("input[type=file]").files[0];
    const bar = form.querySelector("progress");
    const send = async (to, body, type) => {
      const answer = await fetch(to, { method: "POST", body, headers: { "Content-Type": type, "X-Regulars-Language": document.documentElement.lang } });
      const said = await answer.json().catch(() => ({}));
      if (!answer.ok) throw new Error(said.error || form.dataset.broken);
      return said;
    };
    bar.hidden = false;
    busy(1);
    try {
      const about = new URLSearchParams({ name: file.name, size: file.size });
      const { id, to, piece } = await send("/audience/imports/new", about, "application/x-www-form-urlencoded");
      let at = 0;
      while (at < file.size) {
        ({ at } = await send(`${to}?at=${at}`, file.slice(at, at + piece), "application/octet-stream"));
        bar.value = at / file.size;
      }
      form.elements.id.value = id;
      form.requestSubmit();
    } catch (error) {
      bar.hidden = true;
      toast(error instanceof TypeError ? form.dataset.broken : error.message);
    } finally {
      busy(-1);
    }
  }

  // Before htmx hears of it: the form itself goes once its file is there.
  addEventListener("submit", (event) => {
    const form = event.target.closest("[data-upload]");
    if (!form || form.elements.id.value) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    upload(form);
  }, true);

  let waiting = 0;
  function busy(change) {
    waiting = Math.max(0, waiting + change);
    root.toggleAttribute("data-busy", waiting > 0);
  }

  document.addEventListener("regulars:toast", (event) => toast(event.detail.words));
  document.addEventListener("click", download);
  document.addEventListener("htmx:confirm", ask);
  document.addEventListener("htmx:before:request", () => busy(1));
  document.addEventListener("htmx:finally:request", () => busy(-1));
  document.addEventListener("htmx:after:swap", () => {
    // What was pressed is gone with the old page: go on with what undoes it, or where the new one
    // begins.
    const next = document.querySelector("[data-next]");
    next?.removeAttribute("data-next");
    if (document.activeElement === document.body) {
      (next || document.getElementById("content"))?.focus({ preventScroll: true });
    }
  });
})();
