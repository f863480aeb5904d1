// What did the shortcut add, and what if it added more or less? Factors on F(x) and on the shortcut, and what follows.

const TOP = 5

/** The entries of a fade around a factor, and how far between them it lies. */
function between(fade, factor) {
  const last = fade.factors.length - 1
  const place = Math.max(0, Math.min(last, (factor / fade.factors[last]) * last))
  const low = Math.min(last, Math.floor(place + 1e-9))
  return [low, Math.min(last, low + 1), Math.max(0, place - low)]
}

const faded = (values, [low, high, t]) => (t < 1e-6 ? values[low] : values[low] + (values[high] - values[low]) * t)

/** Bars of the most probable classes. */
function topBars() {
  const bars = Array.from({ length: TOP }, () => {
    const [name, bar, amount] = [element("span", { className: "name" }), element("i", { className: "own" }), element("span", { className: "amount" })]
    return { name, bar, amount, line: element("div", { className: "bar" }, name, element("span", { className: "track left" }, bar), amount) }
  })
  const update = (fade, place) => {
    const now = fade.classes.map((name, i) => [name, faded(fade.probabilities[i], place)]).sort((a, b) => b[1] - a[1])
    bars.forEach(({ name, bar, amount }, i) => {
      name.textContent = now[i]?.[0] ?? ""
      bar.style.width = `${100 * (now[i]?.[1] ?? 0)}%`
      amount.textContent = now[i] ? `${(100 * now[i][1]).toFixed(1)} %` : ""
    })
  }
  return { box: element("div", { className: "bars top" }, ...bars.map(({ line }) => line)), update }
}

/** The photograph under a Grad-CAM. */
function camOver(context, side) {
  const canvas = element("canvas", { width: side, height: side })
  const paintCam = (values) => {
    const most = Math.max(...values, 1e-12)
    const image = canvas.getContext("2d").createImageData(side, side)
    values.forEach((value, i) => {
      const t = Math.max(0, value / most)
      image.data.set([255, 120 + 120 * t, 20, 215 * Math.sqrt(t)], 4 * i)
    })
    canvas.getContext("2d").putImageData(image, 0, 0)
  }
  return { box: element("div", { className: "map cam" }, element("img", { src: context.photograph, alt: "" }), canvas), paintCam }
}

/** A line over the blocks, on a logarithmic axis that stays while a factor moves. */
function blockLine(fades, labels) {
  const all = fades.flatMap(({ norms }) => norms.flat()).filter((value) => value > 0)
  const [low, high] = [Math.log10(Math.min(...all)), Math.log10(Math.max(...all))]
  const [width, height] = [220, 110]
  const line = vector("polyline", { fill: "none", stroke: "var(--own)", "stroke-width": 3 })
  const now = vector("polyline", { fill: "none", stroke: "currentColor", "stroke-width": 1, opacity: 0.5, "stroke-dasharray": "3 3" })
  const picture = vector("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": "Gradient norm of every block" }, now, line)
  const points = (values) => values.map((value, i) => {
    const y = value > 0 ? ((high - Math.log10(value)) / (high - low || 1)) * (height - 10) + 5 : height
    return `${(i / (values.length - 1)) * (width - 8) + 4},${y.toFixed(1)}`
  }).join(" ") // prettier-ignore
  const update = (values, trained) => {
    line.setAttribute("points", points(values))
    now.setAttribute("points", points(trained))
  }
  const box = element("div", { className: "line" }, picture, element("div", { className: "ends" }, element("span", {}, labels[0]), element("span", {}, `about ${powerOf(low)} to ${powerOf(high)}`), element("span", {}, labels.at(-1))))
  return { box, update }
}

