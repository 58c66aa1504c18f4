"use strict";
const TOP_K = 5, LARGEST_SIDE = 640, AT_A_TIME = 2;
const find = (id) => document.getElementById(id);
let canExplain = true;

// Ask the server.

async function ask(file, label) {
  const query = new URLSearchParams({ top_k: TOP_K });
  if (canExplain) query.set("explain", "cam");
  if (canExplain && label !== undefined) query.set("label", label);
  const answer = await fetch(`invocations?${query}`, {
    method: "POST", body: file, headers: { "Content-Type": "application/octet-stream", Accept: "application/json" },
  });
  const content = await answer.json().catch(() => ({}));
  if (content.error?.code === "no_explanation") {
    canExplain = false;
    return ask(file);
  }
  if (!answer.ok) throw new Error(content.error?.message ?? `The server answered ${answer.status}.`);
  return { ...content.predictions[0], parts: readParts(answer.headers.get("Server-Timing")) };
}

function readParts(text) {
  const parts = (text ?? "").split(",").map((part) => part.trim().match(/^(\w+);dur=([\d.]+)$/)).filter(Boolean);
  return parts.map(([, name, value]) => `${name} ${Number(value).toFixed(1)} ms`).join(", ");
}

// Show an answer.

function show(file) {
  const card = find("result").content.firstElementChild.cloneNode(true);
  card.querySelector(".name").textContent = file.name || "Pasted picture";
  find("results").prepend(card);
  const result = { file, card, picture: null, explanation: null };
  card.querySelector(".why input").addEventListener("change", () => draw(result));
  return result;
}

async function classify(result, label) {
  const { card, file } = result;
  card.setAttribute("aria-busy", "true");
  try {
    const [answer, picture] = await Promise.all([
      ask(file, label), result.picture ?? createImageBitmap(file, { imageOrientation: "from-image" }).catch(() => null),
    ]);
    result.picture = picture;
    result.explanation = answer.explanation ?? null;
    showBars(result, answer);
    card.querySelector(".parts").textContent = answer.parts;
    card.querySelector(".why").hidden = !result.explanation;
    draw(result);
    say(`${card.querySelector(".name").textContent}: ${answer.labels[0]}, ${percent(answer.probabilities[0])}`);
  } catch (error) {
    showError(result, error);
  } finally {
    card.setAttribute("aria-busy", "false");
  }
}

function showBars(result, answer) {
  const shown = result.explanation?.label;
  result.card.querySelector(".bars").replaceChildren(...answer.labels.map((label, place) => {
    const item = document.createElement("li"), bar = document.createElement("button");
    const name = document.createElement("span"), share = document.createElement("span");
    bar.type = "button";
    bar.style.setProperty("--share", percent(answer.probabilities[place]));
    [name.textContent, share.textContent] = [label, percent(answer.probabilities[place])];
    bar.append(name, share);
    bar.disabled = !result.explanation;
    bar.setAttribute("aria-pressed", String(label === shown));
    bar.title = "Show where this was found";
    bar.addEventListener("click", async () => {
      await classify(result, label);
      result.card.querySelectorAll(".bars button")[place]?.focus();
    });
    item.append(bar);
    return item;
  }));
}

function showError({ card }, error) {
  const text = card.querySelector(".error");
  text.textContent = error instanceof TypeError ? "The server cannot be reached; is it still running?" : error.message;
  text.hidden = false;
  card.querySelector(".picture").hidden = true;
}

