
"use strict";
(() => {
  const SIDE = 32; // pixels of a stamp
  const BLINK = 450; // ms; slower than three flashes a second
  const AHEAD = "900px"; // what comes so near to the window is drawn

  const byId = id => document.getElementById(id);
  const night = JSON.parse(byId("night").textContent);
  byId("night").remove();
  const cards = night.cards;
  const byKey = new Map(cards.map(card => [card.key, card]));
  // Where the classifier says nothing of tracklets, the mean of what it says of their detections has to do.
  const ofTracklets = cards.some(card => card.probability !== null);
  for (const card of cards) {
    const each = card.detections.map(detection => detection.probability).filter(probability => probability !== null);
    const mean = each.length ? each.reduce((sum, probability) => sum + probability, 0) / each.length : null;
    card.likely = ofTracklets ? card.probability : mean;
  }
  const still = matchMedia("(prefers-reduced-motion: reduce)");

  // Elements are made of names and texts only: no text is ever read as markup.
  function make(tag, attributes, ...inside) {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes ?? {})) {
      if (value !== null) made.setAttribute(name, value);
    }
    made.append(...inside);
    return made;
  }

  // Numbers as people read them

  const fixed = (value, digits, unit = "") => value === null ? "–" : value.toFixed(digits) + unit;
  const clock = mjd => mjd === null ? "–" : new Date(Math.round((mjd - 40587) * 86400) * 1000).toISOString().slice(11, 19);

  function sexagesimal(value, digits, plus, most = Infinity) {
    if (value === null) return "–";
    const parts = 10 ** digits;
    const all = Math.round(Math.abs(value) * 3600 * parts);
    const seconds = all % (60 * parts);
    const minutes = (all - seconds) / (60 * parts);
    const whole = Math.floor(minutes / 60) % most;
    const text = [whole, minutes % 60].map(each => String(each).padStart(2, "0")).join(" ");
    return `${value < 0 ? "−" : plus}${text} ${(seconds / parts).toFixed(digits).padStart(digits + 3, "0")}`;
  }

  const degrees = card => card.angle === null ? "–" : `${card.angle.toFixed(0)}°`;

  // Decisions: a list of all that was decided, in its order. What holds is the last of each; undoing takes one away.

  const STORE = `ceres-fast review ${night.key}`;
  let history = [];
  let stored = true;

  function restore() {
    try {
      const found = JSON.parse(localStorage.getItem(STORE) ?? "[]");
      history = found.filter(each => typeof each[0] === "string" && ["accepted", "rejected"].includes(each[1]));
    } catch (error) {
      stored = !(error instanceof DOMException);
      history = [];
    }
    for (const card of cards) card.decision = "undecided";
    for (const [key, decision] of history) if (byKey.has(key)) byKey.get(key).decision = decision;
  }

  function store() {
    try {
      localStorage.setItem(STORE, JSON.stringify(history));
      stored = true;
    } catch {
      stored = false;
    }
    byId("not-stored").hidden = stored;
    byId("notes").hidden = night.notes.length === 0 && stored;
  }

  // Cards: a heading for each, and what is in it when it comes near the window

  const near = new IntersectionObserver(entries => {
    for (const entry of entries) if (entry.isIntersecting) fill(byKey.get(entry.target.dataset.key));
  }, {rootMargin: AHEAD});

  function shell(card, number) {
    card.title = make("h2", {id: `title-${number}`}, card.id);
    card.state = make("span", {class: "state"});
    card.article = make("article", {class: "card", tabindex: "-1", "aria-labelledby": `title-${number}`},
      make("div", {class: "top"}, card.title, card.state));
    card.article.dataset.key = card.key;
    card.article.addEventListener("pointerdown", () => choose(card, false));
    card.article.addEventListener("focusin", () => choose(card, false));
    near.observe(card.article);
  }

  function fill(card) {
    if (card.filled) return;
    card.filled = true;
    near.unobserve(card.article);
    const pixels = Uint8Array.from(atob(card.stamps), letter => letter.charCodeAt(0));
    // In the order of time; stamps of exposures without a detection come after the others in the data.
    const times = [...card.detections.map(each => each.mjd), ...card.others];
    const looks = [...times.keys()].sort((one, other) => times[one] - times[other]);
    card.images = looks.map(number => {
      const image = new ImageData(SIDE, SIDE);
      for (let place = 0; place < SIDE * SIDE; place++) {
        image.data.fill(pixels[number * SIDE * SIDE + place], 4 * place, 4 * place + 3);
        image.data[4 * place + 3] = 255;
      }
      return image;
    });
    card.big = make("canvas", {width: SIDE, height: SIDE, "aria-hidden": "true"});
    card.bigText = make("figcaption");
    const big = make("figure", {class: "big"}, card.big, card.bigText);
    const row = make("div", {class: looks.length > 4 ? "row" : "row few"});
    card.figures = looks.map((number, place) => {
      const doubt = !card.there[number] ? "no pixels" : number < card.detections.length ? "" : "not detected";
      const label = `Stamp ${place + 1} of ${looks.length}${doubt && `, ${doubt}`}`;
      const canvas = make("canvas", {width: SIDE, height: SIDE, role: "img", "aria-label": label});
      canvas.getContext("2d").putImageData(card.images[place], 0, 0);
      const figure = make("figure", {class: doubt && "doubt"}, canvas,
        make("figcaption", {}, clock(times[number]), ...doubt ? [make("br"), doubt] : []));
      row.append(figure);
      return figure;
    });
    card.accept = make("button", {type: "button", "aria-keyshortcuts": "a"}, "Accept ", make("kbd", {}, "a"));
    card.reject = make("button", {type: "button", "aria-keyshortcuts": "r"}, "Reject ", make("kbd", {}, "r"));
    card.blink = make("button", {type: "button", "aria-keyshortcuts": "b"}, "Blink ", make("kbd", {}, "b"));
    card.accept.addEventListener("click", () => decide(card, "accepted"));
    card.reject.addEventListener("click", () => decide(card, "rejected"));
    card.blink.addEventListener("click", () => toggleBlinking(card));
    for (const each of [big, row]) {
      each.addEventListener("pointerenter", event => {
        if (event.pointerType === "mouse" && !still.matches && !card.timer) startBlinking(card, true);
      });
      each.addEventListener("pointerleave", () => { if (card.hovered) stopBlinking(card); });
    }
    card.article.append(
      make("div", {class: "looks"}, big, facts(card), row), places(card),
      make("div", {class: "buttons"}, card.accept, card.reject, card.blink));
    show(card, 0);
    mark(card);
  }

  function facts(card) {
    const {name, source} = card.known;
    const known = name
      ? `${name}, ${fixed(card.known.separation, 1, "″")} and ${fixed(card.known.rate_difference, 3, "″/min")} off`
        + (card.known.magnitude === null ? "" : `, predicted ${fixed(card.known.magnitude, 1, " mag")}`) + ` (${source})`
      : source ? `new: none in ${source}` : "not looked up";
    const lines = {
      Probability: fixed(card.likely, 3) + (ofTracklets ? "" : ", mean of its detections"),
      Magnitude: fixed(card.magnitude, 2) + (card.filter ? ` (${card.filter})` : ""),
      Seen: `in ${card.detections.length} exposures` + (card.others.length ? `, not in ${card.others.length}` : ""),
      Motion: `${fixed(card.rate, 2, "″/min")} at PA ${degrees(card)}`,
      ...card.candidate ? {} : {Candidate: "no: below the threshold, or dropped"},
      Known: make("span", {class: source && !name ? "new" : null}, known),
    };
    return make("dl", {class: "facts"}, ...Object.entries(lines).flatMap(
      ([term, text]) => [make("dt", {}, term), make("dd", {}, text)]));
  }

  function places(card) {
    const heads = ["UTC", "RA", "Dec", "mag", "P", "x", "y", "frame"];
    const lines = card.detections.map(each => [
      clock(each.mjd), sexagesimal(each.ra === null ? null : each.ra / 15, 2, "", 24), sexagesimal(each.dec, 1, "+"),
      fixed(each.magnitude, 2), fixed(each.probability, 3), fixed(each.x, 1), fixed(each.y, 1),
      each.frame + (each.ccd ? ` ${each.ccd}` : ""),
    ]);
    return make("div", {class: "wide", role: "region", tabindex: "0", "aria-label": `Places of ${card.id}`},
      make("table", {},
        make("thead", {}, make("tr", {}, ...heads.map(each => make("th", {scope: "col"}, each)))),
        make("tbody", {}, ...lines.map(line => make("tr", {}, ...line.map(each => make("td", {}, each)))))));
  }

  function mark(card) {
    card.article.classList.toggle("accepted", card.decision === "accepted");
    card.article.classList.toggle("rejected", card.decision === "rejected");
    card.state.textContent = {accepted: "✓ accepted", rejected: "✗ rejected", undecided: "undecided"}[card.decision];
    card.accept?.setAttribute("aria-pressed", card.decision === "accepted");
    card.reject?.setAttribute("aria-pressed", card.decision === "rejected");
  }

  // Blinking

  function show(card, number) {
    card.number = number;
    card.big.getContext("2d").putImageData(card.images[number], 0, 0);
    card.bigText.textContent = `${number + 1} of ${card.images.length}`;
    card.figures.forEach((figure, each) => figure.classList.toggle("shown", each === number && card.images.length > 1));
  }

  const next = card => show(card, (card.number + 1) % card.images.length);

  function startBlinking(card, hovered) {
    card.hovered = hovered;
    card.timer = setInterval(next, BLINK, card);
    card.blink.setAttribute("aria-pressed", true);
  }

  function stopBlinking(card) {
    clearInterval(card.timer);
    card.timer = card.hovered = null;
    card.blink?.setAttribute("aria-pressed", false);
  }

  function toggleBlinking(card) {
    fill(card);
    if (still.matches) next(card);
    else if (card.timer) stopBlinking(card);
    else startBlinking(card, false);
  }

  // Which cards are shown, and in which order

  let shown = [];
  let current = null;

  if (!ofTracklets) byId("order").options[0].text += " (mean of its detections)";
  const ORDERS = { // what is not known comes last
    probable: card => -(card.likely ?? -1),
    night: () => 0,
    bright: card => card.magnitude ?? Infinity,
    fast: card => -(card.rate ?? -1),
    slow: card => card.rate ?? Infinity,
  };

  function wanted(card) {
    const {field, known, decision, candidate, probability} = chosen;
    return (!field || card.field === field)
      && (!known || known === (card.known.name ? "known" : card.known.source ? "new" : "unasked"))
      && (!decision || card.decision === decision)
      && (!candidate || card.candidate === (candidate === "yes"))
      && (card.likely === null || card.likely >= probability); // in doubt it is shown
  }

  let chosen = {};

  function refresh(anew = false) {
    chosen = Object.fromEntries(["field", "known", "decision", "candidate"].map(name => [name, byId(name).value]));
    chosen.probability = Number(byId("probability").value);
    const order = ORDERS[byId("order").value];
    shown = cards.filter(wanted);
    const values = new Map(shown.map(card => [card, order(card)]));
    shown.sort((one, other) => values.get(one) - values.get(other) || 0);
    byId("cards").replaceChildren(...shown.map(card => card.article));
    shown.forEach((card, number) => {
      card.article.setAttribute("aria-posinset", number + 1);
      card.article.setAttribute("aria-setsize", shown.length);
      mark(card);
    });
    if (anew || !shown.includes(current)) choose(shown.find(card => card.decision === "undecided") ?? shown[0] ?? null, false);
    count();
  }

  function count() {
    const of = decision => cards.filter(card => card.decision === decision).length;
    byId("counts").textContent = `${shown.length} of ${cards.length} · ${of("accepted")} accepted · `
      + `${of("rejected")} rejected · ${of("undecided")} left`;
    byId("nothing").hidden = shown.length > 0;
    byId("undo").disabled = history.length === 0;
  }

  function choose(card, scroll = true) {
    if (current && current !== card) {
      current.article.classList.remove("current");
      current.article.setAttribute("tabindex", "-1");
      stopBlinking(current);
    }
    current = card;
    if (!card) return;
    fill(card);
    card.article.classList.add("current");
    card.article.setAttribute("tabindex", "0");
    if (scroll) {
      card.article.scrollIntoView({block: "center"});
      card.article.focus({preventScroll: true});
    }
  }

  function step(by) {
    const place = shown.indexOf(current) + by;
    if (place >= 0 && place < shown.length) choose(shown[place]);
    else say(by > 0 ? "This is the last." : "This is the first.");
  }

  // What the keys and buttons do

  function decide(card, decision) {
    const place = shown.indexOf(card);
    if (card.decision !== decision) {
      history.push([card.key, decision]);
      card.decision = decision;
      store();
    }
    mark(card);
    const later = [...shown.slice(place + 1), ...shown.slice(0, place)].find(each => each.decision === "undecided");
    if (!wanted(card)) {
      shown.splice(place, 1);
      stopBlinking(card);
      card.article.remove();
    }
    count();
    const after = later ? ` Now at ${later.id}.` : " None is left undecided here.";
    say(`${decision === "accepted" ? "Accepted" : "Rejected"} ${card.id}.${after}`);
    choose(later ?? (shown.includes(card) ? card : shown[Math.min(place, shown.length - 1)] ?? null));
  }

  function undo() {
    const last = history.pop();
    if (!last) return say("There is nothing to undo.");
    store();
    const card = byKey.get(last[0]);
    if (!card) return undo(); // decided in another version of this night, which had other tracklets
    card.decision = history.findLast(each => each[0] === card.key)?.[1] ?? "undecided";
    if (shown.includes(card) && wanted(card)) {
      mark(card);
      count();
    } else {
      refresh();
    }
    say(`Undone: ${card.id} is ${card.decision} again.`);
    if (shown.includes(card)) choose(card);
  }

  const say = text => { byId("said").textContent = text; };

  // The file: astropy's ECSV, one row for each detection of what was accepted

  const COLUMNS = [
    ["tracklet", "string", null], ["designation", "string", null], ["detection", "string", null],
    ["mjd", "float64", "d"], ["ra", "float64", "deg"], ["dec", "float64", "deg"], ["magnitude", "float64", "mag"],
    ["rate", "float64", "arcsec / min"], ["position_angle", "float64", "deg"],
  ];

  // In YAML as in JSON, but that letters beyond 16 bits are one escape, and nothing else than ASCII is left.
  const yaml = text => JSON.stringify(text).replace(/[^\x20-\x7e]/gu, letter =>
    `\\U${letter.codePointAt(0).toString(16).padStart(8, "0")}`);
  const cell = value => value === null ? "" : typeof value === "number" ? String(value)
    : `"${value.replace(/[\x00-\x1f\x7f-\x9f\u2028\u2029]/g, " ").replaceAll('"', '""')}"`;

  function ecsv() {
    const of = decision => cards.filter(card => card.decision === decision);
    const accepted = of("accepted"), rejected = of("rejected");
    const head = [
      "%ECSV 1.0", "---", "delimiter: ','", "datatype:",
      ...COLUMNS.map(([name, kind, unit]) => `- {name: ${name}, ${unit ? `unit: ${unit}, ` : ""}datatype: ${kind}}`),
      "meta: !!omap", `- written_by: ${yaml(`ceres-fast ${night.version}, review`)}`, `- night: ${yaml(night.title)}`,
      `- page: ${yaml(night.page)}`,
      `- accepted_count: ${accepted.length}`, `- rejected_count: ${rejected.length}`,
      `- undecided_count: ${of("undecided").length}`,
      `- rejected:${rejected.length ? "" : " []"}`, ...rejected.map(card => `  - ${yaml(card.id)}`),
      "schema: astropy-2.0",
    ].map(line => `# ${line}`);
    const rows = accepted.flatMap(card => card.detections
      .filter(each => each.mjd !== null && each.ra !== null && each.dec !== null)
      .map(each => [card.id, card.designation, each.detection, each.mjd, each.ra, each.dec, each.magnitude, card.rate,
        card.angle].map(cell).join(",")));
    return [...head, COLUMNS.map(([name]) => name).join(","), ...rows, ""].join("\n");
  }

  // Back again: only what a page of the same tracklets has saved.
  function decided(text) {
    const lines = text.split("\n");
    if (!lines.includes(`# - page: ${yaml(night.page)}`)) return null;
    const named = new Map(cards.flatMap(card => [[yaml(card.id), card], [cell(card.id), card]]));
    const after = lines.indexOf(COLUMNS.map(([name]) => name).join(","));
    const rejected = lines.slice(0, after).map(line => named.get(line.match(/^# {3}- (".*")$/)?.[1]));
    const accepted = lines.slice(after + 1).map(line => named.get(line.match(/^"(?:[^"]|"")*"/)?.[0]));
    return [["accepted", new Set(accepted)], ["rejected", new Set(rejected)]];
  }

  async function load() {
    const [file] = byId("file").files;
    byId("file").value = ""; // so that the same file can be loaded again
    const found = file && decided(await file.text());
    if (!found) return say(file ? `${file.name} was not saved by a page of these tracklets.` : "");
    let number = 0;
    for (const [decision, of] of found) {
      for (const card of of) {
        if (!card || card.decision === decision) continue;
        history.push([card.key, card.decision = decision]);
        number++;
      }
    }
    store();
    refresh(true);
    say(`Loaded ${file.name}: ${number} decisions are new.`);
  }

  function save() {
    const address = URL.createObjectURL(new Blob([ecsv()], {type: "text/plain"}));
    make("a", {href: address, download: night.saved_as}).click();
    setTimeout(() => URL.revokeObjectURL(address), 60000);
    say(`Saved as ${night.saved_as}, among your downloads.`);
  }

  const KEYS = {
    j: () => step(1),
    k: () => step(-1),
    a: () => current && decide(current, "accepted"),
    r: () => current && decide(current, "rejected"),
    b: () => current && toggleBlinking(current),
    u: undo,
    s: save,
    "?": () => { byId("help").open = !byId("help").open; },
  };

  addEventListener("beforeunload", event => { if (!stored && history.length) event.preventDefault(); });

  addEventListener("keydown", event => {
    const key = event.key.toLowerCase();
    const typing = event.target.closest?.("input:not([type=checkbox]), select, textarea");
    if (typing || event.ctrlKey || event.metaKey || event.altKey || !byId("keys").checked) return;
    if (!Object.hasOwn(KEYS, key)) return;
    event.preventDefault();
    if (!event.repeat || "jk".includes(key)) KEYS[key](); // a key that is held decides once
  });

  // The beginning

  function begin() {
    const counts = new Map();
    for (const card of cards) counts.set(card.field, (counts.get(card.field) ?? 0) + card.candidate);
    for (const [field, number] of counts) byId("field").append(make("option", {value: field}, `${field} (${number})`));
    for (const {about, text} of night.notes) {
      byId("notes-list").append(make("li", {}, make("strong", {}, about), text && `. ${text}`));
    }
    const warning = "Decisions are not kept in this browser: they are lost when the page is closed. Save them as a file; it can be loaded again.";
    byId("notes-list").append(make("li", {id: "not-stored"}, warning));
    cards.forEach(shell);
    byId("candidate").closest("label").hidden = cards.every(card => card.candidate);
    restore();
    store();
    byId("footer").textContent = `Written by ceres-fast ${night.version}. This page sends nothing, and fetches nothing.`;
    byId("filters").addEventListener("input", () => refresh(true));
    byId("filters").addEventListener("submit", event => event.preventDefault());
    byId("undo").addEventListener("click", undo);
    byId("save").addEventListener("click", save);
    byId("load").addEventListener("click", () => byId("file").click());
    byId("file").addEventListener("change", load);
    addEventListener("storage", event => { if (event.key === STORE) { restore(); refresh(); } });
    refresh();
  }

  begin();
})();
