
// Headings that sort: by number where a cell has one, else by its text; cells without a value stay last.
for (const table of document.querySelectorAll("table.sortable")) {
  const body = table.tBodies[0], headings = [...table.tHead.rows[0].cells];
  const key = (row, column) => {
    const cell = row.cells[column], data = cell.querySelector("data");
    return data ? Number(data.value) : cell.textContent.trim();
  };
  headings.forEach((heading, column) => {
    const press = document.createElement("button");
    press.type = "button";
    press.textContent = heading.textContent;
    heading.replaceChildren(press);
    press.addEventListener("click", () => {
      const up = heading.getAttribute("aria-sort") !== "ascending";
      headings.forEach((each) => each.removeAttribute("aria-sort"));
      heading.setAttribute("aria-sort", up ? "ascending" : "descending");
      const missing = (value) => value === "" || value === "\u2013";
      const compare = (a, b) => missing(a) || missing(b) ? missing(a) - missing(b)
        : (up ? 1 : -1) * (typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b), "en", { numeric: true }));
      body.append(...[...body.rows].sort((one, other) => compare(key(one, column), key(other, column))));
    });
  });
}
