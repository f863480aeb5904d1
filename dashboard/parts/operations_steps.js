// How is one number made of the numbers before? A card for each kind of step, closed by the network's own value.

const BARS = 7 // input channels of a sum that have a bar of their own

function closing(line, words, computed, own, sizes) {
  const right = agrees(own, computed, sizes)
  line.className = `closing ${right ? "right" : "wrong"}`
  line.textContent = right
    ? `${words} ${said(computed)} = the network's own value ${said(own)} ✓`
    : `${words} ${said(computed)} ≠ the network's own value ${said(own)} ✗`
}

/** What one convolution does at a position: one window, its kernel, their products, and the sum over all input channels. */
function convolutionCard(lane, station, context) {
  const { convolution } = station
  const [channels, side] = convolution.weight.shape
  const of = station.place === 1 ? "x" : `what ReLU ${station.place - 1} left`
  const input = mapTile("", mapOf(convolution.input, 0))
  const grids = ["window", "kernel", "products"].map((name) => numberGrid(side, name))
  const gives = element("p", { className: "gives" })
  const list = element("div", { className: "bars" })
  const check = element("p", { className: "closing" })
  const follow = element("button", { className: "follow", type: "button" })
  const titled = (grid, words) => element("div", {}, element("div", { className: "label" }, words), grid)
  const card = element("div", { className: "step" },
    element("p", {}, `Channel ${convolution.channel} of convolution ${station.place} has a ${side} × ${side} kernel for each of the ${channels} channels of ${of}. It multiplies, and adds everything up.`),
    element("div", { className: "product" }, input.tile, titled(grids[0].grid, "window"), element("b", {}, "×"), titled(grids[1].grid, "kernel"), element("b", {}, "="), titled(grids[2].grid, "products")),
    gives,
    list, check, follow) // prettier-ignore
  let [picked, drawn, tap, cell, order, bars, shown] = [null, -1, null, null, [], [], 0]

  /** A bar for each of the first channels, and, where there are more, one for the others together; all of them when unfolded. */
  function makeBars(count) {
    shown = Math.min(count, channels)
    bars = Array.from({ length: shown + (channels > BARS ? 1 : 0) }, (_, i) => {
      const bar = element("i")
      const [name, value] = [element("span", { className: "name" }), element("span", { className: "amount" })]
      const line = element("button", { className: "bar", type: "button" }, name, element("span", { className: "track" }, bar), value)
      line.title = i < shown ? "Look at this channel's window" : "Unfold the others, or fold them again"
      line.onclick = () => {
        if (i < shown) picked = order[i]
        else makeBars(shown === channels ? BARS : channels)
        update()
      }
      return { line, bar, name, value }
    })
    list.replaceChildren(...bars.map(({ line }) => line))
  }

  function update(position = cell) {
    const [row, column] = (cell = position)
    const { shares, sizes, total } = sharesAt(convolution, row, column)
    order = Array.from(shares.keys()).sort((a, b) => Math.abs(shares[b]) - Math.abs(shares[a]))
    const channel = picked ?? order[0]
    input.map = mapOf(convolution.input, channel)
    if (drawn !== channel) paint(input.canvas, input.map, limitOf(input.map), context.palette)
    drawn = channel
    write(input.label, `channel ${channel} of ${station.place === 1 ? "x" : `ReLU ${station.place - 1}`}`)
    const [y, x] = [row * convolution.stride - convolution.padding, column * convolution.stride - convolution.padding]
    if (tap === null) frameAt(input, y, x, side)
    else frameAt(input, y + Math.floor(tap / side), x + (tap % side))
    const values = windowAt(convolution, channel, row, column)
    const kernel = kernelOf(convolution, channel)
    const products = values.map((value, i) => (value === null ? null : value * kernel[i]))
    for (const [grid, numbers] of [[grids[0], values], [grids[1], kernel], [grids[2], products]]) {
      grid.fill(numbers, limitOf({ values: numbers }), context.palette)
      grid.cells.forEach((each, i) => each.classList.toggle("lit", i === tap))
    }
    gives.textContent = tap === null
      ? `Channel ${channel} gives ${said(shares[channel])}, one of ${channels} such shares:`
      : `This weight meets ${values[tap] === null ? "the border, where padding is zero" : `the pixel under it: ${said(values[tap])} × ${said(kernel[tap])} = ${said(products[tap])}`}` // prettier-ignore
    const rest = order.slice(shown).reduce((sum, each) => sum + shares[each], 0)
    const most = Math.max(Math.abs(rest), Math.abs(shares[order[0]])) || 1
    bars.forEach(({ line, bar, name, value }, i) => {
      const folded = i === shown
      const share = folded ? rest : shares[order[i]]
      write(name, folded ? (shown < channels ? `the other ${channels - shown}` : "fold again") : `channel ${order[i]}`)
      write(value, folded && shown === channels ? "" : said(share))
      const length = (50 * Math.abs(share)) / most
      bar.style.left = `${share < 0 ? 50 - length : 50}%`
      bar.style.width = `${length}%`
      bar.className = share < 0 ? "negative" : "positive"
      line.classList.toggle("lit", !folded && order[i] === channel)
    })
    closing(check, convolution.bias ? `sum of all, with the bias ${said(convolution.bias)},` : "sum of all", total, at(convolution.sums, row, column), sizes)
    const another = station.place > 1 && picked !== null && picked !== lane.convolutions[station.place - 2].channel
    follow.hidden = !another
    write(follow, `Follow channel ${picked} back to x`)
  }
  follow.onclick = () => context.follow(picked)
  for (const { cells } of grids)
    cells.forEach((each, i) => {
      each.onpointerenter = () => ((tap = i), update())
      each.onpointerleave = () => ((tap = null), update())
    })
  input.box.onpointermove = (event) => {
    const [y, x] = cellUnder(event, input.box, input.map)
    context.move(lane, station.place - 1, y, x)
  }
  makeBars(BARS)
  input.box.onclick = (event) => context.pin(lane, station.place - 1, ...cellUnder(event, input.box, input.map))
  return { card, update }
}

