// Where does this pixel come from? From x through every sum to the output, in both networks, one step at a time.

const SECONDS = 1.8 // that a step stays while it plays

/** The maps on the way from x to the output; `place` says to which convolution's grid a map belongs. */
function stationsOf(lane) {
  const stations = [{ kind: "x", title: `x, channel ${lane.channelOfX}`, map: lane.x, place: 0 }]
  lane.convolutions.forEach((convolution, i) => {
    const following = lane.convolutions[i + 1]
    const sum = { kind: "sum", title: `conv ${i + 1}, channel ${convolution.channel}`, map: convolution.sums, convolution, place: i + 1 }
    stations.push(sum)
    const name = following ? "batch norm" : "batch norm = F(x)"
    if (convolution.norm) stations.push({ kind: "norm", title: name, map: convolution.normalised, convolution, place: i + 1 })
    if (following)
      stations.push({ kind: "relu", title: "ReLU", map: mapOf(following.input, convolution.channel), before: convolution.normalised, place: i + 1 })
  })
  const last = lane.convolutions.length
  stations.push({ kind: "add", title: lane.residual ? "x + F(x)" : "no addition", map: lane.total, place: last })
  stations.push({ kind: "out", title: "ReLU, output", map: lane.output, before: lane.total ?? lane.branch, place: last })
  return stations
}

/** The step player: back, a slider over all steps, on, and play. */
function scrubber(names, onStep) {
  const range = element("input", { type: "range", min: 0, max: names.length - 1, step: 1, value: 0, "aria-label": "Step" })
  const words = element("output")
  const button = (text, label) => element("button", { type: "button", "aria-label": label, title: label }, text)
  const [back, on, play] = [button("‹", "Step back"), button("›", "Next step"), button("Play", "Play all steps")]
  let timer = null
  const stop = () => {
    clearInterval(timer)
    timer = null
    write(play, "Play")
  }
  const show = (step) => {
    range.value = Math.max(0, Math.min(names.length - 1, step))
    write(words, `Step ${Number(range.value) + 1} of ${names.length}: ${names[range.value]}`)
    range.setAttribute("aria-valuetext", words.textContent)
    onStep(Number(range.value))
  }
  range.oninput = () => (stop(), show(Number(range.value)))
  back.onclick = () => (stop(), show(Number(range.value) - 1))
  on.onclick = () => (stop(), show(Number(range.value) + 1))
  play.onclick = () => {
    if (timer) return stop()
    if (Number(range.value) === names.length - 1) show(0)
    write(play, "Pause")
    timer = setInterval(() => {
      show(Number(range.value) + 1)
      if (Number(range.value) === names.length - 1) stop()
    }, 1000 * SECONDS)
  }
  return { row: element("div", { className: "scrubber" }, back, range, on, play, words), show, stop }
}

function arcWords(lane) {
  const { channel } = lane.convolutions.at(-1)
  if (!lane.residual) return "no shortcut: everything goes through F(x)"
  if (lane.kind === "padding" && channel !== lane.channelOfX) return `shortcut: x has no channel ${channel}, so zero is added`
  return lane.kind === "projection" ? "shortcut: x goes past, through a 1 × 1 convolution, and is added" : "shortcut: x goes past and is added"
}

/** One lane's maps from the photograph to the output, with the shortcut drawn over them. */
function strip(lane, context) {
  const stations = stationsOf(lane)
  const limit = limitOf(...stations.filter(({ kind, map }) => map && kind !== "sum").map(({ map }) => map))
  const photo = mapTile("photograph", { height: context.side, width: context.side })
  photo.canvas.replaceWith(element("img", { src: context.photograph, alt: "", draggable: false }))
  const tiles = stations.map((station) => {
    if (!station.map) {
      const value = element("div", { className: "value" })
      return { tile: element("div", { className: "tile none" }, element("div", { className: "label" }, station.title), element("div", { className: "map" }, "no shortcut"), value), value }
    }
    const tile = mapTile(station.title, station.map)
    paint(tile.canvas, station.map, station.kind === "sum" ? limitOf(station.map) : limit, context.palette)
    return tile
  })
  const count = stations.length + 1
  const arc = element("div", { className: "arc", style: `grid-column: 2 / ${count}` }, element("span", {}, arcWords(lane)))
  const title = element("h3", {}, element("b", {}, lane.title), ` ${lane.block}`)
  const grid = element("div", { className: "stations", style: `--count: ${count}` }, title, arc, photo.tile, ...tiles.map(({ tile }) => tile))
  const row = element("section", { className: `lane ${lane.colour}` }, grid)
  tiles.forEach((tile, i) => {
    tile.tile.onclick = () => context.step(i)
    if (!tile.box) return
    tile.box.onpointermove = (event) => context.move(lane, stations[i].place, ...cellUnder(event, tile.box, tile.map))
    tile.box.onclick = (event) => context.pin(lane, stations[i].place, ...cellUnder(event, tile.box, tile.map))
  })
  photo.box.onpointermove = (event) => context.move(lane, lane.convolutions.length, ...cellUnder(event, photo.box, lane.output))
  photo.box.onclick = (event) => context.pin(lane, lane.convolutions.length, ...cellUnder(event, photo.box, lane.output))

  function update(positions, step) {
    const [top, bottom] = lane.extents[positions.at(-1)[0]]
    const [left, right] = lane.extents[positions.at(-1)[1]]
    frameAt(photo, top, left, bottom - top + 1, right - left + 1)
    const window = stations[step]?.kind === "sum" ? stations[step] : null
    tiles.forEach((tile, i) => {
      const station = stations[i]
      tile.tile.classList.toggle("on", i === step)
      if (!tile.box) return
      const [row, column] = positions[station.place]
      write(tile.value, said(at(station.map, row, column)))
      const read = window && station.place === window.place - 1 && (i === step - 1 || (station.kind === "x" && window.place === 1))
      const side = read ? window.convolution.weight.shape[1] : 1
      const { stride, padding } = window?.convolution ?? {}
      if (read) frameAt(tile, positions[window.place][0] * stride - padding, positions[window.place][1] * stride - padding, side)
      else frameAt(tile, row, column)
    })
  }
  return { row, stations, update }
}

