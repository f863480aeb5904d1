// What does batch norm do to a channel, and why does it matter which photographs are in the batch?

const BINS = 36

/** A histogram of numbers whose range can change; the first photograph's part is solid. */
function histogram(title) {
  const [width, height] = [300, 130]
  const bars = Array.from({ length: 2 * BINS }, (_, i) => vector("rect", { fill: i < BINS ? "var(--st-border-color)" : "var(--own)", width: width / BINS - 1 }))
  const zero = vector("line", { stroke: "currentColor", "stroke-width": 1, y1: 0, y2: height })
  const picture = vector("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": title }, ...bars, zero)
  const words = element("div", { className: "ends" }, element("span"), element("span"), element("span"))
  const box = element("div", { className: "line" }, element("div", { className: "label" }, title), picture, words)
  const update = (values, first, [low, high], say) => {
    const counts = [new Float64Array(BINS), new Float64Array(BINS)]
    values.forEach((value, i) => {
      const bin = Math.max(0, Math.min(BINS - 1, Math.floor(((value - low) / (high - low || 1)) * BINS)))
      counts[0][bin]++
      if (i < first) counts[1][bin]++
    })
    const most = Math.max(...counts[0], 1)
    bars.forEach((bar, i) => {
      const tall = (height * counts[i < BINS ? 0 : 1][i % BINS]) / most
      bar.setAttribute("x", ((i % BINS) * width) / BINS)
      bar.setAttribute("y", height - tall)
      bar.setAttribute("height", tall)
    })
    const x = ((0 - low) / (high - low || 1)) * width
    zero.setAttribute("x1", x)
    zero.setAttribute("x2", x)
    words.children[0].textContent = said(low, 2)
    words.children[1].textContent = say
    words.children[2].textContent = said(high, 2)
  }
  return { box, update }
}

const MOMENTUM = 0.1 // torch's usual one

/** What is stored after batches like this one: every batch moves it a tenth of the way to the batch's own. */
const storedAfter = (batches, stored, own) => own + (stored - own) * (1 - MOMENTUM) ** batches

function moments(values) {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length
  return [mean, values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length]
}

function normLane(lane, state) {
  const { values, shape } = lane.pack.batch
  const size = shape[1] * shape[2]
  const learnt = lane.convolutions.at(-1).norm
  const titles = [`before, all photographs; in colour: ${lane.extra.photos[0].title}`, "standardised: minus the mean, divided by the spread", "after γ and β"]
  const [before, standard, after] = titles.map(histogram)
  const words = [element("p"), element("p", { className: "closing" })]
  const section = element("section", { className: `detail ${lane.colour}` },
    element("h3", {}, element("b", {}, lane.title), ` · ${lane.block}, last batch norm, channel ${lane.convolutions.at(-1).channel}`),
    element("div", { className: "histograms" }, before.box, element("b", {}, "→"), standard.box, element("b", {}, "→"), after.box), ...words) // prettier-ignore
  const update = () => {
    const chosen = state.chosen.flatMap((photo) => Array.from(values.subarray(photo * size, (photo + 1) * size)))
    const own = moments(chosen)
    const [mean, variance] = state.stored ? [learnt.mean, learnt.variance] : own
    const scale = state.scale === null ? learnt.scale : state.scale
    const shift = state.shift === null ? learnt.shift : state.shift
    const spread = Math.sqrt(variance + learnt.eps)
    const standardised = chosen.map((value) => (value - mean) / spread)
    const range = [Math.min(0, ...values), Math.max(0, ...values)]
    before.update(chosen, size, range, `mean ${said(own[0], 2)}, spread ${said(Math.sqrt(own[1]), 2)}`)
    const [middle, width] = moments(standardised)
    standard.update(standardised, size, [-4, 4], `mean ${said(middle, 2)}, spread ${said(Math.sqrt(width), 2)}`)
    after.update(standardised.map((value) => scale * value + shift), size, [-4, 4], `γ = ${said(scale, 2)}, β = ${said(shift, 2)}`)
    const unbiased = (own[1] * chosen.length) / (chosen.length - 1)
    const later = state.batches === 0 ? "" : ` After ${state.batches} such batch${state.batches > 1 ? "es" : ""} in training, with momentum ${MOMENTUM}, these would be stored: mean ${said(storedAfter(state.batches, learnt.mean, own[0]))}, variance ${said(storedAfter(state.batches, learnt.variance, unbiased))}.`
    words[0].textContent = `Stored in training: mean ${said(learnt.mean)}, variance ${said(learnt.variance)}. This batch's own: mean ${said(own[0])}, variance ${said(own[1])}.${later}`
    const { stored, beside, target } = lane.extra
    const [now, top, most] = beside[state.chosen.join("-")]
    const [alone] = [stored]
    const company = state.chosen.length === 1 ? "alone in its batch" : `beside ${state.chosen.length - 1} other${state.chosen.length > 2 ? "s" : ""}`
    words[1].textContent = state.stored
      ? `${lane.extra.photos[0].title}: ${target} ${(100 * alone).toFixed(1)} %, whoever its neighbours are: stored numbers do not know them.`
      : `${lane.extra.photos[0].title} ${company}: ${target} ${(100 * now).toFixed(1)} % (with stored statistics ${(100 * alone).toFixed(1)} %)${top === target ? "." : `; it says ${top} instead, ${(100 * most).toFixed(1)} %.`}`
  }
  return { section, update }
}