function normCard(station) {
  const { convolution } = station
  const { mean, variance, scale, shift, eps } = convolution.norm
  const lines = Array.from({ length: 4 }, () => element("li"))
  const check = element("p", { className: "closing" })
  const card = element("div", { className: "step" },
    element("p", {}, `Batch norm moves and stretches channel ${convolution.channel} with four numbers: mean and variance, stored in training, and γ and β, learnt.`),
    element("ol", { className: "four" }, ...lines), check) // prettier-ignore
  const update = ([row, column]) => {
    const value = at(convolution.sums, row, column)
    const steps = normSteps(convolution.norm, value)
    write(lines[0], `minus the mean, ${said(mean)}: ${said(value)}${plus(-mean)} = ${said(steps[0])}`)
    write(lines[1], `divided by the spread: ${said(steps[0])} / √(${said(variance)} + ${eps}) = ${said(steps[1])}`)
    write(lines[2], `times γ: ${said(steps[1])} × ${said(scale)} = ${said(steps[2])}`)
    write(lines[3], `plus β: ${said(steps[2])}${plus(shift)} = ${said(steps[3])}`)
    const sizes = (Math.abs(scale) * (Math.abs(value) + Math.abs(mean))) / Math.sqrt(variance + eps) + Math.abs(shift)
    closing(check, "after the fourth step", steps[3], at(convolution.normalised, row, column), sizes)
  }
  return { card, update }
}

function reluCard(station) {
  const [sum, words, check] = [element("p", { className: "big" }), element("p"), element("p", { className: "closing" })]
  const update = ([row, column]) => {
    const before = at(station.before, row, column)
    write(sum, `max(0, ${said(before)}) = ${said(Math.max(0, before))}`)
    const silent = station.map.values.reduce((count, value) => count + (value === 0), 0) / station.map.values.length
    words.textContent = `${before > 0 ? "Passes." : "Silenced."} ReLU sets every negative number to zero: ${percent(silent)} of this map.`
    closing(check, "after ReLU", Math.max(0, before), at(station.map, row, column), Math.abs(before))
  }
  return { card: element("div", { className: "step" }, sum, words, check), update }
}

function additionCard(lane) {
  const [sum, words, projected, check] = [element("p", { className: "big" }), element("p"), element("p"), element("p", { className: "closing" })]
  const update = ([row, column]) => {
    const branch = at(lane.branch, row, column)
    check.hidden = !lane.residual
    projected.hidden = !lane.projection
    if (!lane.residual) {
      write(sum, `F(x) = ${said(branch)}, and nothing else`)
      write(words, "A plain block has no shortcut. What F(x) does not compute anew is lost.")
      return
    }
    const passed = at(lane.shortcut, row, column)
    const from = {
      identity: "x itself, as it came in",
      padding: "x, every second pixel; channels that x does not have are zero",
      projection: "x through a 1 × 1 convolution and batch norm",
    }[lane.kind]
    write(sum, `x + F(x) = ${said(passed)}${plus(branch)} = ${said(branch + passed)}`)
    write(words, `The shortcut brings ${from}. It brought ${said(passed)} here; the ${lane.convolutions.length === 2 ? "two" : "three"} convolutions of F(x) add ${said(branch)}.`)
    if (lane.projection) {
      const { total, sizes } = sharesAt(lane.projection, row, column)
      const { norm } = lane.projection
      const stretch = norm ? Math.abs(norm.scale) / Math.sqrt(norm.variance + norm.eps) : 1
      const known = norm ? normSteps(norm, total)[3] : total
      closing(projected, "shortcut, computed from x,", known, passed, stretch * (sizes + Math.abs(norm?.mean ?? 0)) + Math.abs(norm?.shift ?? 0))
    }
    closing(check, "sum", branch + passed, at(lane.total, row, column), Math.abs(branch) + Math.abs(passed))
  }
  return { card: element("div", { className: "step" }, sum, words, projected, check), update }
}

function inputCard(lane) {
  const words = element("p")
  const update = ([row, column]) => {
    write(words, `The block is given x, ${lane.convolutions[0].input.shape[0]} maps that the layers before it made. Channel ${lane.channelOfX} holds ${said(at(lane.x, row, column))} here. The frame on the photograph shows all that this pixel of the output can depend on.`)
  }
  return { card: element("div", { className: "step" }, words), update }
}

function cardOf(lane, station, context) {
  if (station.kind === "sum") return convolutionCard(lane, station, context)
  if (station.kind === "norm") return normCard(station)
  if (station.kind === "add") return additionCard(lane)
  if (station.kind === "x") return inputCard(lane)
  return reluCard(station)
}
