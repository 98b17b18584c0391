"use strict";
(() => {
  // ---- The data -------------------------------------------------------------------------------------------------------
  // title, command, facts (strings), unit; frames: [label, number of dso, kind (0 process, 1 user, 2 kernel)]...; dsos: paths;
  // nodes: base64 of LEB128 triples in preorder: levels from the node before up to the parent, frame, count.
  const data = JSON.parse(document.getElementById("data").textContent);
  const PROCESS = 0, KERNEL = 2;
  const frameCount = data.frames.length / 3;
  const label = i => data.frames[3 * i];
  const dsoOf = i => data.frames[3 * i + 1];
  const kindOf = i => data.frames[3 * i + 2];

  const tree = (() => {
    const text = atob(data.nodes);
    let at = 0;
    const number = () => {
      let value = 0, scale = 1, byte;
      do {
        byte = text.charCodeAt(at++);
        value += (byte & 127) * scale;
        scale *= 128;
      } while (byte > 127);
      return value;
    };
    const parent = [-1], frame = [-1], depth = [0], self = [0];
    while (at < text.length) {
      let up = number();
      let above = parent.length - 1;
      for (; up > 0; up--) above = parent[above];
      parent.push(above);
      frame.push(number());
      depth.push(depth[above] + 1);
      self.push(number());
    }
    const size = parent.length;
    const total = Float64Array.from(self);
    for (let i = size - 1; i > 0; i--) total[parent[i]] += total[i];
    // Preorder: the nodes below i are those from i + 1 to end[i] - 1.
    const end = new Int32Array(size);
    for (let i = size - 1; i >= 0; i--) {
      end[i] = Math.max(end[i], i + 1);
      if (i > 0) end[parent[i]] = Math.max(end[parent[i]], end[i]);
    }
    return {size, parent: Int32Array.from(parent), frame: Int32Array.from(frame), depth: Int32Array.from(depth),
      self: Float64Array.from(self), total, end, deepest: depth.reduce((a, b) => Math.max(a, b), 0)};
  })();
  const ROOT = 0;
  const all = tree.total[ROOT];
  const nameOf = node => node === ROOT ? "all" : label(tree.frame[node]);

  // ---- The layout: where each box begins, in samples, and the boxes of each row from left to right -------------------------
  const left = new Float64Array(tree.size);
  let rows = [];
  let lefts = [];
  function lay(byWeight) {
    const kids = Array.from({length: tree.size}, () => null);
    for (let i = 1; i < tree.size; i++) (kids[tree.parent[i]] ??= []).push(i);
    rows = Array.from({length: tree.deepest + 1}, () => []);
    const waiting = [ROOT];
    left[ROOT] = 0;
    while (waiting.length > 0) {
      const node = waiting.pop();
      rows[tree.depth[node]].push(node);
      const below = kids[node];
      if (below === null) continue;
      if (byWeight) below.sort((a, b) => tree.total[b] - tree.total[a] || a - b);
      let x = left[node];
      for (const kid of below) {
        left[kid] = x;
        x += tree.total[kid];
      }
      for (let i = below.length - 1; i >= 0; i--) waiting.push(below[i]);
    }
    lefts = rows.map(row => Float64Array.from(row, node => left[node]));
  }

  /** The last box of a row that begins at or before x: an index into the row, or -1. */
  function boxAt(depth, x) {
    const starts = lefts[depth];
    let low = 0, high = starts.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (starts[middle] <= x) low = middle + 1; else high = middle;
    }
    return low - 1;
  }

  // ---- Colours: warm for the kernel, a hue for each file, grey for what is no code ------------------------------------------
  const weightOfDso = new Float64Array(data.dsos.length);
  let kernelWeight = 0;
  for (let i = 1; i < tree.size; i++) {
    if (kindOf(tree.frame[i]) === KERNEL) kernelWeight += tree.self[i];
    else if (kindOf(tree.frame[i]) !== PROCESS) weightOfDso[dsoOf(tree.frame[i])] += tree.self[i];
  }
  const dsosByWeight = [...weightOfDso.keys()].filter(d => weightOfDso[d] > 0).sort((a, b) => weightOfDso[b] - weightOfDso[a] || a - b);
  const HUES = [248, 155, 305, 195, 122, 350, 222, 275, 172, 328, 138, 210, 290];
  const hueOfDso = new Map(dsosByWeight.map((dso, rank) => [dso, HUES[rank % HUES.length]]));
  const hash = text => {
    let h = 0x811c9dc5;
    for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193);
    return (h >>> 0) / 2 ** 32;
  };
  /** OKLCH to CSS: equal lightness looks equally light in every hue, so that no file shouts. */
  function oklch(l, c, h) {
    const a = c * Math.cos(h * Math.PI / 180), b = c * Math.sin(h * Math.PI / 180);
    const L = (l + 0.3963377774 * a + 0.2158037573 * b) ** 3;
    const M = (l - 0.1055613458 * a - 0.0638541728 * b) ** 3;
    const S = (l - 0.0894841775 * a - 1.2914855480 * b) ** 3;
    const channel = v => {
      const g = v <= 0.0031308 ? 12.92 * v : 1.055 * v ** (1 / 2.4) - 0.055;
      return Math.round(255 * Math.min(1, Math.max(0, g)));
    };
    return `rgb(${channel(4.0767416621 * L - 3.3077115913 * M + 0.2309699292 * S)} ${
      channel(-1.2684380046 * L + 2.6097574011 * M - 0.3413193965 * S)} ${
      channel(-0.0041960863 * L - 0.7034186147 * M + 1.7076147010 * S)})`;
  }
  let dark = false;
  let paints = [];
  let faded = [];
  let rootPaint = "", matchPaint = "", ink = "", fadedInk = "", ground = "", focusInk = "";
  function mix() {
    const base = dark ? 0.50 : 0.83;
    const tint = i => {
      const spread = hash(label(i)) - 0.5, other = hash(label(i) + "~") - 0.5;
      const dso = data.dsos[dsoOf(i)];
      if (kindOf(i) === PROCESS) return [dark ? 0.42 : 0.87, 0.012, 260];
      if (kindOf(i) === KERNEL) return [base + 0.06 * spread, dark ? 0.11 : 0.115, 57 + 22 * spread];
      if (dso === "[unknown]") return [base + 0.04 * spread, 0.006, 260];
      // The more of the time a file takes, the further its functions may differ.
      const share = all === 0 ? 0 : weightOfDso[dsoOf(i)] / all;
      return [base + (0.05 + 0.05 * share) * other, dark ? 0.085 : 0.088, (hueOfDso.get(dsoOf(i)) ?? 248) + (14 + 50 * share) * spread];
    };
    paints = [];
    faded = [];
    for (let i = 0; i < frameCount; i++) {
      const [l, c, h] = tint(i);
      paints.push(oklch(l, c, h));
      faded.push(oklch(dark ? 0.31 : 0.935, c * 0.25, h));
    }
    rootPaint = oklch(dark ? 0.38 : 0.90, 0.01, 260);
    matchPaint = oklch(dark ? 0.60 : 0.70, 0.21, 340);
    ink = dark ? "#f3f1ec" : "#1c1d22";
    fadedInk = dark ? "#8b8d95" : "#83858d";
    focusInk = dark ? "#ffffff" : "#000000";
    ground = getComputedStyle(document.documentElement).getPropertyValue("--ground");
  }

  // ---- What is looked at ----------------------------------------------------------------------------------------------
  const byId = id => document.getElementById(id);
  const stage = byId("stage"), canvas = byId("graph"), extent = byId("extent"), tip = byId("tip");
  const pen = canvas.getContext("2d");
  const ROW = 19, GAP = 1, FONT = "11.5px ui-monospace, \"SF Mono\", \"Cascadia Mono\", \"DejaVu Sans Mono\", Menlo, Consolas, monospace";
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
  const state = {zoom: ROOT, icicle: false, byWeight: false, query: "", focus: -1, hover: -1};
  /** The samples between the left and right edge; moves while zooming. */
  const view = {from: 0, width: all};
  let hits = null;
  let pending = 0;
  let charWidth = 7;

  const format = new Intl.NumberFormat("en-US");
  const percent = (part, whole) => whole === 0 ? "0 %" : (100 * part / whole).toFixed(part / whole < 0.001 && part > 0 ? 3 : 2) + " %";

  function rowTop(depth) {
    const fromTop = state.icicle ? depth : tree.deepest - depth;
    const spare = state.icicle ? 0 : Math.max(0, stage.clientHeight - (tree.deepest + 1) * ROW - 8);
    return fromTop * ROW + spare + 4 - stage.scrollTop;
  }
  function depthAt(y) {
    const fromTop = Math.floor((y - rowTop(state.icicle ? 0 : tree.deepest)) / ROW);
    return state.icicle ? fromTop : tree.deepest - fromTop;
  }

  function draw() {
    pending = 0;
    const scale = devicePixelRatio || 1;
    const width = stage.clientWidth, height = stage.clientHeight;
    if (canvas.width !== Math.round(width * scale) || canvas.height !== Math.round(height * scale)) {
      canvas.width = Math.round(width * scale);
      canvas.height = Math.round(height * scale);
      canvas.style.height = height + "px";
    }
    pen.setTransform(scale, 0, 0, scale, 0, 0);
    pen.fillStyle = ground;
    pen.fillRect(0, 0, width, height);
    pen.font = FONT;
    pen.textBaseline = "middle";
    charWidth = pen.measureText("mmmmmmmmmm").width / 10;
    const margin = 16, room = width - 2 * margin;
    const perSample = room / view.width;
    let boxes = 0, labels = 0;
    for (let depth = 0; depth <= tree.deepest; depth++) {
      const top = rowTop(depth);
      if (top + ROW < 0 || top > height) continue;
      const row = rows[depth];
      // Boxes of a row tile their parents from the left; between the boxes of two parents there may be a gap.
      for (let i = Math.max(0, boxAt(depth, view.from)); i < row.length && left[row[i]] < view.from + view.width; i++) {
        const node = row[i];
        const wide = tree.total[node] * perSample;
        if (wide < 0.3) continue;
        const x0 = Math.max(0, (left[node] - view.from) * perSample);
        const x1 = Math.min(room, (left[node] + tree.total[node] - view.from) * perSample);
        if (x1 - x0 < 0.3) continue;
        boxes++;
        const above = tree.depth[node] < tree.depth[state.zoom];
        const hit = hits !== null && node !== ROOT && hits[tree.frame[node]] === 1;
        pen.fillStyle = hit ? matchPaint
          : node === ROOT ? rootPaint
          : above || hits !== null ? faded[tree.frame[node]] : paints[tree.frame[node]];
        const gap = x1 - x0 > 3 ? GAP : 0;
        pen.fillRect(margin + x0, top, x1 - x0 - gap, ROW - GAP);
        if (node === state.hover || node === state.focus) {
          pen.strokeStyle = focusInk;
          pen.lineWidth = node === state.focus ? 2 : 1;
          const inset = pen.lineWidth / 2;
          pen.strokeRect(margin + x0 + inset, top + inset, Math.max(0, x1 - x0 - gap - 2 * inset), ROW - GAP - 2 * inset);
        }
        const characters = Math.floor((x1 - x0 - 8) / charWidth);
        if (characters >= 3) {
          const name = nameOf(node);
          pen.fillStyle = hit ? (dark ? "#ffffff" : "#1c1d22") : above || hits !== null ? fadedInk : ink;
          pen.fillText(name.length <= characters ? name : name.slice(0, characters - 1) + "…", margin + x0 + 4, top + ROW / 2, x1 - x0 - 6);
          labels++;
        }
      }
    }
    canvas.dataset.boxes = boxes;
    canvas.dataset.labels = labels;
  }
  function redraw() {
    if (pending === 0) pending = requestAnimationFrame(draw);
  }

  // ---- Zoom -----------------------------------------------------------------------------------------------------------
  let motion = 0;
  function moveTo(from, width) {
    cancelAnimationFrame(motion);
    const start = performance.now(), oldFrom = view.from, oldWidth = view.width;
    if (still || document.hidden) {
      view.from = from;
      view.width = width;
      redraw();
      return;
    }
    const step = now => {
      const t = Math.min(1, (now - start) / 180);
      const ease = 1 - (1 - t) ** 3;
      view.from = oldFrom + (from - oldFrom) * ease;
      view.width = oldWidth + (width - oldWidth) * ease;
      draw();
      if (t < 1) motion = requestAnimationFrame(step);
    };
    motion = requestAnimationFrame(step);
  }
  function zoom(node) {
    state.zoom = node;
    bringIntoSight(node);
    moveTo(left[node], tree.total[node]);
    showPath();
    showMatched();
    remember();
  }
  function showPath() {
    const path = byId("path");
    path.replaceChildren();
    const nodes = [];
    for (let node = state.zoom; node !== ROOT; node = tree.parent[node]) nodes.unshift(node);
    nodes.unshift(ROOT);
    canvas.dataset.zoom = state.zoom;
    nodes.forEach((node, i) => {
      // A deep path keeps its ends.
      if (nodes.length > 9 && i > 2 && i < nodes.length - 5) {
        if (i === 3) path.append("› … ");
        return;
      }
      if (i > 0) path.append("›");
      const step = document.createElement("button");
      step.type = "button";
      step.textContent = nameOf(node);
      step.title = nameOf(node);
      if (node === state.zoom) step.setAttribute("aria-current", "true");
      step.addEventListener("click", () => zoom(node));
      path.append(step);
    });
    if (state.zoom === ROOT) {
      const hint = document.createElement("span");
      hint.textContent = "click a frame to zoom in";
      path.append(hint);
    }
  }

  // ---- Search -----------------------------------------------------------------------------------------------------------
  function search(query) {
    state.query = query;
    const field = byId("search");
    if (field.value !== query) field.value = query;
    let pattern = null;
    field.removeAttribute("aria-invalid");
    if (query !== "") {
      try {
        // As editors do: capitals in the query make it care for them.
        const wanted = query.replace(/^dso:/, "");
        pattern = new RegExp(wanted, /[A-Z]/.test(wanted.replace(/\\./g, "")) ? "u" : "iu");
      } catch {
        field.setAttribute("aria-invalid", "true");
      }
    }
    const text = query.startsWith("dso:") ? i => data.dsos[dsoOf(i)] : label;
    hits = pattern === null ? null : Uint8Array.from({length: frameCount}, (_, i) => pattern.test(text(i)) ? 1 : 0);
    showMatched();
    for (const button of byId("legend").querySelectorAll("button")) {
      button.setAttribute("aria-pressed", String(query !== "" && button.dataset.query === query));
    }
    remember();
    redraw();
  }
  /** Samples whose stack, within the zoom, has a match in it: each counted once, however often it matches. */
  function matchedSamples() {
    let sum = 0;
    for (let node = state.zoom; node < tree.end[state.zoom];) {
      if (node !== ROOT && hits[tree.frame[node]] === 1) {
        sum += tree.total[node];
        node = tree.end[node];
      } else {
        node++;
      }
    }
    return sum;
  }
  function showMatched() {
    const shown = byId("matched");
    const invalid = byId("search").getAttribute("aria-invalid") === "true";
    shown.hidden = hits === null && !invalid;
    if (hits !== null) {
      const samples = matchedSamples();
      shown.textContent = percent(samples, tree.total[state.zoom]) + " matched";
      shown.title = format.format(samples) + " " + data.unit;
      canvas.dataset.matched = samples;
    } else {
      shown.textContent = invalid ? "no regular expression" : "";
      shown.title = "";
      delete canvas.dataset.matched;
    }
  }
  function nextMatch(step) {
    if (hits === null) return;
    const span = tree.end[state.zoom] - state.zoom;
    const start = Math.max(0, state.focus - state.zoom);
    for (let i = 1; i <= span; i++) {
      const node = state.zoom + (start + step * i + span * 2) % span;
      if (node !== ROOT && hits[tree.frame[node]] === 1) {
        focus(node);
        return;
      }
    }
  }

  // ---- What is said about a frame ---------------------------------------------------------------------------------------
  function describe(node) {
    const frame = tree.frame[node];
    const lines = [];
    lines.push(["of all", percent(tree.total[node], all), format.format(tree.total[node]) + " " + data.unit]);
    if (node !== ROOT) {
      lines.push(["of caller", percent(tree.total[node], tree.total[tree.parent[node]]), ""]);
      if (state.zoom !== ROOT && state.zoom !== node) {
        lines.push(["of zoom", percent(tree.total[node], tree.total[state.zoom]), ""]);
      }
      lines.push(["itself", percent(tree.self[node], all), format.format(tree.self[node]) + " " + data.unit]);
    }
    const where = node === ROOT ? "every sample"
      : kindOf(frame) === PROCESS ? "process"
      : (kindOf(frame) === KERNEL ? "kernel · " : "") + data.dsos[dsoOf(frame)];
    return {name: nameOf(node), where, lines};
  }
  function showStatus(node) {
    const status = byId("status");
    status.replaceChildren();
    if (node < 0) {
      const hint = document.createElement("span");
      hint.textContent = "/ search · n next · arrows move · Enter zoom · Esc back";
      status.append(hint);
      return;
    }
    const {name, where, lines} = describe(node);
    const strong = document.createElement("b");
    strong.textContent = name;
    const rest = document.createElement("span");
    rest.textContent = "  " + where + "  ·  " + lines.map(([what, share]) => share + " " + what).join(", ");
    status.append(strong, rest);
  }
  function showTip(node, x, y) {
    if (node < 0) {
      tip.hidden = true;
      return;
    }
    const {name, where, lines} = describe(node);
    const title = document.createElement("h2");
    title.textContent = name;
    const place = document.createElement("p");
    place.textContent = where;
    const table = document.createElement("table");
    for (const line of lines) {
      const row = table.insertRow();
      for (const cell of line) row.insertCell().textContent = cell;
    }
    tip.replaceChildren(title, place, table);
    tip.hidden = false;
    const box = tip.getBoundingClientRect();
    const tipX = Math.min(x + 14, innerWidth - box.width - 8);
    const tipY = y + 18 + box.height > innerHeight ? y - box.height - 12 : y + 18;
    tip.style.transform = `translate(${Math.max(8, tipX)}px, ${Math.max(8, tipY)}px)`;
  }

  // ---- Mouse and keys -----------------------------------------------------------------------------------------------------
  function nodeUnder(event) {
    const bounds = canvas.getBoundingClientRect();
    const depth = depthAt(event.clientY - bounds.top);
    if (depth < 0 || depth > tree.deepest) return -1;
    const x = view.from + (event.clientX - bounds.left - 16) / (bounds.width - 32) * view.width;
    const i = boxAt(depth, x);
    if (i < 0) return -1;
    const node = rows[depth][i];
    return x < left[node] + tree.total[node] && x >= view.from && x < view.from + view.width ? node : -1;
  }
  canvas.addEventListener("mousemove", event => {
    const node = nodeUnder(event);
    canvas.classList.toggle("over", node >= 0);
    showTip(node, event.clientX, event.clientY);
    if (node !== state.hover) {
      state.hover = node;
      redraw();
    }
  });
  canvas.addEventListener("mouseleave", () => {
    state.hover = -1;
    showTip(-1, 0, 0);
    redraw();
  });
  canvas.addEventListener("click", event => {
    const node = nodeUnder(event);
    if (node < 0) return;
    focus(node);
    zoom(node === state.zoom && node !== ROOT ? tree.parent[node] : node);
  });
  stage.addEventListener("scroll", () => {
    showTip(-1, 0, 0);
    redraw();
  }, {passive: true});

  /** Makes a frame the one that keys act on, and brings it into sight. */
  function focus(node) {
    state.focus = node;
    canvas.dataset.focus = node < 0 ? "" : nameOf(node);
    showStatus(node);
    if (node >= 0) {
      bringIntoSight(node);
      const outside = left[node] + tree.total[node] <= view.from || left[node] >= view.from + view.width;
      if (outside) zoom(ROOT);
    }
    redraw();
  }
  function bringIntoSight(node) {
    const top = rowTop(tree.depth[node]);
    if (top < 0) stage.scrollTop += top - 4;
    else if (top + ROW > stage.clientHeight) stage.scrollTop += top + ROW - stage.clientHeight + 4;
  }
  function neighbour(node, step) {
    const row = rows[tree.depth[node]];
    return row[boxAt(tree.depth[node], left[node]) + step] ?? node;
  }
  function heaviestChild(node) {
    let best = node;
    for (let kid = node + 1; kid < tree.end[node]; kid = tree.end[kid]) {
      if (best === node || tree.total[kid] > tree.total[best]) best = kid;
    }
    return best;
  }
  const keys = {
    ArrowLeft: () => focus(state.focus < 0 ? state.zoom : neighbour(state.focus, -1)),
    ArrowRight: () => focus(state.focus < 0 ? state.zoom : neighbour(state.focus, 1)),
    ArrowUp: () => vertical(!state.icicle),
    ArrowDown: () => vertical(state.icicle),
    Enter: () => zoom(state.focus < 0 ? ROOT : state.focus),
    Escape: () => state.query !== "" ? search("") : zoom(state.zoom === ROOT ? ROOT : tree.parent[state.zoom]),
    Backspace: () => zoom(tree.parent[state.zoom] < 0 ? ROOT : tree.parent[state.zoom]),
    Home: () => zoom(ROOT),
    n: () => nextMatch(1),
    N: () => nextMatch(-1),
    i: () => flip(!state.icicle),
    w: () => sort(!state.byWeight),
    t: () => theme(dark ? "light" : "dark"),
    "/": () => byId("search").focus(),
  };
  function vertical(deeper) {
    if (state.focus < 0) focus(state.zoom);
    else focus(deeper ? heaviestChild(state.focus) : Math.max(ROOT, tree.parent[state.focus]));
  }
  document.addEventListener("keydown", event => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target === byId("search")) {
      if (event.key === "Enter") {
        canvas.focus();
        nextMatch(1);
        event.preventDefault();
      } else if (event.key === "Escape") {
        search("");
        canvas.focus();
      }
      return;
    }
    const onButton = event.target instanceof HTMLButtonElement && (event.key === "Enter" || event.key === " ");
    const act = keys[event.key];
    if (act === undefined || onButton) return;
    event.preventDefault();
    act();
  });

  // ---- Buttons ----------------------------------------------------------------------------------------------------------
  function flip(icicle) {
    state.icicle = icicle;
    byId("direction").textContent = icicle ? "↓ Icicle" : "↑ Flame";
    stage.scrollTop = icicle ? 0 : stage.scrollHeight;
    remember();
    redraw();
  }
  function sort(byWeight) {
    state.byWeight = byWeight;
    byId("order").textContent = byWeight ? "By weight" : "By name";
    lay(byWeight);
    view.from = left[state.zoom];
    view.width = tree.total[state.zoom];
    remember();
    redraw();
  }
  function theme(name) {
    dark = name === "dark";
    document.documentElement.dataset.theme = name;
    byId("theme").textContent = dark ? "☾ Dark" : "☀ Light";
    mix();
    showLegend();
    redraw();
  }
  function showLegend() {
    const legend = byId("legend");
    legend.replaceChildren();
    const entry = (name, colour, weight, query) => {
      const item = document.createElement("li");
      const button = document.createElement("button");
      const swatch = document.createElement("i");
      swatch.style.background = colour;
      button.type = "button";
      button.dataset.query = query;
      button.title = "Search " + query;
      button.append(swatch, name + " " + Math.round(100 * weight / all) + " %");
      button.setAttribute("aria-pressed", String(state.query === query));
      button.addEventListener("click", () => search(state.query === query ? "" : query));
      item.append(button);
      legend.append(item);
    };
    const base = dark ? 0.50 : 0.80;
    const exactly = paths => "dso:^(" + paths.map(path => path.replace(/[\\^$.*+?()[\]{}|\/]/g, "\\$&")).join("|") + ")$";
    if (kernelWeight > 0) {
      const dsos = new Set();
      for (let i = 0; i < frameCount; i++) if (kindOf(i) === KERNEL) dsos.add(data.dsos[dsoOf(i)]);
      entry("kernel", oklch(base, 0.12, 57), kernelWeight, exactly([...dsos]));
    }
    for (const dso of dsosByWeight.slice(0, 6)) {
      if (weightOfDso[dso] < all / 200) break;
      const path = data.dsos[dso];
      const colour = path === "[unknown]" ? oklch(base, 0.006, 260) : oklch(base, 0.10, hueOfDso.get(dso));
      entry(path.slice(path.lastIndexOf("/") + 1), colour, weightOfDso[dso], exactly([path]));
    }
  }
  byId("direction").addEventListener("click", () => flip(!state.icicle));
  byId("order").addEventListener("click", () => sort(!state.byWeight));
  byId("theme").addEventListener("click", () => theme(dark ? "light" : "dark"));
  byId("search").addEventListener("input", event => search(event.target.value));

  // ---- The address keeps what is looked at: #zoom=NODE&search=QUERY&view=icicle&order=weight ----------------------------------
  let restoring = true;
  function remember() {
    if (restoring) return;
    const parts = new URLSearchParams();
    if (state.zoom !== ROOT) parts.set("zoom", String(state.zoom));
    if (state.query !== "") parts.set("search", state.query);
    if (state.icicle) parts.set("view", "icicle");
    if (state.byWeight) parts.set("order", "weight");
    try {
      history.replaceState(null, "", "#" + parts);
    } catch {
      // A browser may forbid it to pages from files: then the address does not follow, and nothing else is lost.
    }
  }
  function restore() {
    restoring = true;
    const parts = new URLSearchParams(location.hash.slice(1));
    const node = Number(parts.get("zoom") ?? 0);
    state.zoom = Number.isInteger(node) && node > 0 && node < tree.size ? node : ROOT;
    sort(parts.get("order") === "weight");
    flip(parts.get("view") === "icicle");
    showPath();
    search(parts.get("search") ?? "");
    restoring = false;
  }

  document.title = data.title;
  byId("title").textContent = data.title;
  byId("title").title = data.command;
  byId("facts").textContent = data.facts.join("  ·  ");
  extent.style.height = ((tree.deepest + 1) * ROW + 8) + "px";
  const preference = matchMedia("(prefers-color-scheme: dark)");
  theme(preference.matches ? "dark" : "light");
  preference.addEventListener("change", () => theme(preference.matches ? "dark" : "light"));
  showStatus(-1);
  restore();
  draw();
  addEventListener("hashchange", restore);
  new ResizeObserver(() => {
    if (!state.icicle && stage.scrollTop === 0) stage.scrollTop = stage.scrollHeight;
    redraw();
  }).observe(stage);
})();