function normLook(root, lanes, context) {
  if (!lanes.every((lane) => lane.convolutions.at(-1).norm)) {
    root.replaceChildren(element("p", {}, "One of these networks has no batch norm; choose a pair that has."))
    return {}
  }
  const { photos } = lanes[0].extra
  const learnt = lanes[0].convolutions.at(-1).norm
  const state = { chosen: photos.map((_, i) => i), stored: false, scale: null, shift: null, batches: 0 }
  const parts = lanes.map((lane) => normLane(lane, state))
  const draw = () => {
    chips.forEach((chip, i) => chip.setAttribute("aria-pressed", state.chosen.includes(i)))
    switches.forEach((button, i) => button.setAttribute("aria-pressed", state.stored === (i === 1)))
    parts.forEach(({ update }) => update())
  }
  const chips = photos.map(({ title, picture }, i) => element("button", { type: "button", className: "chip", disabled: i === 0, title: i ? `${title}: take it out, or put it back` : `${title}: the photograph whose answer is watched`, onclick: () => {
    state.chosen = photos.map((_, j) => j).filter((j) => state.chosen.includes(j) !== (j === i))
    draw()
  } }, element("img", { src: picture, alt: title }))) // prettier-ignore
  const switches = ["this batch's own statistics", "stored statistics"].map((words, i) => element("button", { type: "button", onclick: () => ((state.stored = i === 1), draw()) }, words))
  const ofScale = slider("γ", -2, 3, 0.01, learnt.scale, (value) => ((state.scale = value), draw()), "scale")
  const ofShift = slider("β", -3, 3, 0.01, learnt.shift, (value) => ((state.shift = value), draw()), "shift")
  const seen = slider("such batches in training", 0, 50, 1, 0, (value) => ((state.batches = value), draw()), "batches")
  const back = element("button", { type: "button", onclick: () => {
    state.scale = state.shift = null
    ofScale.set(learnt.scale)
    ofShift.set(learnt.shift)
    draw()
  } }, "Back to learnt") // prettier-ignore
  root.replaceChildren(
    element("div", { className: "controls" }, element("span", {}, "The batch:"), ...chips, element("span", { className: "switches" }, ...switches)),
    element("div", { className: "controls" }, ofScale.row, ofShift.row, back, seen.row), ...parts.map(({ section }) => section)) // prettier-ignore
  draw()
  return {}
}