function residualLane(lane, context) {
  const { fades, labels, camSide, target } = lane.extra
  const sum = { ...lane.branch, values: new Float32Array(lane.branch.values.length) }
  const scaled = { ...lane.branch, values: new Float32Array(lane.branch.values.length) }
  const kept = lane.shortcut && { ...lane.shortcut, values: new Float32Array(lane.shortcut.values.length) }
  const limit = limitOf(...[lane.shortcut, lane.branch, lane.total].filter(Boolean))
  const tiles = { x: mapTile("", kept ?? lane.branch), F: mapTile("", scaled), out: mapTile("", sum) }
  if (!kept) tiles.x.box.replaceChildren(element("span", {}, "no shortcut")) || tiles.x.tile.classList.add("none")
  for (const { frame } of Object.values(tiles)) frame.hidden = true
  const [top, cam, line] = [topBars(), camOver(context, camSide), blockLine(Object.values(fades).filter(Boolean), labels)]
  const words = element("p", { className: "closing" })
  const titled = (text, box) => element("div", { className: "follows" }, element("div", { className: "label" }, text), box)
  const section = element("section", { className: `detail ${lane.colour}` },
    element("h3", {}, element("b", {}, lane.title), ` · ${lane.block}, channel ${lane.convolutions.at(-1).channel}`),
    element("div", { className: "sum" }, tiles.x.tile, element("b", {}, "+"), tiles.F.tile, element("b", {}, "="), tiles.out.tile,
      titled("the network's answer", top.box), titled(`Grad-CAM for ${target}`, cam.box), titled("gradient norm by block (dashed: as trained)", line.box)),
    words) // prettier-ignore
  const update = (alpha, kappa, moved) => {
    const fade = moved === "shortcut" && fades.shortcut ? fades.shortcut : fades.residual
    const factor = fade === fades.residual ? (moved === "shortcut" ? 1 : alpha) : kappa
    for (let i = 0; i < sum.values.length; i++) {
      scaled.values[i] = alpha * lane.branch.values[i]
      const passed = kept ? (kept.values[i] = kappa * lane.shortcut.values[i]) : 0
      sum.values[i] = Math.max(0, passed + scaled.values[i])
    }
    for (const [tile, map] of [[tiles.F, scaled], [tiles.out, sum], [tiles.x, kept]]) if (map) paint(tile.canvas, map, limit, context.palette)
    tiles.x.label.textContent = kept ? (kappa === 1 ? "x, what it was given" : `x × ${said(kappa, 2)}`) : "x does not go past"
    tiles.F.label.textContent = alpha === 1 ? (kept ? "F(x), what it adds" : "F(x), all there is") : `F(x) × ${said(alpha, 2)}`
    tiles.out.label.textContent = "what it passes on, after ReLU"
    const place = between(fade, factor)
    top.update(fade, place)
    cam.paintCam(fade.cams.map((values) => faded(values, place)))
    const norms = fade.norms.map((values) => faded(values, place))
    const one = between(fades.residual, 1)
    line.update(norms, fades.residual.norms.map((values) => faded(values, one)))
    words.textContent = lane.residual
      ? alpha === 0 ? "Without F(x) the block passes on x, as if it were not there." : kappa === 0 ? "Without its shortcut the block is plain: only F(x) goes on." : alpha === 1 && kappa === 1 ? `F(x) is ${said(lane.extra.ratio, 2)} times as large as what the shortcut brings.` : ""
      : alpha === 0 ? "Without F(x) nothing is left: the block passes on zeros, and the picture is gone." : alpha === 1 ? "F(x) is all that this block passes on." : "" // prettier-ignore
  }
  return { section, update }
}

function residualLook(root, lanes, context) {
  let [alpha, kappa, moved] = [1, 1, "residual"]
  const parts = lanes.map((lane) => residualLane(lane, context))
  const draw = () => parts.forEach(({ update }) => update(alpha, kappa, moved))
  const ofF = slider("F(x) times α", 0, 2, 0.01, 1, (value) => ([alpha, kappa, moved] = [value, 1, "residual"], ofX.set(1), draw()), "alpha")
  const ofX = slider("shortcut times", 0, 1, 0.01, 1, (value) => ([alpha, kappa, moved] = [1, value, "shortcut"], ofF.set(1), draw()), "shortcut")
  const back = element("button", { type: "button", onclick: () => ([alpha, kappa] = [1, 1], ofF.set(1), ofX.set(1), draw()) }, "As trained")
  root.replaceChildren(element("div", { className: "controls" }, ofF.row, ofX.row, back), ...parts.map(({ section }) => section))
  draw()
  return {}
}
