// What does ReLU silence, before and after the addition? A lens shows what was there.

function reluLook(root, lanes, context) {
  const sections = lanes.map((lane) => {
    const first = lane.convolutions.at(-2)
    const pairs = [
      ["first ReLU", first.normalised, `channel ${first.channel}`],
      ["last ReLU", lane.total ?? lane.branch, lane.total ? "after adding x" : "F(x) alone"],
    ]
    const lenses = pairs.map(([name, before, words]) => {
      const after = { ...before, values: before.values.map((value) => Math.max(0, value)) }
      const [limit, tile] = [limitOf(before), mapTile(`${name}, ${words}: move the lens`, after)]
      const under = element("canvas", { className: "lens" })
      paint(tile.canvas, after, limit, context.palette)
      paint(under, before, limit, context.palette)
      tile.frame.replaceWith(under)
      const silent = after.values.reduce((count, value) => count + (value === 0), 0) / after.values.length
      const rest = `this channel: ${percent(silent)} silenced`
      tile.value.textContent = rest
      tile.box.tabIndex = 0
      let [row, column] = [before.height >> 1, before.width >> 1]
      const look = () => {
        under.style.clipPath = `circle(20% at ${(100 * (column + 0.5)) / before.width}% ${(100 * (row + 0.5)) / before.height}%)`
        const value = at(before, row, column)
        tile.value.textContent = `${said(value)} → ${said(Math.max(0, value))} · ${rest}`
      }
      tile.box.onpointermove = (event) => ([row, column] = cellUnder(event, tile.box, before), look())
      tile.box.onkeydown = (event) => {
        const by = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key]
        if (!by) return
        event.preventDefault()
        row = Math.max(0, Math.min(before.height - 1, row + by[0]))
        column = Math.max(0, Math.min(before.width - 1, column + by[1]))
        look()
      }
      look()
      return tile.tile
    })
    const bars = lane.extra.shares.map(({ words, forward, backward }) =>
      element("div", { className: "shares" }, element("span", {}, words),
        ...[["values silenced", forward], ["gradient stopped", backward]].map(([name, share]) =>
          share === null ? "" : element("div", { className: "bar" }, element("span", { className: "name" }, name), element("span", { className: "track left" }, element("i", { className: "own", style: `width: ${100 * share}%` })), element("span", { className: "amount" }, percent(share)))))) // prettier-ignore
    return element("section", { className: `detail ${lane.colour}` }, element("h3", {}, element("b", {}, lane.title), ` · ${lane.block}`),
      element("div", { className: "sum lenses" }, ...lenses, element("div", { className: "bars top" }, element("div", { className: "label" }, "all channels of the block"), ...bars))) // prettier-ignore
  })
  root.replaceChildren(...sections)
  return {}
}