function draw({ card, picture, explanation }) {
  const canvas = card.querySelector("canvas"), isShown = card.querySelector(".why input").checked;
  if (!picture) { canvas.hidden = true; return; }
  const scale = Math.min(1, LARGEST_SIDE / Math.max(picture.width, picture.height));
  canvas.width = Math.max(1, Math.round(picture.width * scale));
  canvas.height = Math.max(1, Math.round(picture.height * scale));
  const context = canvas.getContext("2d");
  context.drawImage(picture, 0, 0, canvas.width, canvas.height);
  canvas.setAttribute("aria-label", "The picture");
  if (!explanation || !isShown) return;
  const { left, top, width, height } = explanation.box;
  context.imageSmoothingQuality = "high";
  context.drawImage(
    heat(explanation.map), left * canvas.width, top * canvas.height, width * canvas.width, height * canvas.height);
  canvas.setAttribute("aria-label", `The picture, with the places marked that speak for ${explanation.label}`);
}

// What speaks most for the label is yellow, what speaks a little is a faint red, the rest stays as it is.
function heat(map) {
  const canvas = document.createElement("canvas"), most = Math.max(1e-6, ...map.flat());
  canvas.width = map[0].length; canvas.height = map.length;
  const context = canvas.getContext("2d"), image = context.createImageData(canvas.width, canvas.height);
  map.flat().forEach((value, place) => {
    const share = Math.max(0, value) / most;
    image.data.set([230 + 25 * share, 30 + 200 * share, 30 + 30 * share, 165 * share], 4 * place);
  });
  context.putImageData(image, 0, 0);
  return canvas;
}

const percent = (share) => `${(100 * share).toFixed(1)}%`;
const say = (text) => { find("status").textContent = text; };

// Take pictures: dropped, pasted, chosen, photographed or the server's own, a few at a time.

async function take(files) {
  const waiting = [...files].map(show);
  const work = async () => { while (waiting.length) await classify(waiting.shift()); };
  await Promise.all(Array.from({ length: AT_A_TIME }, work));
}

async function takeSample({ dataset: { source, name } }) {
  const answer = await fetch(source).catch(() => null);
  if (answer?.ok) return take([new File([await answer.blob()], name)]);
  say(`${name}: the server does not send it; is it still running?`);
}

function listen() {
  const drop = find("drop");
  for (const name of ["dragenter", "dragover"]) {
    addEventListener(name, (event) => { event.preventDefault(); drop.classList.add("over"); });
  }
  for (const name of ["dragleave", "drop"]) addEventListener(name, () => drop.classList.remove("over"));
  addEventListener("drop", (event) => { event.preventDefault(); take(event.dataTransfer.files); });
  addEventListener("paste", (event) => take(event.clipboardData.files));
  for (const [button, input] of [["choose", "files"], ["photograph", "camera"]]) {
    find(button).addEventListener("click", () => find(input).click());
    find(input).addEventListener("change", () => { take(find(input).files); find(input).value = ""; });
  }
  for (const button of document.querySelectorAll("#samples button")) {
    button.addEventListener("click", () => takeSample(button));
  }
}

// What is served.

async function tellModel() {
  const answer = await fetch("./", { headers: { Accept: "application/json" } });
  const told = await answer.json();
  if (!answer.ok) { find("model").textContent = told.error.message; return; }
  const { card, class_names: names, model } = told;
  const accuracy = card.test?.accuracy ?? card.valid?.accuracy;
  const backbone = card.hyperparameters?.backbone ?? model.model;
  find("model").textContent = [
    `${backbone}, ${names.length} classes, ${model.precision}`,
    ...(accuracy === undefined ? [] : [`accuracy ${percent(accuracy)} on its ${card.test?.accuracy ? "test" : "valid"} images`]),
  ].join("; ");
  find("card-text").textContent = JSON.stringify(card, null, 2);
  find("class-count").textContent = names.length;
  const list = () => {
    const sought = find("search").value.toLowerCase();
    find("class-list").replaceChildren(...names.filter((name) => name.toLowerCase().includes(sought)).map((name) => {
      const item = document.createElement("li");
      item.textContent = name;
      return item;
    }));
  };
  find("search").addEventListener("input", list);
  list();
}

listen();
tellModel().catch(() => { find("model").textContent = "The server cannot be reached; is it still running?"; });
