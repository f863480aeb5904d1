// What can the pixel see? The largest possible field as a frame, the measured one as a heat map.

/** How fields grow from block to block: the largest possible one, and the square that would hold half of the measured one. */
function growthLines(lanes) {
  const [width, height, left] = [640, 190, 34]
  const side = Math.max(...lanes.flatMap(({ extra }) => extra.growth.largest))
  const x = (i, count) => left + (i / Math.max(1, count - 1)) * (width - left - 8)
  const y = (value) => 6 + (1 - value / side) * (height - 12)
  const points = (values) => values.map((value, i) => `${x(i, values.length).toFixed(1)},${y(value).toFixed(1)}`).join(" ")
  const picture = vector("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": "Side of the receptive field by block" })
  for (const value of [0, side / 2, side]) {
    picture.append(vector("line", { x1: left, x2: width, y1: y(value), y2: y(value), stroke: "var(--st-border-color)" }))
    picture.append(vector("text", { x: left - 6, y: y(value) + 4, "text-anchor": "end", "font-size": 12, fill: "currentColor" }, String(Math.round(value))))
  }
  for (const { extra, colour } of lanes) {
    const { measured, largest } = extra.growth
    picture.append(vector("polyline", { points: points(largest), class: colour, fill: "none", stroke: "currentColor", "stroke-width": 1.5, "stroke-dasharray": "5 4" }))
    picture.append(vector("polyline", { points: points(measured), class: colour, fill: "none", stroke: "var(--own)", "stroke-width": 3 }))
  }
  const { labels } = lanes[0].extra.growth
  const ends = lanes.map((lane) => {
    const { measured } = lane.extra.growth
    return `${lane.title} ${measured[0]} to ${measured.at(-1)}`
  })
  return element("div", { className: "line growth" },
    element("p", {}, `The middle cell of every block, in pixels along one side: what it can see at most (dashed), and the square that holds half of its gradient. ${ends.join("; ")}.`),
    picture, element("div", { className: "ends" }, element("span", {}, labels[0]), element("span", {}, labels.at(-1)))) // prettier-ignore
}

function fieldLook(root, lanes, context) {
  const first = lanes[0].output // whose cells are chosen
  let [row, column] = context.cell
  const parts = lanes.map((lane) => {
    const tile = mapTile(`output, channel ${lane.convolutions.at(-1).channel}: move over it, click to measure`, lane.output)
    paint(tile.canvas, lane.output, limitOf(lane.output), context.palette)
    const photo = mapTile("", { height: context.side, width: context.side })
    const heat = element("img", { className: "heat", src: lane.extra.heat, alt: "" })
    photo.canvas.replaceWith(element("img", { src: context.photograph, alt: "", draggable: false }), heat)
    const words = element("p")
    const section = element("section", { className: `detail ${lane.colour}` }, element("h3", {}, element("b", {}, lane.title), ` · ${lane.block}`),
      element("div", { className: "sum field" }, tile.tile, element("b", {}, "→"), photo.tile), words) // prettier-ignore
    tile.box.onpointermove = (event) => {
      const [y, x] = cellUnder(event, tile.box, first)
      ;[row, column] = [y, x]
      draw()
    }
    tile.box.onclick = () => context.choose("pixel", `${row}-${column}`)
    tile.box.tabIndex = 0
    tile.box.onkeydown = (event) => {
      const by = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key]
      if (by) {
        row = Math.max(0, Math.min(first.height - 1, row + by[0]))
        column = Math.max(0, Math.min(first.width - 1, column + by[1]))
        draw()
      } else if (event.key === "Enter") context.choose("pixel", `${row}-${column}`)
      else return
      event.preventDefault()
    }
    const update = () => {
      const [y, x] = [Math.floor((row * lane.output.height) / first.height), Math.floor((column * lane.output.width) / first.width)]
      const [[top, bottom], [left, right]] = [lane.extents[y], lane.extents[x]]
      frameAt(tile, y, x)
      frameAt(photo, top, left, bottom - top + 1, right - left + 1)
      const measured = row === context.cell[0] && column === context.cell[1]
      heat.style.opacity = measured ? 1 : 0.25
      photo.box.classList.toggle("dim", measured)
      photo.label.textContent = `frame: at most ${bottom - top + 1} × ${right - left + 1} of ${context.side} × ${context.side} pixels`
      words.textContent = measured
        ? `Half of the gradient lies on ${lane.extra.half} pixels, ${percent(lane.extra.half / ((bottom - top + 1) * (right - left + 1)))} of the frame.`
        : "The heat map belongs to the pinned pixel. Click, or press Enter, to measure this one."
    }
    return { section, update }
  })
  const draw = () => parts.forEach(({ update }) => update())
  root.replaceChildren(element("div", { className: "details" }, ...parts.map(({ section }) => section)), growthLines(lanes))
  draw()
  return {
    moved: (cell) => {
      ;[row, column] = context.cell = cell
      draw()
    },
  }
}
