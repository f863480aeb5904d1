// What if the kernel were another? Type or drag its numbers, fade to a preset, change stride, padding and dilation.

const PRESETS = {
  identity: [0, 0, 0, 0, 1, 0, 0, 0, 0],
  blur: Array(9).fill(1 / 9),
  edge: [-1, -1, -1, -1, 8, -1, -1, -1, -1],
}

/** Why a kernel cannot run over a map; empty where it can. */
function whyNot(map, side, { stride, padding, dilation }) {
  const reach = dilation * (side - 1) + 1
  if (reach <= map.height + 2 * padding && reach <= map.width + 2 * padding) return ""
  return `With dilation ${dilation} the kernel reaches over ${reach} pixels, but the map has only ${map.height} + 2 × ${padding}: choose more padding or less dilation.`
}

function kernelLook(root, lanes, context) {
  let [lane, alone] = [lanes[0], false]
  let convolution, channel, learnt, kernel, side, options, others
  const pick = element("select", { "aria-label": "Network" }, ...lanes.map(({ title }, i) => element("option", { value: i }, title)))
  const inputs = element("select", { "aria-label": "Input channel" })
  const body = element("div", { className: "sum kernel" })
  const words = element("p", { className: "closing" })
  const fader = slider("learnt to preset", 0, 1, 0.01, 0, (value) => fade(value), "fader")
  let preset = "identity"
  const presets = Object.keys(PRESETS).map((name) => element("button", { type: "button", onclick: () => {
    preset = name
    fader.set(1)
    fade(1)
  } }, name)) // prettier-ignore
  const back = element("button", { type: "button", onclick: () => begin() }, "Back to learnt")
  const steppers = ["stride", "padding", "dilation"].map((name) => {
    const low = name === "padding" ? 0 : 1
    const input = element("input", { type: "number", min: low, max: 4, step: 1, name })
    input.oninput = () => {
      const value = Math.round(Number(input.value))
      if (input.value === "" || value < low || value > 4) {
        words.textContent = `${name} is a whole number from ${low} to 4.`
        return
      }
      options = { ...options, [name]: value }
      others = null
      draw()
    }
    return { name, input, row: element("label", { className: "slider" }, name, input) }
  })
  const only = element("input", { type: "checkbox", name: "alone", onchange: () => ((alone = only.checked), draw()) })
  const cells = element("div", { className: "edited" })
  const tiles = {}

  function begin(input = null) {
    convolution = lane.convolutions[0]
    side = convolution.weight.shape[1]
    const count = convolution.weight.shape[0]
    if (inputs.length !== count) inputs.replaceChildren(...Array.from({ length: count }, (_, i) => element("option", { value: i }, `channel ${i} of x`)))
    if (input === null && channel === undefined) {
      const energy = Array.from({ length: count }, (_, i) => convolved(mapOf(convolution.input, i), kernelOf(convolution, i), convolution).values.reduce((sum, value) => sum + value * value, 0))
      input = energy.indexOf(Math.max(...energy))
    }
    channel = input ?? channel
    inputs.value = channel
    learnt = Array.from(kernelOf(convolution, channel))
    kernel = [...learnt]
    options = { stride: convolution.stride, padding: convolution.padding, dilation: 1 }
    others = null
    fader.set(0)
    for (const { name, input: field } of steppers) field.value = options[name]
    for (const button of presets) button.disabled = side !== 3
    fader.input.disabled = side !== 3
    cells.style.setProperty("--side", side)
    cells.replaceChildren(...kernel.map((_, i) => cellOf(i)))
    tiles.x = mapTile(`channel ${channel} of x`, mapOf(convolution.input, channel))
    tiles.sum = mapTile("", convolution.sums)
    tiles.relu = mapTile("", convolution.sums)
    for (const tile of Object.values(tiles)) tile.frame.hidden = true
    body.className = `sum kernel ${lane.colour}`
    body.replaceChildren(tiles.x.tile, element("b", {}, "∗"), element("div", { className: "tile" }, element("div", { className: "label" }, `kernel from channel ${channel} to channel ${convolution.channel}: type, or drag up and down`), cells), element("b", {}, "→"), tiles.sum.tile, element("b", {}, "→"), tiles.relu.tile)
    paint(tiles.x.canvas, tiles.x.map, limitOf(tiles.x.map), context.palette)
    draw()
  }
  function cellOf(i) {
    const field = element("input", { type: "text", inputMode: "decimal", "aria-label": `Kernel, row ${Math.floor(i / side) + 1}, column ${(i % side) + 1}` })
    let from = null
    field.onpointerdown = (event) => {
      from = [event.clientY, kernel[i]]
      field.setPointerCapture(event.pointerId)
    }
    field.onpointermove = (event) => {
      if (!from || Math.abs(event.clientY - from[0]) < 3) return
      kernel[i] = from[1] + (from[0] - event.clientY) * 0.01
      draw()
    }
    field.onpointerup = () => (from = null)
    field.onpointercancel = field.onpointerup
    field.onkeydown = (event) => {
      const by = { ArrowUp: 0.05, ArrowDown: -0.05 }[event.key]
      if (!by) return
      event.preventDefault()
      kernel[i] += by
      draw()
    }
    field.onchange = () => {
      const value = Number(field.value.replace("−", "-").replace(",", "."))
      if (field.value.trim() === "" || !Number.isFinite(value)) words.textContent = `“${field.value}” is no number; the weight stays ${said(kernel[i], 2)}.`
      else kernel[i] = value
      draw(Number.isFinite(value) && field.value.trim() !== "")
    }
    return field
  }
  function fade(t) {
    kernel = learnt.map((weight, i) => (1 - t) * weight + t * PRESETS[preset][i])
    draw()
  }
  /** What all other input channels give with these options: it stays while the kernel is dragged. */
  function restOf() {
    let sum = null
    for (let i = 0; i < convolution.weight.shape[0]; i++) {
      if (i === channel) continue
      const { values } = convolved(mapOf(convolution.input, i), kernelOf(convolution, i), options)
      if (!sum) sum = values
      else for (let j = 0; j < sum.length; j++) sum[j] += values[j]
    }
    return sum
  }
  function draw(speak = true) {
    const no = whyNot(tiles.x.map, side, options)
    body.classList.toggle("impossible", Boolean(no))
    ;[...cells.children].forEach((field, i) => {
      const shade = shadeOf(kernel[i], Math.max(...kernel.map(Math.abs)))
      field.value = said(kernel[i], 2)
      Object.assign(field.style, { background: context.palette.css[shade], color: context.palette.text[shade] })
    })
    if (no) return (words.textContent = no)
    const own = convolved(tiles.x.map, kernel, options)
    if (!alone) {
      others ??= restOf()
      for (let i = 0; i < own.values.length; i++) own.values[i] += (others?.[i] ?? 0) + (convolution.bias ?? 0)
    }
    const after = { ...own, values: own.values.map((value) => Math.max(0, convolution.norm && !alone ? normSteps(convolution.norm, value)[3] : value)) }
    paint(tiles.sum.canvas, own, limitOf(own), context.palette)
    paint(tiles.relu.canvas, after, limitOf(after), context.palette)
    tiles.sum.label.textContent = `${alone ? "this input channel alone" : `sum over all ${convolution.weight.shape[0]} input channels`}: ${own.height} × ${own.width}`
    tiles.relu.label.textContent = convolution.norm && !alone ? "after batch norm and ReLU" : "after ReLU"
    if (!speak) return
    const same = kernel.every((weight, i) => weight === learnt[i]) && own.values.length === convolution.sums.values.length
    const far = same && !alone ? Math.max(...own.values.map((value, i) => Math.abs(value - convolution.sums.values[i]))) : null
    words.textContent = far !== null
      ? `The learnt kernel: the map is the network's own, to ${far ? powerOf(Math.ceil(Math.log10(far))) : "the last bit"} ✓`
      : own.height !== convolution.sums.height ? `The map has ${own.height} × ${own.width} cells now; the block's shortcut and its later layers expect ${convolution.sums.height} × ${convolution.sums.width}${lane.residual ? ", so x could not be added" : ""}.`
      : `An edited kernel: the map differs from the network's own by up to ${said(Math.max(...own.values.map((value, i) => Math.abs(value - convolution.sums.values[i]))), 2)}.` // prettier-ignore
  }
  pick.onchange = () => {
    lane = lanes[Number(pick.value)]
    channel = undefined
    begin()
  }
  inputs.onchange = () => begin(Number(inputs.value))
  root.replaceChildren(
    element("div", { className: "controls" }, pick, inputs, ...presets, fader.row, back),
    element("div", { className: "controls" }, ...steppers.map(({ row }) => row), element("label", { className: "slider" }, only, "this input channel alone")),
    body, words) // prettier-ignore
  begin()
  return {}
}
