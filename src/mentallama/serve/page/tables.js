// Files of posts, read in the browser: rows of named cells.

/** Read a file's text by its name's ending; returns {columns, rows}. Throws an Error to be shown. */
export function readTable(name, text) {
  const clean = text.replace(/^\uFEFF/, "");
  const table = name.endsWith(".jsonl")
    ? readLines(clean)
    : /\.(csv|tsv)$/.test(name)
      ? readCells(clean)
      : readText(clean);
  if (!table.rows.length) throw new Error("There are no rows in this file.");
  return table;
}

/** The column that most likely holds the posts. */
export function guessColumn({ columns, rows }) {
  const named = columns.find((name) => /^(post|text|body|tweet|message|content)$/i.test(name));
  if (named) return named;
  const longest = (name) => rows.slice(0, 50).reduce((sum, row) => sum + String(row[name] ?? "").length, 0);
  return columns.reduce((best, name) => (longest(name) > longest(best) ? name : best), columns[0]);
}

function readText(text) {
  const rows = text.split(/\r?\n/).filter((line) => line.trim()).map((line) => ({ text: line }));
  return { columns: ["text"], rows };
}

function readLines(text) {
  const rows = [];
  text.split(/\r?\n/).forEach((line, index) => {
    if (!line.trim()) return;
    let row = null;
    try {
      row = JSON.parse(line);
    } catch {
      throw new Error(`Line ${index + 1} is not JSON.`);
    }
    if (typeof row === "string") row = { text: row };
    if (row === null || typeof row !== "object" || Array.isArray(row)) throw new Error(`Line ${index + 1} is no JSON object.`);
    rows.push(row);
  });
  const columns = [...new Set(rows.flatMap((row) => Object.keys(row).filter((key) => typeof row[key] === "string")))];
  if (rows.length && !columns.length) throw new Error("No field of this file holds text.");
  return { columns, rows };
}

function readCells(text) {
  const [header, ...body] = splitCells(text, guessMark(text)).filter((row) => row.some((cell) => cell !== ""));
  if (!header) return { columns: [], rows: [] };
  const columns = header.map((name, index) => name.trim() || `column ${index + 1}`);
  const rows = body.map((cells) => Object.fromEntries(columns.map((name, index) => [name, cells[index] ?? ""])));
  return { columns, rows };
}

function guessMark(text) {
  const first = text.split("\n", 1)[0];
  return [",", "\t", ";"].reduce((best, mark) => (first.split(mark).length > first.split(best).length ? mark : best));
}

/** RFC 4180: quoted cells may hold marks, breaks and doubled quotes. */
function splitCells(text, mark) {
  const rows = [];
  let row = [], cell = "", quoted = false;
  for (let at = 0; at < text.length; at += 1) {
    const char = text[at];
    if (quoted) {
      if (char !== '"') cell += char;
      else if (text[at + 1] === '"') { cell += '"'; at += 1; }
      else quoted = false;
    } else if (char === '"' && cell === "") quoted = true;
    else if (char === mark) { row.push(cell); cell = ""; }
    else if (char === "\n" || char === "\r") {
      if (char === "\r" && text[at + 1] === "\n") at += 1;
      row.push(cell);
      rows.push(row);
      row = []; cell = "";
    } else cell += char;
  }
  if (quoted) throw new Error("A quoted cell of this file has no end.");
  if (cell !== "" || row.length) rows.push([...row, cell]);
  return rows;
}
