
// Cells of the confusion matrix open to their images. One of them is reached by Tab, the others by the arrow keys.
const matrix = document.getElementById("matrix");
if (matrix) {
  const { classes, cells, unknown } = JSON.parse(document.getElementById("page-data").textContent);
  const buttons = [...matrix.querySelectorAll("button[data-cell]")];
  const places = new Map(buttons.map((each) => [each, [each.parentNode.parentNode.rowIndex, each.parentNode.cellIndex]]));
  const dialog = document.getElementById("cell");
  const make = (tag, text, parent) => { const made = document.createElement(tag); made.textContent = text; parent.append(made); return made; };
  const share = (value) => `${(100 * value).toFixed(1)} %`;

  function card({ path, probability, trueProbability, picture, source, absent }, truth, predicted) {
    const figure = document.createElement("figure");
    figure.className = "picture";
    const elsewhere = source || picture < 0 ? null : document.querySelector(`section img[data-picture="${picture}"]`);
    const from = source || (elsewhere && elsewhere.src);
    if (from) {
      const image = document.createElement("img");
      image.src = from;
      image.alt = `${truth}: ${path}`;
      figure.append(image);
    } else {
      make("p", absent, figure).className = "absent";
    }
    const caption = make("figcaption", "", figure);
    make("strong", predicted, caption);
    caption.append(" ");
    make("span", share(probability), caption).className = "share";
    if (truth !== predicted) {
      caption.append(document.createElement("br"), `is ${truth} `);
      make("span", share(trueProbability), caption).className = "share";
    }
    caption.append(document.createElement("br"));
    make("span", path, caption).className = "small";
    return figure;
  }

  function open(key) {
    const [truth, predicted] = key.split(",").map((number) => classes[Number(number)]);
    const { count, images, order } = cells[key];
    document.getElementById("cell-title").textContent = truth === predicted ? truth : `${truth}, taken for ${predicted}`;
    const some = images.length < count ? `${images.length} of ${count} images` : count === 1 ? "1 image" : `All ${count} images`;
    document.getElementById("cell-lead").textContent = !images.length ? unknown : count > 1 ? `${some}, ${order}.` : `${some}.`;
    document.getElementById("cell-pictures").replaceChildren(...images.map((image) => card(image, truth, predicted)));
    dialog.showModal(); // which gives the focus back when it closes
    dialog.scrollTop = 0;
  }

  function reach(button) {
    buttons.forEach((each) => { each.tabIndex = -1; });
    button.tabIndex = 0;
  }
  if (buttons.length) reach(buttons[0]);

  // The nearest cell with images in a direction: in the same row or column, else in one further on.
  function next(from, [down, right]) {
    const [row, column] = places.get(from);
    const ahead = buttons.filter((each) => {
      const [otherRow, otherColumn] = places.get(each);
      return down ? down * (otherRow - row) > 0 : right * (otherColumn - column) > 0;
    });
    const away = (each) => {
      const [otherRow, otherColumn] = places.get(each);
      const along = Math.abs(down ? otherRow - row : otherColumn - column), across = Math.abs(down ? otherColumn - column : otherRow - row);
      return (across ? 10000 : 0) + along * 100 + across;
    };
    return ahead.sort((one, other) => away(one) - away(other))[0];
  }
  const ARROWS = { ArrowDown: [1, 0], ArrowUp: [-1, 0], ArrowRight: [0, 1], ArrowLeft: [0, -1] };
  matrix.addEventListener("keydown", (event) => {
    const button = event.target.closest("button[data-cell]");
    if (!button || !ARROWS[event.key]) return;
    event.preventDefault();
    const found = next(button, ARROWS[event.key]);
    if (found) { reach(found); found.focus(); }
  });

  document.addEventListener("click", (event) => {
    const button = event.target.closest("button[data-cell]");
    if (!button) return;
    if (matrix.contains(button)) reach(button);
    open(button.dataset.cell);
  });
  document.getElementById("cell-close").addEventListener("click", () => dialog.close());
  dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
}