function pixelLook(root, lanes, context) {
  const first = lanes[0].output // whose cells are chosen
  let [row, column] = context.cell
  let [step, pinned, ask] = [root.step ?? 1, context.pinned, 0]
  const cellOf = (lane) => [Math.floor((row * lane.output.height) / first.height), Math.floor((column * lane.output.width) / first.width)]
  /** The output's cell that belongs to a cell of a map of the grid `place`. */
  function ofOutput(lane, place, y, x) {
    const grid = place === 0 ? lane.x : lane.convolutions[place - 1].sums
    return [Math.floor((y * first.height) / grid.height), Math.floor((x * first.width) / grid.width)]
  }
  const playing = {
    ...context,
    move: (...cell) => pinned || go(...ofOutput(...cell)),
    pin(...cell) {
      const next = ofOutput(...cell)
      pinned = !(pinned && next[0] === row && next[1] === column) // a second click lets it go again
      go(...next)
      say()
      if (pinned) context.choose("pixel", `${row}-${column}`)
    },
    step: (i) => player.show(i),
    follow(channel) {
      player.show(1)
      context.choose("through", String(channel))
    },
  }
  const strips = lanes.map((lane) => strip(lane, playing))
  const details = lanes.map((lane) => element("section", { className: `detail ${lane.colour}` }, element("h4", {}, element("b", {}, lane.title), element("span"))))
  const cards = lanes.map(() => new Map())
  const longest = strips.reduce((one, other) => (other.stations.length > one.stations.length ? other : one))
  const player = scrubber(longest.stations.map(({ title }) => title), (next) => ((root.step = step = next), draw()))
  const words = element("p", { className: "where" })
  const maps = element("div", { className: "maps", tabIndex: 0, role: "application", "aria-label": "Maps of both blocks. Arrow keys walk from pixel to pixel, Enter pins one." }, ...strips.map((each) => each.row))
  root.replaceChildren(words, maps, player.row, element("div", { className: "details" }, ...details))

  function go(y, x) {
    const next = [Math.max(0, Math.min(first.height - 1, y)), Math.max(0, Math.min(first.width - 1, x))]
    if (next[0] === row && next[1] === column) return
    ;[row, column] = next
    cancelAnimationFrame(ask)
    ask = requestAnimationFrame(draw)
  }
  function say() {
    write(words, `Row ${row}, column ${column} of the output. ${pinned ? "Pinned: click another pixel, or this one to let go" : "Move over any map; a click pins the pixel"}, or walk with the arrow keys.`)
  }
  function draw() {
    lanes.forEach((lane, i) => {
      const positions = positionsOf(lane.convolutions, ...cellOf(lane))
      const own = Math.min(step, strips[i].stations.length - 1)
      const station = strips[i].stations[own]
      strips[i].update(positions, own)
      if (!cards[i].has(own)) cards[i].set(own, cardOf(lane, station, playing))
      const card = cards[i].get(own)
      if (details[i].lastChild !== card.card) {
        details[i].querySelector(".step")?.remove()
        details[i].append(card.card)
        details[i].querySelector("h4 span").textContent = ` · ${station.title}`
      }
      card.update(positions[station.place])
    })
    say()
  }
  maps.onkeydown = (event) => {
    const by = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key]
    if (by) go(row + by[0], column + by[1])
    else if (event.key === "Enter") {
      pinned = true
      say()
      context.choose("pixel", `${row}-${column}`)
    } else if (event.key === "Escape") {
      pinned = false
      say()
    } else return
    event.preventDefault()
  }
  player.show(step)
  return {
    moved: (cell) => {
      ;[row, column] = cell
      draw()
    },
    end: () => player.stop(),
  }
}
