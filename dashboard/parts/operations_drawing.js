// How do numbers and maps look? The same value has the same colour in every map of a picture; zero is the page's own colour.

const SVG = "http://www.w3.org/2000/svg"
const ENDS = { light: [[77, 146, 33], [28, 63, 8], [197, 27, 125], [84, 6, 50]], dark: [[77, 146, 33], [205, 245, 165], [217, 60, 150], [255, 200, 232]] } // prettier-ignore

function element(name, properties = {}, ...children) {
  const made = document.createElement(name)
  for (const [key, value] of Object.entries(properties)) {
    if (key === "style" || key.includes("-") || key === "role" || key === "class" || key === "for") made.setAttribute(key, value)
    else made[key] = value
  }
  made.append(...children)
  return made
}

function vector(name, attributes = {}, ...children) {
  const made = document.createElementNS(SVG, name)
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value)
  made.append(...children)
  return made
}

/** Write a text where it is another one: what stays the same needs no layout. */
function write(node, text) {
  if (node.written !== text) node.textContent = node.written = text
}

function said(value, digits = 4) {
  if (value === null || value === undefined) return ""
  const text = Math.abs(value) >= 1000 ? Math.abs(value).toPrecision(4) : Math.abs(value).toFixed(digits)
  return (value < 0 && Number(text) !== 0 ? "−" : "") + text
}

/** A number that is added, or with its sign turned taken away: " + 0.5", " − 0.5". */
const plus = (value) => (value < 0 ? ` − ${said(-value)}` : ` + ${said(value)}`)

const powerOf = (log) => `10${[...String(Math.round(log))].map((digit) => (digit === "-" ? "⁻" : "⁰¹²³⁴⁵⁶⁷⁸⁹"[digit])).join("")}`

const percent = (fraction) => `${Math.round(100 * fraction)}\u00a0%`

function rgb(colour) {
  const canvas = (rgb.canvas ??= new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true }))
  canvas.fillStyle = colour
  canvas.fillRect(0, 0, 1, 1)
  return [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3)
}

/** The colours from −1 (green) through zero (the page's own) to 1 (magenta), 511 of them, as the page's theme asks. */
function paletteOf(root) {
  const style = getComputedStyle(root)
  const zero = rgb(style.getPropertyValue("--st-secondary-background-color").trim() || "#F2F4F7")
  const dark = zero.reduce((sum, part) => sum + part, 0) < 380
  const [lessHalf, less, moreHalf, more] = ENDS[dark ? "dark" : "light"]
  const mix = (a, b, t) => a.map((part, i) => Math.round(part + (b[i] - part) * t))
  const colours = Array.from({ length: 511 }, (_, i) => {
    const t = Math.abs(i - 255) / 255
    const [half, end] = i < 255 ? [lessHalf, less] : [moreHalf, more]
    return t < 0.6 ? mix(zero, half, t / 0.6) : mix(half, end, (t - 0.6) / 0.4)
  })
  const packed = new Uint32Array(colours.map(([r, g, b]) => ((255 << 24) | (b << 16) | (g << 8) | r) >>> 0))
  const text = colours.map(([r, g, b]) => (0.299 * r + 0.587 * g + 0.114 * b > 140 ? "#1B1F24" : "#FFFFFF"))
  return { packed, css: colours.map((colour) => `rgb(${colour})`), text }
}

const shadeOf = (value, limit) => Math.round(255 + 255 * Math.max(-1, Math.min(1, limit ? value / limit : 0)))

/** Paint a map onto a canvas; `silent`, where given, says which values are hatched. */
function paint(canvas, { height, width, values }, limit, palette) {
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height })
  const context = canvas.getContext("2d")
  const image = (canvas.image?.width === width && canvas.image.height === height) ? canvas.image : (canvas.image = context.createImageData(width, height)) // prettier-ignore
  const pixels = new Uint32Array(image.data.buffer)
  const scale = limit ? 255 / limit : 0
  for (let i = 0; i < values.length; i++) {
    const shade = 255 + values[i] * scale
    pixels[i] = palette.packed[shade < 0 ? 0 : shade > 510 ? 510 : (shade + 0.5) | 0]
  }
  context.putImageData(image, 0, 0)
}

/** The largest size of the values that are drawn, but for the strongest thousandth. */
function limitOf(...maps) {
  let most = 0
  for (const { values } of maps) for (const value of values) most = Math.max(most, Math.abs(value))
  return most
}

/** A map with a frame that moves, a title above, and a number below. */
function mapTile(title, map) {
  const canvas = element("canvas", { width: map.width, height: map.height })
  const frame = element("i", { className: "frame" })
  const box = element("div", { className: "map" }, canvas, frame)
  const label = element("div", { className: "label" }, title)
  const value = element("div", { className: "value" })
  return { tile: element("div", { className: "tile" }, label, box, value), box, canvas, frame, label, value, map }
}

/** Move a tile's frame to a square of cells, in the tile's map. */
function frameAt({ frame, map }, row, column, rows = 1, columns = rows) {
  const at = `${row} ${column} ${rows} ${columns} ${map.width}`
  if (frame.at === at) return
  frame.at = at
  Object.assign(frame.style, {
    left: `${(100 * column) / map.width}%`,
    top: `${(100 * row) / map.height}%`,
    width: `${(100 * columns) / map.width}%`,
    height: `${(100 * rows) / map.height}%`,
  })
}

/** A square of numbers on their colours. */
function numberGrid(side, className) {
  const cells = Array.from({ length: side * side }, () => element("span"))
  const grid = element("div", { className: `numbers ${className}`, style: `--side:${side}` }, ...cells)
  const fill = (values, limit, palette) =>
    cells.forEach((cell, i) => {
      const shade = shadeOf(values[i] ?? 0, limit)
      write(cell, values[i] === null ? "·" : said(values[i], limit < 0.1 ? 3 : 2))
      if (cell.shade === shade) return
      cell.shade = shade
      cell.style.background = palette.css[shade]
      cell.style.color = palette.text[shade]
    })
  return { grid, cells, fill }
}

/** Which cell of a box the pointer is over. */
function cellUnder(event, box, map) {
  const { left, top, width, height } = box.getBoundingClientRect()
  const row = Math.floor(((event.clientY - top) / height) * map.height)
  const column = Math.floor(((event.clientX - left) / width) * map.width)
  return [Math.max(0, Math.min(map.height - 1, row)), Math.max(0, Math.min(map.width - 1, column))]
}

/** A slider with its words and its value. */
function slider(words, low, high, step, value, onInput, name) {
  const digits = step < 1 ? 2 : 0
  const output = element("output", {}, said(value, digits))
  const input = element("input", { type: "range", min: low, max: high, step, value, name })
  const set = (next) => {
    input.value = next
    output.textContent = said(Number(next), digits)
  }
  input.oninput = () => {
    set(input.value)
    onInput(Number(input.value))
  }
  return { row: element("label", { className: "slider" }, words, input, output), input, set }
}
